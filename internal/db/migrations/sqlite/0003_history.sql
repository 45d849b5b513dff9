-- What a person asked for by its id is kept while the branch stays where it was;
-- lists of blockers over all resources.

-- The head that the branch had when a commit was asked for by its id: as long as
-- it is still the head, it does not concern the resource. '' where nothing is held.
ALTER TABLE resource ADD COLUMN held_head text NOT NULL DEFAULT '';

CREATE INDEX sync_blocker_by_time ON sync_blocker (created_at, id);

-- The latest attempt of the resource's present configuration, so that the state of
-- a whole fleet is one join. NULL before the first.
ALTER TABLE resource ADD COLUMN latest_seq bigint;
UPDATE resource SET latest_seq = m.seq
    FROM (SELECT resource_id, configuration_id, max(seq) AS seq FROM resource_sync_attempt GROUP BY 1, 2) m
    WHERE m.resource_id = resource.id AND m.configuration_id = resource.configuration_id;

-- From a configuration to its resource by one number. By the four columns of its
-- name PostgreSQL, before it has statistics, compares every row with every other.
CREATE UNIQUE INDEX resource_by_configuration ON resource (configuration_id);
