-- What a person asked for by its id is kept while the branch stays where it was;
-- lists of blockers over all resources.

-- The head that the branch had when a commit was asked for by its id: as long as
-- it is still the head, it does not concern the resource. '' where nothing is held.
ALTER TABLE resource ADD COLUMN held_head text NOT NULL DEFAULT '';

CREATE INDEX sync_blocker_by_time ON sync_blocker (created_at, id);

-- The latest attempt of the resource's present configuration, so that the state of
-- a whole fleet is one join. NULL before the first.
ALTER TABLE resource ADD COLUMN latest_seq bigint;
UPDATE resource SET latest_seq = (SELECT max(a.seq) FROM resource_sync_attempt a
    WHERE a.resource_id = resource.id AND a.configuration_id = resource.configuration_id);
