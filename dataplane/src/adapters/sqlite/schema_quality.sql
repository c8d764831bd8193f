-- How near each pod's pictures come to what their encoder was given, by track: sums in millionths.
CREATE TABLE pod_quality (
    output TEXT NOT NULL REFERENCES outputs (id) ON DELETE CASCADE, pod TEXT NOT NULL,
    track TEXT NOT NULL, pictures INTEGER NOT NULL, squared_error INTEGER NOT NULL,
    similarity INTEGER NOT NULL, PRIMARY KEY (output, pod, track)
) STRICT, WITHOUT ROWID;
