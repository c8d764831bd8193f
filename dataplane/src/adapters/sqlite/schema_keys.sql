-- Keys of encrypted outputs, by the job that makes the output. A video whose key is gone is lost, so
-- keys are kept where the output is.
CREATE TABLE content_keys (
    job TEXT PRIMARY KEY, id TEXT NOT NULL, key TEXT NOT NULL
) WITHOUT ROWID;
