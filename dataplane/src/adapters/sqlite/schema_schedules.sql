-- What is done again and again, the ticks that were taken, and outputs that play no more. A program of
-- the version before knows none of it and needs none.
CREATE TABLE schedules (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
    admin INTEGER NOT NULL, title TEXT NOT NULL, cron TEXT NOT NULL, time_zone TEXT NOT NULL,
    action TEXT NOT NULL, deadline INTEGER NOT NULL, once INTEGER NOT NULL, enabled INTEGER NOT NULL,
    request TEXT, version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    next_at INTEGER
);
CREATE INDEX schedules_of_owner ON schedules (owner, place);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
-- The name is the hash of schedule and tick: a tick is there once.
CREATE TABLE schedule_runs (
    name TEXT PRIMARY KEY, schedule TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    tick INTEGER NOT NULL, missed INTEGER NOT NULL, state TEXT NOT NULL, outcome TEXT NOT NULL,
    holder TEXT, held_until INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_of_schedule ON schedule_runs (schedule, tick);
CREATE INDEX runs_pending ON schedule_runs (held_until) WHERE state = 'pending';
CREATE TABLE retired_outputs (
    output TEXT PRIMARY KEY REFERENCES outputs (id) ON DELETE CASCADE, at INTEGER NOT NULL
) WITHOUT ROWID;
-- Outputs that are gone and whose objects are still there.
CREATE TABLE removed_outputs (
    output TEXT PRIMARY KEY, content TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX uploads_of_content ON uploads (content);
