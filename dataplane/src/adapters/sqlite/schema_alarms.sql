-- Silences of alerts, and when alerts began and ended to fire.
CREATE TABLE silences (
    id TEXT PRIMARY KEY, matchers TEXT NOT NULL, starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL, author TEXT NOT NULL, comment TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert_changes (
    place INTEGER PRIMARY KEY AUTOINCREMENT, happened_at INTEGER NOT NULL,
    resolved INTEGER NOT NULL, namespace TEXT NOT NULL, policy TEXT NOT NULL, rule TEXT NOT NULL,
    severity TEXT NOT NULL, labels TEXT NOT NULL, starts_at INTEGER NOT NULL, value REAL,
    silenced INTEGER NOT NULL
);
