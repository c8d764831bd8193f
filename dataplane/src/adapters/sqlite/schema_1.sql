CREATE TABLE contents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, owner TEXT NOT NULL, rule TEXT,
    state TEXT NOT NULL, current_output TEXT
);
CREATE TABLE outputs (
    id TEXT PRIMARY KEY, content TEXT NOT NULL REFERENCES contents (id),
    job TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, complete INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX outputs_of_content ON outputs (content);
-- Number -1 is the init segment: NULL would not be unique.
CREATE TABLE segments (
    output TEXT NOT NULL REFERENCES outputs (id), track TEXT NOT NULL, number INTEGER NOT NULL,
    key TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    committed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (output, track, number)
) WITHOUT ROWID;
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, length INTEGER NOT NULL, metadata TEXT NOT NULL,
    content TEXT REFERENCES contents (id)
);
CREATE TABLE upload_parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    part INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (upload, part)
) WITHOUT ROWID;
CREATE TABLE outbox (
    upload TEXT PRIMARY KEY REFERENCES uploads (id), content TEXT NOT NULL REFERENCES contents (id)
);
CREATE TABLE nonces (nonce TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE revoked_sessions (session TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE epoch (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
INSERT INTO epoch VALUES (1, 1);
PRAGMA user_version = 1;
