-- Silences of alerts, and when alerts began and ended to fire.
CREATE TABLE silences (
    id TEXT COLLATE "C" PRIMARY KEY, matchers TEXT NOT NULL, starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL, author TEXT NOT NULL, comment TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE alert_changes (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, happened_at BIGINT NOT NULL,
    resolved BIGINT NOT NULL, namespace TEXT NOT NULL, policy TEXT NOT NULL, rule TEXT NOT NULL,
    severity TEXT NOT NULL, labels TEXT NOT NULL, starts_at BIGINT NOT NULL,
    value DOUBLE PRECISION, silenced BIGINT NOT NULL
);
