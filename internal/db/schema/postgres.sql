CREATE TABLE access_key (
    id text NOT NULL,
    account text NOT NULL,
    principal text NOT NULL,
    role text NOT NULL,
    sealed bytea NOT NULL,
    status text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint
);
ALTER TABLE access_key ADD CONSTRAINT access_key_pkey PRIMARY KEY (id);
ALTER TABLE access_key ADD CONSTRAINT access_key_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'operator'::text, 'reader'::text, 'none'::text])));
ALTER TABLE access_key ADD CONSTRAINT access_key_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])));
CREATE INDEX access_key_by_account ON public.access_key USING btree (account, created_at, id);
CREATE TABLE affected_revision (
    resource_id bigint NOT NULL,
    sha text NOT NULL,
    desired_seq bigint NOT NULL
);
ALTER TABLE affected_revision ADD CONSTRAINT affected_revision_pkey PRIMARY KEY (resource_id, sha);
ALTER TABLE affected_revision ADD CONSTRAINT affected_revision_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resource(id) ON DELETE CASCADE;
CREATE TABLE connection (
    arn text NOT NULL,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    provider_type text NOT NULL,
    host_arn text,
    status text NOT NULL,
    created_at bigint NOT NULL
);
ALTER TABLE connection ADD CONSTRAINT connection_host_arn_fkey FOREIGN KEY (host_arn) REFERENCES host(arn);
ALTER TABLE connection ADD CONSTRAINT connection_pkey PRIMARY KEY (arn);
ALTER TABLE connection ADD CONSTRAINT connection_status_check CHECK ((status = ANY (ARRAY['PENDING'::text, 'AVAILABLE'::text, 'ERROR'::text])));
CREATE INDEX connection_by_account ON public.connection USING btree (account, region, created_at, arn);
CREATE INDEX connection_by_host ON public.connection USING btree (host_arn);
CREATE TABLE connection_check (
    connection_arn text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    checked_at bigint,
    next_check_at bigint,
    check_failures bigint DEFAULT 0 NOT NULL,
    next_renewal_at bigint,
    renewal_lease_until bigint DEFAULT 0 NOT NULL,
    renewal_failures bigint DEFAULT 0 NOT NULL
);
ALTER TABLE connection_check ADD CONSTRAINT connection_check_connection_arn_fkey FOREIGN KEY (connection_arn) REFERENCES connection(arn) ON DELETE CASCADE;
ALTER TABLE connection_check ADD CONSTRAINT connection_check_pkey PRIMARY KEY (connection_arn);
CREATE INDEX connection_check_due ON public.connection_check USING btree (next_check_at) WHERE (next_check_at IS NOT NULL);
CREATE INDEX connection_renewal_due ON public.connection_check USING btree (next_renewal_at) WHERE (next_renewal_at IS NOT NULL);
CREATE TABLE credential (
    connection_arn text NOT NULL,
    sealed bytea NOT NULL,
    updated_at bigint NOT NULL
);
ALTER TABLE credential ADD CONSTRAINT credential_connection_arn_fkey FOREIGN KEY (connection_arn) REFERENCES connection(arn) ON DELETE CASCADE;
ALTER TABLE credential ADD CONSTRAINT credential_pkey PRIMARY KEY (connection_arn);
CREATE TABLE host (
    arn text NOT NULL,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    provider_type text NOT NULL,
    endpoint text NOT NULL,
    status text NOT NULL,
    status_message text DEFAULT ''::text NOT NULL,
    vpc text,
    created_at bigint NOT NULL,
    certificate text DEFAULT ''::text NOT NULL
);
ALTER TABLE host ADD CONSTRAINT host_pkey PRIMARY KEY (arn);
CREATE INDEX host_by_account ON public.host USING btree (account, region, created_at, arn);
CREATE TABLE installation (
    singleton integer NOT NULL,
    id text NOT NULL,
    target text NOT NULL,
    created_at bigint NOT NULL
);
ALTER TABLE installation ADD CONSTRAINT installation_pkey PRIMARY KEY (singleton);
ALTER TABLE installation ADD CONSTRAINT installation_singleton_check CHECK ((singleton = 1));
CREATE TABLE pending_authorization (
    connection_arn text NOT NULL,
    sealed bytea NOT NULL,
    expires_at bigint NOT NULL
);
ALTER TABLE pending_authorization ADD CONSTRAINT pending_authorization_connection_arn_fkey FOREIGN KEY (connection_arn) REFERENCES connection(arn) ON DELETE CASCADE;
ALTER TABLE pending_authorization ADD CONSTRAINT pending_authorization_pkey PRIMARY KEY (connection_arn);
CREATE TABLE policy (
    account text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
ALTER TABLE policy ADD CONSTRAINT policy_pkey PRIMARY KEY (account, name);
CREATE TABLE preview (
    id text NOT NULL,
    pull_request_id bigint,
    resource_id bigint NOT NULL,
    configuration_id bigint NOT NULL,
    configuration text NOT NULL,
    head text NOT NULL,
    base text DEFAULT ''::text NOT NULL,
    fingerprint text NOT NULL,
    attempted_seq bigint NOT NULL,
    state text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    checkpoint bytea,
    result text,
    tries bigint DEFAULT 0 NOT NULL,
    not_before bigint DEFAULT 0 NOT NULL,
    started_at bigint NOT NULL
);
ALTER TABLE preview ADD CONSTRAINT preview_check CHECK (((state <> 'DONE'::text) OR (result IS NOT NULL)));
ALTER TABLE preview ADD CONSTRAINT preview_pkey PRIMARY KEY (id);
ALTER TABLE preview ADD CONSTRAINT preview_pull_request_id_fkey FOREIGN KEY (pull_request_id) REFERENCES pull_request(id) ON DELETE SET NULL;
ALTER TABLE preview ADD CONSTRAINT preview_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resource(id) ON DELETE CASCADE;
ALTER TABLE preview ADD CONSTRAINT preview_state_check CHECK ((state = ANY (ARRAY['PLANNING'::text, 'REMOVING'::text, 'DONE'::text])));
CREATE UNIQUE INDEX preview_of_pull_request ON public.preview USING btree (pull_request_id, configuration_id) WHERE (pull_request_id IS NOT NULL);
CREATE INDEX preview_open ON public.preview USING btree (resource_id, id) WHERE (state <> 'DONE'::text);
CREATE TABLE pull_request (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    link_id text NOT NULL,
    branch text NOT NULL,
    number bigint NOT NULL,
    head text NOT NULL,
    document text NOT NULL,
    fingerprint text NOT NULL,
    comment_id text DEFAULT ''::text NOT NULL,
    comment_hash text DEFAULT ''::text NOT NULL,
    comment_at bigint DEFAULT 0 NOT NULL,
    due_at bigint,
    tries bigint DEFAULT 0 NOT NULL
);
ALTER TABLE pull_request ADD CONSTRAINT pull_request_link_id_branch_number_key UNIQUE (link_id, branch, number);
ALTER TABLE pull_request ADD CONSTRAINT pull_request_link_id_fkey FOREIGN KEY (link_id) REFERENCES repository_link(id) ON DELETE CASCADE;
ALTER TABLE pull_request ADD CONSTRAINT pull_request_pkey PRIMARY KEY (id);
CREATE INDEX pull_request_due ON public.pull_request USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE TABLE report_stream (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    link_id text NOT NULL,
    environment text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    tries bigint DEFAULT 0 NOT NULL,
    not_before bigint DEFAULT 0 NOT NULL
);
ALTER TABLE report_stream ADD CONSTRAINT report_stream_link_id_environment_key UNIQUE (link_id, environment);
ALTER TABLE report_stream ADD CONSTRAINT report_stream_link_id_fkey FOREIGN KEY (link_id) REFERENCES repository_link(id) ON DELETE CASCADE;
ALTER TABLE report_stream ADD CONSTRAINT report_stream_pkey PRIMARY KEY (id);
CREATE TABLE repository_branch (
    link_id text NOT NULL,
    branch text NOT NULL,
    head text DEFAULT ''::text NOT NULL,
    head_at bigint DEFAULT 0 NOT NULL,
    next_listing_at bigint,
    problem text DEFAULT ''::text NOT NULL,
    problem_since bigint
);
ALTER TABLE repository_branch ADD CONSTRAINT repository_branch_link_id_fkey FOREIGN KEY (link_id) REFERENCES repository_link(id) ON DELETE CASCADE;
ALTER TABLE repository_branch ADD CONSTRAINT repository_branch_pkey PRIMARY KEY (link_id, branch);
CREATE TABLE repository_link (
    id text NOT NULL,
    arn text NOT NULL,
    account text NOT NULL,
    region text NOT NULL,
    connection_arn text NOT NULL,
    owner_id text NOT NULL,
    repository_name text NOT NULL,
    provider_type text NOT NULL,
    encryption_key_arn text DEFAULT ''::text NOT NULL,
    discovery text,
    created_at bigint NOT NULL,
    next_poll_at bigint,
    poll_interval bigint DEFAULT 0 NOT NULL,
    requested_seq bigint DEFAULT 0 NOT NULL,
    claimed_seq bigint DEFAULT 0 NOT NULL,
    poll_failures bigint DEFAULT 0 NOT NULL,
    outage text DEFAULT ''::text NOT NULL,
    probe_denial bigint DEFAULT 0 NOT NULL,
    poll_error text DEFAULT ''::text NOT NULL,
    poll_failing_since bigint
);
ALTER TABLE repository_link ADD CONSTRAINT repository_link_account_region_connection_arn_owner_id_repo_key UNIQUE (account, region, connection_arn, owner_id, repository_name);
ALTER TABLE repository_link ADD CONSTRAINT repository_link_arn_key UNIQUE (arn);
ALTER TABLE repository_link ADD CONSTRAINT repository_link_connection_arn_fkey FOREIGN KEY (connection_arn) REFERENCES connection(arn);
ALTER TABLE repository_link ADD CONSTRAINT repository_link_pkey PRIMARY KEY (id);
ALTER TABLE repository_link ADD CONSTRAINT repository_link_probe_denial_check CHECK ((probe_denial = ANY (ARRAY[(0)::bigint, (1)::bigint, (2)::bigint])));
CREATE INDEX repository_link_by_account ON public.repository_link USING btree (account, region, created_at, id);
CREATE INDEX repository_link_by_connection ON public.repository_link USING btree (connection_arn);
CREATE INDEX repository_link_due ON public.repository_link USING btree (next_poll_at) WHERE (next_poll_at IS NOT NULL);
CREATE TABLE repository_sync_attempt (
    seq bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    id text NOT NULL,
    link_id text NOT NULL,
    branch text NOT NULL,
    status text NOT NULL,
    sha text DEFAULT ''::text NOT NULL,
    tries bigint DEFAULT 0 NOT NULL,
    not_before bigint DEFAULT 0 NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint
);
ALTER TABLE repository_sync_attempt ADD CONSTRAINT repository_sync_attempt_check CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['SUCCEEDED'::text, 'FAILED'::text]))));
ALTER TABLE repository_sync_attempt ADD CONSTRAINT repository_sync_attempt_check1 CHECK (((status <> 'SUCCEEDED'::text) OR (sha <> ''::text)));
ALTER TABLE repository_sync_attempt ADD CONSTRAINT repository_sync_attempt_id_key UNIQUE (id);
ALTER TABLE repository_sync_attempt ADD CONSTRAINT repository_sync_attempt_link_id_fkey FOREIGN KEY (link_id) REFERENCES repository_link(id) ON DELETE CASCADE;
ALTER TABLE repository_sync_attempt ADD CONSTRAINT repository_sync_attempt_pkey PRIMARY KEY (seq);
ALTER TABLE repository_sync_attempt ADD CONSTRAINT repository_sync_attempt_status_check CHECK ((status = ANY (ARRAY['QUEUED'::text, 'INITIATED'::text, 'IN_PROGRESS'::text, 'SUCCEEDED'::text, 'FAILED'::text])));
CREATE INDEX repository_sync_attempt_latest ON public.repository_sync_attempt USING btree (link_id, branch, seq);
CREATE UNIQUE INDEX repository_sync_attempt_queued ON public.repository_sync_attempt USING btree (link_id, branch) WHERE (status = 'QUEUED'::text);
CREATE UNIQUE INDEX repository_sync_attempt_running ON public.repository_sync_attempt USING btree (link_id, branch) WHERE (status = ANY (ARRAY['INITIATED'::text, 'IN_PROGRESS'::text]));
CREATE INDEX repository_sync_attempt_sha ON public.repository_sync_attempt USING btree (link_id, branch, sha);
CREATE TABLE resource (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    account text NOT NULL,
    region text NOT NULL,
    sync_type text NOT NULL,
    name text NOT NULL,
    configuration_id bigint,
    epoch bigint DEFAULT 0 NOT NULL,
    desired text,
    desired_sha text DEFAULT ''::text NOT NULL,
    desired_fingerprint text DEFAULT ''::text NOT NULL,
    desired_seq bigint DEFAULT 0 NOT NULL,
    attempted_seq bigint DEFAULT 0 NOT NULL,
    baseline bytea,
    document text,
    pinned_head text DEFAULT ''::text NOT NULL,
    latest_seq bigint
);
ALTER TABLE resource ADD CONSTRAINT resource_account_region_sync_type_name_key UNIQUE (account, region, sync_type, name);
ALTER TABLE resource ADD CONSTRAINT resource_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX resource_by_configuration ON public.resource USING btree (configuration_id);
CREATE TABLE resource_sync_attempt (
    seq bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    id text NOT NULL,
    resource_id bigint NOT NULL,
    configuration_id bigint NOT NULL,
    configuration text NOT NULL,
    desired_seq bigint NOT NULL,
    status text NOT NULL,
    outcome text,
    initial_revision text NOT NULL,
    target_revision text NOT NULL,
    target_sha text NOT NULL,
    target text NOT NULL,
    checkpoint bytea,
    intent text DEFAULT ''::text NOT NULL,
    tries bigint DEFAULT 0 NOT NULL,
    not_before bigint DEFAULT 0 NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    plan text
);
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_check CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['SUCCEEDED'::text, 'FAILED'::text]))));
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_check1 CHECK (((outcome IS NOT NULL) = (ended_at IS NOT NULL)));
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_check2 CHECK (((outcome IS NULL) OR ((status = 'SUCCEEDED'::text) = (outcome = ANY (ARRAY['applied'::text, 'unchanged'::text])))));
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_check3 CHECK (((intent = ''::text) OR (outcome IS NULL) OR (outcome <> ALL (ARRAY['superseded'::text, 'cancelled'::text]))));
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_id_key UNIQUE (id);
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_outcome_check CHECK ((outcome = ANY (ARRAY['applied'::text, 'unchanged'::text, 'failed'::text, 'superseded'::text, 'cancelled'::text])));
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_pkey PRIMARY KEY (seq);
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resource(id) ON DELETE CASCADE;
ALTER TABLE resource_sync_attempt ADD CONSTRAINT resource_sync_attempt_status_check CHECK ((status = ANY (ARRAY['INITIATED'::text, 'IN_PROGRESS'::text, 'SUCCEEDED'::text, 'FAILED'::text])));
CREATE INDEX resource_sync_attempt_latest ON public.resource_sync_attempt USING btree (resource_id, seq);
CREATE INDEX resource_sync_attempt_of_commit ON public.resource_sync_attempt USING btree (resource_id, target_sha, seq);
CREATE UNIQUE INDEX resource_sync_attempt_running ON public.resource_sync_attempt USING btree (resource_id) WHERE (status = ANY (ARRAY['INITIATED'::text, 'IN_PROGRESS'::text]));
CREATE TABLE signature_policy (
    configuration_id bigint NOT NULL,
    allowed_signers text NOT NULL,
    public_keys text NOT NULL,
    updated_at bigint NOT NULL
);
ALTER TABLE signature_policy ADD CONSTRAINT signature_policy_check CHECK (((allowed_signers <> ''::text) OR (public_keys <> ''::text)));
ALTER TABLE signature_policy ADD CONSTRAINT signature_policy_configuration_id_fkey FOREIGN KEY (configuration_id) REFERENCES sync_configuration(id) ON DELETE CASCADE;
ALTER TABLE signature_policy ADD CONSTRAINT signature_policy_pkey PRIMARY KEY (configuration_id);
CREATE TABLE status_report (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    stream_id bigint NOT NULL,
    sha text NOT NULL,
    branch text NOT NULL,
    change_seq bigint DEFAULT 1 NOT NULL,
    seen_seq bigint DEFAULT 0 NOT NULL,
    changed_at bigint NOT NULL,
    due_at bigint,
    state text DEFAULT ''::text NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    tried_at bigint DEFAULT 0 NOT NULL,
    driver_state bytea,
    reason text DEFAULT ''::text NOT NULL
);
ALTER TABLE status_report ADD CONSTRAINT status_report_check CHECK ((seen_seq <= change_seq));
ALTER TABLE status_report ADD CONSTRAINT status_report_pkey PRIMARY KEY (id);
ALTER TABLE status_report ADD CONSTRAINT status_report_state_check CHECK ((state = ANY (ARRAY[''::text, 'pending'::text, 'running'::text, 'succeeded'::text, 'failed'::text])));
ALTER TABLE status_report ADD CONSTRAINT status_report_stream_id_fkey FOREIGN KEY (stream_id) REFERENCES report_stream(id) ON DELETE CASCADE;
ALTER TABLE status_report ADD CONSTRAINT status_report_stream_id_sha_key UNIQUE (stream_id, sha);
CREATE INDEX status_report_by_stream ON public.status_report USING btree (stream_id, id);
CREATE INDEX status_report_due ON public.status_report USING btree (stream_id, due_at) WHERE (due_at IS NOT NULL);
CREATE TABLE sync_blocker (
    id text NOT NULL,
    resource_id bigint NOT NULL,
    type text NOT NULL,
    status text NOT NULL,
    created_reason text NOT NULL,
    created_at bigint NOT NULL,
    contexts text DEFAULT '[]'::text NOT NULL,
    resolved_reason text DEFAULT ''::text NOT NULL,
    resolved_at bigint
);
ALTER TABLE sync_blocker ADD CONSTRAINT sync_blocker_check CHECK (((resolved_at IS NOT NULL) = (status = 'RESOLVED'::text)));
ALTER TABLE sync_blocker ADD CONSTRAINT sync_blocker_pkey PRIMARY KEY (id);
ALTER TABLE sync_blocker ADD CONSTRAINT sync_blocker_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resource(id) ON DELETE CASCADE;
ALTER TABLE sync_blocker ADD CONSTRAINT sync_blocker_status_check CHECK ((status = ANY (ARRAY['ACTIVE'::text, 'RESOLVED'::text])));
ALTER TABLE sync_blocker ADD CONSTRAINT sync_blocker_type_check CHECK ((type = 'AUTOMATED'::text));
CREATE UNIQUE INDEX sync_blocker_active ON public.sync_blocker USING btree (resource_id) WHERE (status = 'ACTIVE'::text);
CREATE INDEX sync_blocker_by_time ON public.sync_blocker USING btree (created_at, id);
CREATE INDEX sync_blocker_latest ON public.sync_blocker USING btree (resource_id, created_at);
CREATE TABLE sync_configuration (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    account text NOT NULL,
    region text NOT NULL,
    sync_type text NOT NULL,
    resource_name text NOT NULL,
    link_id text NOT NULL,
    branch text NOT NULL,
    config_file text NOT NULL,
    role_arn text NOT NULL,
    trigger_resource_update_on text DEFAULT ''::text NOT NULL,
    publish_deployment_status text DEFAULT ''::text NOT NULL,
    pull_request_comment text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    observed_version bigint DEFAULT 0 NOT NULL,
    created_at bigint NOT NULL
);
ALTER TABLE sync_configuration ADD CONSTRAINT sync_configuration_account_region_sync_type_resource_name_key UNIQUE (account, region, sync_type, resource_name);
ALTER TABLE sync_configuration ADD CONSTRAINT sync_configuration_link_id_fkey FOREIGN KEY (link_id) REFERENCES repository_link(id);
ALTER TABLE sync_configuration ADD CONSTRAINT sync_configuration_pkey PRIMARY KEY (id);
CREATE INDEX sync_configuration_by_branch ON public.sync_configuration USING btree (link_id, branch, id);
CREATE INDEX sync_configuration_by_link ON public.sync_configuration USING btree (link_id, sync_type, id);
CREATE TABLE sync_event (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    repository_attempt_id text,
    resource_attempt_id text,
    at bigint NOT NULL,
    type text NOT NULL,
    message text NOT NULL,
    external_id text DEFAULT ''::text NOT NULL
);
ALTER TABLE sync_event ADD CONSTRAINT sync_event_check CHECK (((repository_attempt_id IS NULL) <> (resource_attempt_id IS NULL)));
ALTER TABLE sync_event ADD CONSTRAINT sync_event_pkey PRIMARY KEY (id);
ALTER TABLE sync_event ADD CONSTRAINT sync_event_repository_attempt_id_fkey FOREIGN KEY (repository_attempt_id) REFERENCES repository_sync_attempt(id) ON DELETE CASCADE;
ALTER TABLE sync_event ADD CONSTRAINT sync_event_resource_attempt_id_fkey FOREIGN KEY (resource_attempt_id) REFERENCES resource_sync_attempt(id) ON DELETE CASCADE;
CREATE INDEX sync_event_of_repository ON public.sync_event USING btree (repository_attempt_id, id) WHERE (repository_attempt_id IS NOT NULL);
CREATE INDEX sync_event_of_resource ON public.sync_event USING btree (resource_attempt_id, id) WHERE (resource_attempt_id IS NOT NULL);
CREATE TABLE tag (
    arn text NOT NULL,
    key text NOT NULL,
    value text NOT NULL
);
ALTER TABLE tag ADD CONSTRAINT tag_pkey PRIMARY KEY (arn, key);
CREATE TABLE web_identity_role (
    account text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
ALTER TABLE web_identity_role ADD CONSTRAINT web_identity_role_pkey PRIMARY KEY (account, name);
CREATE TABLE webhook (
    id text NOT NULL,
    link_id text NOT NULL,
    kind text NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    delivery_seq bigint DEFAULT 0 NOT NULL,
    delivered_at bigint,
    registered_url text DEFAULT ''::text NOT NULL
);
ALTER TABLE webhook ADD CONSTRAINT webhook_kind_check CHECK ((kind = ANY (ARRAY['GITHUB'::text, 'GITLAB'::text, 'GITLAB_SIGNING'::text, 'BITBUCKET'::text, 'AZURE_DEVOPS'::text, 'GITEA'::text, 'GENERIC'::text])));
ALTER TABLE webhook ADD CONSTRAINT webhook_link_id_fkey FOREIGN KEY (link_id) REFERENCES repository_link(id) ON DELETE CASCADE;
ALTER TABLE webhook ADD CONSTRAINT webhook_link_id_key UNIQUE (link_id);
ALTER TABLE webhook ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);
CREATE TABLE webhook_delivery (
    webhook_id text NOT NULL,
    delivery text NOT NULL,
    seq bigint NOT NULL,
    received_at bigint NOT NULL
);
ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (webhook_id, delivery);
ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES webhook(id) ON DELETE CASCADE;
CREATE UNIQUE INDEX webhook_delivery_by_seq ON public.webhook_delivery USING btree (webhook_id, seq);
