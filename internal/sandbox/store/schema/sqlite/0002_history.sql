-- Foreign keys that SQLite follows when a definition is deleted: without these indexes
-- it reads the change sets and revisions of all stacks.

CREATE INDEX change_set_definition ON change_set (definition_id);
CREATE INDEX revision_definition ON revision (definition_id);
