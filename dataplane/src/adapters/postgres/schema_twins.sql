-- Outputs of the same source and plan: the hash of the source, and which output one was taken over from.
ALTER TABLE outputs ADD COLUMN source_sha256 TEXT;
ALTER TABLE outputs ADD COLUMN taken_from TEXT;
CREATE INDEX outputs_of_source ON outputs (source_sha256);
