-- Uploads besides whole files of known length, whose turn it is to write one, and what parts hash to.
-- A program of the version before completes an upload that stands at `length`: where that is not
-- known, or the upload becomes no content by itself, it is more than any upload has.
ALTER TABLE uploads ADD COLUMN kind TEXT NOT NULL DEFAULT 'whole';
ALTER TABLE uploads ADD COLUMN announced INTEGER;
ALTER TABLE uploads ADD COLUMN pieces TEXT;
ALTER TABLE uploads ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN holder TEXT;
ALTER TABLE uploads ADD COLUMN asked TEXT;
ALTER TABLE upload_parts ADD COLUMN sha256 TEXT;
CREATE INDEX uploads_of_owner ON uploads (owner);
