-- What was changed in the library: what replicas keep of it ends by this. Writers of the version before
-- know nothing of it: triggers do their part.
CREATE TABLE changes (
    place INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL,
    at INTEGER NOT NULL DEFAULT (unixepoch())
);
CREATE INDEX changes_at ON changes (at);
CREATE TRIGGER note_content_added AFTER INSERT ON contents BEGIN
    INSERT INTO changes (tag) VALUES ('content:' || new.id);
END;
CREATE TRIGGER note_content_changed AFTER UPDATE OF title, owner, description, contact, rule, state,
    current_output ON contents BEGIN
    INSERT INTO changes (tag) VALUES ('content:' || new.id);
END;
CREATE TRIGGER note_content_removed AFTER DELETE ON contents BEGIN
    INSERT INTO changes (tag) VALUES ('content:' || old.id);
END;
CREATE TRIGGER note_content_bound AFTER INSERT ON content_categories BEGIN
    INSERT INTO changes (tag) VALUES ('content:' || new.content);
END;
CREATE TRIGGER note_content_unbound AFTER DELETE ON content_categories BEGIN
    INSERT INTO changes (tag) VALUES ('content:' || old.content);
END;
CREATE TRIGGER note_category_added AFTER INSERT ON categories BEGIN
    INSERT INTO changes (tag) VALUES ('categories');
END;
CREATE TRIGGER note_category_changed AFTER UPDATE ON categories BEGIN
    INSERT INTO changes (tag) VALUES ('categories');
END;
CREATE TRIGGER note_category_removed AFTER DELETE ON categories BEGIN
    INSERT INTO changes (tag) VALUES ('categories');
END;
