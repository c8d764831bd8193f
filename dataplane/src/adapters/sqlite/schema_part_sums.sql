-- What parts of uploads sum to (CRC-32C). Programs of the version before write the column `sha256` of
-- theirs; nobody reads that.
ALTER TABLE upload_parts ADD COLUMN crc32c INTEGER;
