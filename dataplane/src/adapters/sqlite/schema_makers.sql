-- Contents made by a TranscodeJob belong to its namespace; a content without a row was uploaded.
CREATE TABLE content_namespaces (
    content TEXT PRIMARY KEY REFERENCES contents (id), namespace TEXT NOT NULL
) WITHOUT ROWID;
