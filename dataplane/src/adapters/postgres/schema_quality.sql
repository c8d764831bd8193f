-- How near each pod's pictures come to what their encoder was given, by track: sums in millionths.
CREATE TABLE pod_quality (
    output TEXT NOT NULL REFERENCES outputs (id) ON DELETE CASCADE, pod TEXT NOT NULL,
    track TEXT COLLATE "C" NOT NULL, pictures BIGINT NOT NULL, squared_error BIGINT NOT NULL,
    similarity BIGINT NOT NULL, PRIMARY KEY (output, pod, track)
);
