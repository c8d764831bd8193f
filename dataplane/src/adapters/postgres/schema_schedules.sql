-- What is done again and again, the ticks that were taken, and outputs that play no more.
CREATE TABLE schedules (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL, admin BOOLEAN NOT NULL, title TEXT NOT NULL, cron TEXT NOT NULL,
    time_zone TEXT NOT NULL, action TEXT NOT NULL, deadline BIGINT NOT NULL, once BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL, request TEXT, version BIGINT NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL, next_at BIGINT
);
CREATE INDEX schedules_of_owner ON schedules (owner, place);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
-- The name is the hash of schedule and tick: a tick is there once.
CREATE TABLE schedule_runs (
    name TEXT PRIMARY KEY, schedule TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    tick BIGINT NOT NULL, missed BIGINT NOT NULL, state TEXT NOT NULL, outcome TEXT NOT NULL,
    holder TEXT, held_until BIGINT NOT NULL DEFAULT 0, at BIGINT NOT NULL
);
CREATE INDEX runs_of_schedule ON schedule_runs (schedule, tick);
CREATE INDEX runs_pending ON schedule_runs (held_until) WHERE state = 'pending';
CREATE TABLE retired_outputs (
    output TEXT COLLATE "C" PRIMARY KEY REFERENCES outputs (id) ON DELETE CASCADE, at BIGINT NOT NULL
);
-- Outputs that are gone and whose objects are still there.
CREATE TABLE removed_outputs (output TEXT COLLATE "C" PRIMARY KEY, content TEXT NOT NULL);
