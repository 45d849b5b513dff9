-- Tables and columns by the words of the glossary. No row changes.

ALTER TABLE commit_report RENAME TO status_report;
ALTER TABLE report_lane RENAME TO report_stream;
ALTER TABLE concerned_revision RENAME TO affected_revision;
ALTER TABLE handshake RENAME TO connection_check;
ALTER TABLE pending_handshake RENAME TO pending_authorization;

ALTER TABLE status_report RENAME COLUMN lane_id TO stream_id;
ALTER TABLE status_report RENAME COLUMN news TO change_seq;
ALTER TABLE status_report RENAME COLUMN seen TO seen_seq;
ALTER TABLE status_report RENAME COLUMN news_at TO changed_at;
ALTER TABLE status_report RENAME COLUMN memory TO driver_state;

ALTER TABLE connection_check RENAME COLUMN check_at TO next_check_at;
ALTER TABLE connection_check RENAME COLUMN renew_at TO next_renewal_at;
ALTER TABLE connection_check RENAME COLUMN lease_until TO renewal_lease_until;
ALTER TABLE connection_check RENAME COLUMN renew_failures TO renewal_failures;

ALTER TABLE sync_configuration RENAME COLUMN handled_version TO observed_version;

ALTER TABLE repository_link RENAME COLUMN hint_seq TO requested_seq;
ALTER TABLE repository_link RENAME COLUMN denied TO probe_denial;

ALTER TABLE repository_branch RENAME COLUMN pull_requests_at TO next_listing_at;

ALTER TABLE resource RENAME COLUMN note TO baseline;
ALTER TABLE resource RENAME COLUMN held_head TO pinned_head;

ALTER TABLE resource_sync_attempt RENAME COLUMN memory TO checkpoint;

ALTER TABLE preview RENAME COLUMN memory TO checkpoint;
ALTER TABLE preview RENAME COLUMN attempted TO attempted_seq;

ALTER TABLE pull_request RENAME COLUMN seen TO fingerprint;

ALTER TABLE webhook RENAME COLUMN delivered TO delivery_seq;

DROP INDEX commit_report_by_lane;
CREATE INDEX status_report_by_stream ON status_report (stream_id, id);
DROP INDEX commit_report_due;
CREATE INDEX status_report_due ON status_report (stream_id, due_at) WHERE due_at IS NOT NULL;
DROP INDEX handshake_check;
CREATE INDEX connection_check_due ON connection_check (next_check_at) WHERE next_check_at IS NOT NULL;
DROP INDEX handshake_renew;
CREATE INDEX connection_renewal_due ON connection_check (next_renewal_at) WHERE next_renewal_at IS NOT NULL;
