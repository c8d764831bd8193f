-- What each pod of a job took for an output.
CREATE TABLE pod_usage (
    output TEXT NOT NULL REFERENCES outputs (id) ON DELETE CASCADE, pod TEXT NOT NULL,
    cpu_ms INTEGER NOT NULL, pod_ms INTEGER NOT NULL, fetched_bytes INTEGER NOT NULL,
    PRIMARY KEY (output, pod)
) STRICT, WITHOUT ROWID;
