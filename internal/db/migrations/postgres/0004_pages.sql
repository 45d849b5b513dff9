-- A page of a link's configurations is read where it stands, and not sorted out
-- of all that the account has.

CREATE INDEX sync_configuration_by_link ON sync_configuration (link_id, sync_type, id);
