-- What people say about contents, lists of them and finding them by their words. Writers of the
-- version before know none of this: defaults and triggers do their part.
ALTER TABLE contents ADD COLUMN doc INTEGER;
ALTER TABLE contents ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE contents ADD COLUMN contact TEXT;
ALTER TABLE contents ADD COLUMN request TEXT;
ALTER TABLE contents ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE contents ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contents ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
UPDATE contents SET doc = rowid, created_at = unixepoch(), updated_at = unixepoch();
CREATE UNIQUE INDEX contents_doc ON contents (doc);
CREATE INDEX contents_owner ON contents (owner, doc);
CREATE INDEX contents_state ON contents (state, doc);
CREATE VIRTUAL TABLE content_search USING fts5 (
    title, description, content = 'contents', content_rowid = 'doc', detail = 'none',
    columnsize = 0, tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2 3'
);
INSERT INTO content_search (content_search) VALUES ('rebuild');
CREATE TRIGGER content_added AFTER INSERT ON contents BEGIN
    UPDATE contents SET doc = (SELECT coalesce(max(doc), 0) + 1 FROM contents),
        created_at = unixepoch(), updated_at = unixepoch() WHERE id = new.id;
    INSERT INTO content_search (rowid, title, description)
        SELECT doc, title, description FROM contents WHERE id = new.id;
END;
CREATE TRIGGER content_changed AFTER UPDATE OF title, description, contact, rule, state,
    current_output ON contents BEGIN
    UPDATE contents SET version = old.version + 1, updated_at = unixepoch() WHERE id = new.id;
END;
CREATE TRIGGER content_reworded AFTER UPDATE OF title, description ON contents
WHEN old.title != new.title OR old.description != new.description BEGIN
    INSERT INTO content_search (content_search, rowid, title, description)
        VALUES ('delete', old.doc, old.title, old.description);
    INSERT INTO content_search (rowid, title, description)
        VALUES (new.doc, new.title, new.description);
END;
CREATE TRIGGER content_removed AFTER DELETE ON contents BEGIN
    INSERT INTO content_search (content_search, rowid, title, description)
        VALUES ('delete', old.doc, old.title, old.description);
END;
CREATE TABLE categories (id TEXT PRIMARY KEY, title TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE content_categories (
    content TEXT NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    category TEXT NOT NULL REFERENCES categories (id) ON DELETE CASCADE,
    PRIMARY KEY (content, category)
) WITHOUT ROWID;
CREATE INDEX contents_of_category ON content_categories (category, content);
CREATE TABLE removed_contents (content TEXT PRIMARY KEY, removed_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE plays (
    content TEXT NOT NULL, day INTEGER NOT NULL, starts INTEGER NOT NULL,
    seconds INTEGER NOT NULL, PRIMARY KEY (content, day)
) WITHOUT ROWID;
CREATE INDEX plays_of_day ON plays (day);
-- The oldest version of the schema whose programs can work with this one.
CREATE TABLE schema_floor (only INTEGER PRIMARY KEY CHECK (only = 1), version INTEGER NOT NULL);
INSERT INTO schema_floor VALUES (1, 5);
