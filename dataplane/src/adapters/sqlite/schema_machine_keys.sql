-- Keys by which machines act for a wallet; the secret is there as a salted hash alone.
CREATE TABLE machine_keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, wallet TEXT NOT NULL, scopes TEXT NOT NULL,
    hash TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER
) WITHOUT ROWID;
