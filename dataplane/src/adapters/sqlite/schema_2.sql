-- Parts name their object; uploads know their age. Uploads begun before this step go: nothing was
-- released that could have made one.
DELETE FROM upload_parts;
ALTER TABLE upload_parts ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX uploads_unfinished ON uploads (created_at) WHERE content IS NULL;
PRAGMA user_version = 2;
