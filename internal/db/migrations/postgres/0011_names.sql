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

ALTER INDEX commit_report_by_lane RENAME TO status_report_by_stream;
ALTER INDEX commit_report_due RENAME TO status_report_due;
ALTER INDEX handshake_check RENAME TO connection_check_due;
ALTER INDEX handshake_renew RENAME TO connection_renewal_due;
ALTER SEQUENCE commit_report_id_seq RENAME TO status_report_id_seq;
ALTER SEQUENCE report_lane_id_seq RENAME TO report_stream_id_seq;

ALTER TABLE status_report RENAME CONSTRAINT commit_report_check TO status_report_check;
ALTER TABLE status_report RENAME CONSTRAINT commit_report_lane_id_fkey TO status_report_stream_id_fkey;
ALTER TABLE status_report RENAME CONSTRAINT commit_report_lane_id_sha_key TO status_report_stream_id_sha_key;
ALTER TABLE status_report RENAME CONSTRAINT commit_report_pkey TO status_report_pkey;
ALTER TABLE status_report RENAME CONSTRAINT commit_report_state_check TO status_report_state_check;
ALTER TABLE report_stream RENAME CONSTRAINT report_lane_link_id_environment_key TO report_stream_link_id_environment_key;
ALTER TABLE report_stream RENAME CONSTRAINT report_lane_link_id_fkey TO report_stream_link_id_fkey;
ALTER TABLE report_stream RENAME CONSTRAINT report_lane_pkey TO report_stream_pkey;
ALTER TABLE affected_revision RENAME CONSTRAINT concerned_revision_pkey TO affected_revision_pkey;
ALTER TABLE affected_revision RENAME CONSTRAINT concerned_revision_resource_id_fkey TO affected_revision_resource_id_fkey;
ALTER TABLE connection_check RENAME CONSTRAINT handshake_connection_arn_fkey TO connection_check_connection_arn_fkey;
ALTER TABLE connection_check RENAME CONSTRAINT handshake_pkey TO connection_check_pkey;
ALTER TABLE pending_authorization RENAME CONSTRAINT pending_handshake_connection_arn_fkey TO pending_authorization_connection_arn_fkey;
ALTER TABLE pending_authorization RENAME CONSTRAINT pending_handshake_pkey TO pending_authorization_pkey;
ALTER TABLE repository_link RENAME CONSTRAINT repository_link_denied_check TO repository_link_probe_denial_check;
