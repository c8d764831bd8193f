-- What was changed in the library: what replicas keep of it ends by this. Writers of the version before
-- know nothing of it: triggers do their part. Places are given out before they are committed, so who
-- looks for news asks by transaction.
CREATE TABLE changes (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tag TEXT NOT NULL,
    tx BIGINT NOT NULL DEFAULT CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT),
    at BIGINT NOT NULL DEFAULT extract(epoch FROM clock_timestamp())::bigint
);
CREATE INDEX changes_tx ON changes (tx);
CREATE INDEX changes_at ON changes (at);
CREATE FUNCTION note_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO changes (tag) VALUES ('content:' || old.id);
    ELSE
        INSERT INTO changes (tag) VALUES ('content:' || new.id);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION note_binding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO changes (tag) VALUES ('content:' || old.content);
    ELSE
        INSERT INTO changes (tag) VALUES ('content:' || new.content);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION note_categories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (tag) VALUES ('categories');
    RETURN NULL;
END $$;
CREATE TRIGGER note_content AFTER INSERT OR DELETE OR UPDATE OF title, owner, description, contact, rule,
    state, current_output ON contents FOR EACH ROW EXECUTE FUNCTION note_content();
CREATE TRIGGER note_binding AFTER INSERT OR DELETE ON content_categories
    FOR EACH ROW EXECUTE FUNCTION note_binding();
CREATE TRIGGER note_categories AFTER INSERT OR UPDATE OR DELETE ON categories
    FOR EACH ROW EXECUTE FUNCTION note_categories();
