CREATE TABLE "access_key" (
    id         text   PRIMARY KEY,
    account    text   NOT NULL,
    principal  text   NOT NULL,
    role       text   NOT NULL CHECK (role IN ('admin', 'operator', 'reader', 'none')),
    sealed     blob   NOT NULL,
    status     text   NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at bigint NOT NULL,
    expires_at bigint
);
CREATE INDEX access_key_by_account ON access_key (account, created_at, id);
CREATE TABLE "affected_revision" (
    resource_id bigint NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    sha         text   NOT NULL,
    desired_seq bigint NOT NULL,
    PRIMARY KEY (resource_id, sha)
);
CREATE TABLE connection (
    arn           text   PRIMARY KEY,
    account       text   NOT NULL,
    region        text   NOT NULL,
    name          text   NOT NULL,
    provider_type text   NOT NULL,
    host_arn      text   REFERENCES host (arn),
    status        text   NOT NULL CHECK (status IN ('PENDING', 'AVAILABLE', 'ERROR')),
    created_at    bigint NOT NULL
);
CREATE INDEX connection_by_account ON connection (account, region, created_at, arn);
CREATE INDEX connection_by_host ON connection (host_arn);
CREATE TABLE "connection_check" (
    connection_arn text   PRIMARY KEY REFERENCES connection (arn) ON DELETE CASCADE,
    reason         text   NOT NULL DEFAULT '', -- why it is not AVAILABLE
    checked_at     bigint,                     -- when the host last said whether it works
    next_check_at       bigint,                     -- when the host is asked again
    check_failures bigint NOT NULL DEFAULT 0,  -- in a row
    next_renewal_at       bigint,                     -- when the access token is renewed
    renewal_lease_until    bigint NOT NULL DEFAULT 0,  -- until then one node alone may renew it
    renewal_failures bigint NOT NULL DEFAULT 0   -- in a row
);
CREATE INDEX connection_check_due ON connection_check (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX connection_renewal_due ON connection_check (next_renewal_at) WHERE next_renewal_at IS NOT NULL;
CREATE TABLE credential (
    connection_arn text   PRIMARY KEY REFERENCES connection (arn) ON DELETE CASCADE,
    sealed         blob   NOT NULL,
    updated_at     bigint NOT NULL
);
CREATE TABLE host (
    arn            text   PRIMARY KEY,
    account        text   NOT NULL,
    region         text   NOT NULL,
    name           text   NOT NULL,
    provider_type  text   NOT NULL,
    endpoint       text   NOT NULL,
    status         text   NOT NULL,
    status_message text   NOT NULL DEFAULT '',
    vpc            text,
    created_at     bigint NOT NULL
, certificate text NOT NULL DEFAULT '');
CREATE INDEX host_by_account ON host (account, region, created_at, arn);
CREATE TABLE installation (
    singleton  integer PRIMARY KEY CHECK (singleton = 1),
    id         text    NOT NULL,
    target     text    NOT NULL,
    created_at bigint  NOT NULL
);
CREATE TABLE "pending_authorization" (
    connection_arn text   PRIMARY KEY REFERENCES connection (arn) ON DELETE CASCADE,
    sealed         blob   NOT NULL,
    expires_at     bigint NOT NULL
);
CREATE TABLE policy (
    account    text   NOT NULL,
    name       text   NOT NULL,
    sealed     blob   NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account, name)
);
CREATE TABLE preview (
    id               text   PRIMARY KEY,
    pull_request_id  bigint REFERENCES pull_request (id) ON DELETE SET NULL,
    resource_id      bigint NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    configuration_id bigint NOT NULL,
    configuration    text   NOT NULL,
    head             text   NOT NULL,
    base             text   NOT NULL DEFAULT '',
    fingerprint      text   NOT NULL,
    attempted_seq        bigint NOT NULL,
    state            text   NOT NULL CHECK (state IN ('PLANNING', 'REMOVING', 'DONE')),
    epoch            bigint NOT NULL DEFAULT 0,
    checkpoint           blob,
    result           text,
    tries            bigint NOT NULL DEFAULT 0,
    not_before       bigint NOT NULL DEFAULT 0,
    started_at       bigint NOT NULL,
    CHECK (state <> 'DONE' OR result IS NOT NULL)
);
CREATE UNIQUE INDEX preview_of_pull_request ON preview (pull_request_id, configuration_id) WHERE pull_request_id IS NOT NULL;
CREATE INDEX preview_open ON preview (resource_id, id) WHERE state <> 'DONE';
CREATE TABLE pull_request (
    id           integer PRIMARY KEY AUTOINCREMENT,
    link_id      text   NOT NULL REFERENCES repository_link (id) ON DELETE CASCADE,
    branch       text   NOT NULL,
    number       bigint NOT NULL,
    head         text   NOT NULL,
    document     text   NOT NULL,
    fingerprint         text   NOT NULL,
    comment_id   text   NOT NULL DEFAULT '',
    comment_hash text   NOT NULL DEFAULT '',
    comment_at   bigint NOT NULL DEFAULT 0,
    due_at       bigint,
    tries        bigint NOT NULL DEFAULT 0,
    UNIQUE (link_id, branch, number)
);
CREATE INDEX pull_request_due ON pull_request (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE "report_stream" (
    id          integer PRIMARY KEY AUTOINCREMENT,
    link_id     text   NOT NULL REFERENCES repository_link (id) ON DELETE CASCADE,
    environment text   NOT NULL,
    epoch       bigint NOT NULL DEFAULT 0,
    tries       bigint NOT NULL DEFAULT 0,
    not_before  bigint NOT NULL DEFAULT 0,
    UNIQUE (link_id, environment)
);
CREATE TABLE repository_branch (
    link_id text   NOT NULL REFERENCES repository_link (id) ON DELETE CASCADE,
    branch  text   NOT NULL,
    head    text   NOT NULL DEFAULT '',
    head_at bigint NOT NULL DEFAULT 0, next_listing_at bigint, problem text NOT NULL DEFAULT '', problem_since bigint,
    PRIMARY KEY (link_id, branch)
);
CREATE TABLE repository_link (
    id                 text    PRIMARY KEY,
    arn                text    NOT NULL UNIQUE,
    account            text    NOT NULL,
    region             text    NOT NULL,
    connection_arn     text    NOT NULL REFERENCES connection (arn),
    owner_id           text    NOT NULL,
    repository_name    text    NOT NULL,
    provider_type      text    NOT NULL,
    encryption_key_arn text    NOT NULL DEFAULT '',
    discovery          text,
    created_at         bigint  NOT NULL,
    next_poll_at       bigint,
    poll_interval      bigint  NOT NULL DEFAULT 0,
    requested_seq           bigint  NOT NULL DEFAULT 0,
    claimed_seq        bigint  NOT NULL DEFAULT 0,
    poll_failures      bigint  NOT NULL DEFAULT 0,
    outage             text    NOT NULL DEFAULT '', probe_denial bigint NOT NULL DEFAULT 0 CHECK (probe_denial IN (0, 1, 2)), poll_error text NOT NULL DEFAULT '', poll_failing_since bigint,
    UNIQUE (account, region, connection_arn, owner_id, repository_name)
);
CREATE INDEX repository_link_by_account ON repository_link (account, region, created_at, id);
CREATE INDEX repository_link_by_connection ON repository_link (connection_arn);
CREATE INDEX repository_link_due ON repository_link (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE TABLE repository_sync_attempt (
    seq        integer PRIMARY KEY AUTOINCREMENT,
    id         text   NOT NULL UNIQUE,
    link_id    text   NOT NULL REFERENCES repository_link (id) ON DELETE CASCADE,
    branch     text   NOT NULL,
    status     text   NOT NULL CHECK (status IN ('QUEUED', 'INITIATED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED')),
    sha        text   NOT NULL DEFAULT '',
    tries      bigint NOT NULL DEFAULT 0,
    not_before bigint NOT NULL DEFAULT 0,
    started_at bigint NOT NULL,
    ended_at   bigint,
    CHECK ((ended_at IS NOT NULL) = (status IN ('SUCCEEDED', 'FAILED'))),
    CHECK (status <> 'SUCCEEDED' OR sha <> '')
);
CREATE INDEX repository_sync_attempt_latest ON repository_sync_attempt (link_id, branch, seq);
CREATE UNIQUE INDEX repository_sync_attempt_queued ON repository_sync_attempt (link_id, branch)
    WHERE status = 'QUEUED';
CREATE UNIQUE INDEX repository_sync_attempt_running ON repository_sync_attempt (link_id, branch)
    WHERE status IN ('INITIATED', 'IN_PROGRESS');
CREATE INDEX repository_sync_attempt_sha ON repository_sync_attempt (link_id, branch, sha);
CREATE TABLE resource (
    id                  integer PRIMARY KEY AUTOINCREMENT,
    account             text   NOT NULL,
    region              text   NOT NULL,
    sync_type           text   NOT NULL,
    name                text   NOT NULL,
    configuration_id    bigint,
    epoch               bigint NOT NULL DEFAULT 0,
    desired             text,
    desired_sha         text   NOT NULL DEFAULT '',
    desired_fingerprint text   NOT NULL DEFAULT '',
    desired_seq         bigint NOT NULL DEFAULT 0,
    attempted_seq       bigint NOT NULL DEFAULT 0,
    baseline                blob,
    document            text, pinned_head text NOT NULL DEFAULT '', latest_seq bigint,
    UNIQUE (account, region, sync_type, name)
);
CREATE UNIQUE INDEX resource_by_configuration ON resource (configuration_id);
CREATE TABLE resource_sync_attempt (
    seq              integer PRIMARY KEY AUTOINCREMENT,
    id               text   NOT NULL UNIQUE,
    resource_id      bigint NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    configuration_id bigint NOT NULL,
    configuration    text   NOT NULL,
    desired_seq      bigint NOT NULL,
    status           text   NOT NULL CHECK (status IN ('INITIATED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED')),
    outcome          text   CHECK (outcome IN ('applied', 'unchanged', 'failed', 'superseded', 'cancelled')),
    initial_revision text   NOT NULL,
    target_revision  text   NOT NULL,
    target_sha       text   NOT NULL,
    target           text   NOT NULL,
    checkpoint           blob,
    intent           text   NOT NULL DEFAULT '',
    tries            bigint NOT NULL DEFAULT 0,
    not_before       bigint NOT NULL DEFAULT 0,
    started_at       bigint NOT NULL,
    ended_at         bigint, plan text,
    CHECK ((ended_at IS NOT NULL) = (status IN ('SUCCEEDED', 'FAILED'))),
    CHECK ((outcome IS NOT NULL) = (ended_at IS NOT NULL)),
    CHECK (outcome IS NULL OR (status = 'SUCCEEDED') = (outcome IN ('applied', 'unchanged'))),
    CHECK (intent = '' OR outcome IS NULL OR outcome NOT IN ('superseded', 'cancelled'))
);
CREATE INDEX resource_sync_attempt_latest ON resource_sync_attempt (resource_id, seq);
CREATE INDEX resource_sync_attempt_of_commit ON resource_sync_attempt (resource_id, target_sha, seq);
CREATE UNIQUE INDEX resource_sync_attempt_running ON resource_sync_attempt (resource_id)
    WHERE status IN ('INITIATED', 'IN_PROGRESS');
CREATE TABLE signature_policy (
    configuration_id bigint PRIMARY KEY REFERENCES sync_configuration (id) ON DELETE CASCADE,
    allowed_signers  text   NOT NULL,
    public_keys      text   NOT NULL,
    updated_at       bigint NOT NULL,
    CHECK (allowed_signers <> '' OR public_keys <> '')
);
CREATE TABLE sqlite_sequence(name,seq);
CREATE TABLE "status_report" (
    id       integer PRIMARY KEY AUTOINCREMENT,
    stream_id  bigint NOT NULL REFERENCES "report_stream" (id) ON DELETE CASCADE,
    sha      text   NOT NULL,
    branch   text   NOT NULL,
    change_seq     bigint NOT NULL DEFAULT 1,
    seen_seq     bigint NOT NULL DEFAULT 0,
    changed_at  bigint NOT NULL,
    due_at   bigint,
    state    text   NOT NULL DEFAULT '' CHECK (state IN ('', 'pending', 'running', 'succeeded', 'failed')),
    summary  text   NOT NULL DEFAULT '',
    tried_at bigint NOT NULL DEFAULT 0,
    driver_state   blob,
    reason   text   NOT NULL DEFAULT '',
    UNIQUE (stream_id, sha),
    CHECK (seen_seq <= change_seq)
);
CREATE INDEX status_report_by_stream ON status_report (stream_id, id);
CREATE INDEX status_report_due ON status_report (stream_id, due_at) WHERE due_at IS NOT NULL;
CREATE TABLE sync_blocker (
    id              text   PRIMARY KEY,
    resource_id     bigint NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    type            text   NOT NULL CHECK (type = 'AUTOMATED'),
    status          text   NOT NULL CHECK (status IN ('ACTIVE', 'RESOLVED')),
    created_reason  text   NOT NULL,
    created_at      bigint NOT NULL,
    contexts        text   NOT NULL DEFAULT '[]',
    resolved_reason text   NOT NULL DEFAULT '',
    resolved_at     bigint,
    CHECK ((resolved_at IS NOT NULL) = (status = 'RESOLVED'))
);
CREATE UNIQUE INDEX sync_blocker_active ON sync_blocker (resource_id) WHERE status = 'ACTIVE';
CREATE INDEX sync_blocker_by_time ON sync_blocker (created_at, id);
CREATE INDEX sync_blocker_latest ON sync_blocker (resource_id, created_at);
CREATE TABLE sync_configuration (
    id                         integer PRIMARY KEY AUTOINCREMENT,
    account                    text   NOT NULL,
    region                     text   NOT NULL,
    sync_type                  text   NOT NULL,
    resource_name              text   NOT NULL,
    link_id                    text   NOT NULL REFERENCES repository_link (id),
    branch                     text   NOT NULL,
    config_file                text   NOT NULL,
    role_arn                   text   NOT NULL,
    trigger_resource_update_on text   NOT NULL DEFAULT '',
    publish_deployment_status  text   NOT NULL DEFAULT '',
    pull_request_comment       text   NOT NULL DEFAULT '',
    version                    bigint NOT NULL DEFAULT 1,
    observed_version            bigint NOT NULL DEFAULT 0,
    created_at                 bigint NOT NULL,
    UNIQUE (account, region, sync_type, resource_name)
);
CREATE INDEX sync_configuration_by_branch ON sync_configuration (link_id, branch, id);
CREATE INDEX sync_configuration_by_link ON sync_configuration (link_id, sync_type, id);
CREATE TABLE sync_event (
    id                    integer PRIMARY KEY AUTOINCREMENT,
    repository_attempt_id text   REFERENCES repository_sync_attempt (id) ON DELETE CASCADE,
    resource_attempt_id   text   REFERENCES resource_sync_attempt (id) ON DELETE CASCADE,
    at                    bigint NOT NULL,
    type                  text   NOT NULL,
    message               text   NOT NULL,
    external_id           text   NOT NULL DEFAULT '',
    CHECK ((repository_attempt_id IS NULL) <> (resource_attempt_id IS NULL))
);
CREATE INDEX sync_event_of_repository ON sync_event (repository_attempt_id, id) WHERE repository_attempt_id IS NOT NULL;
CREATE INDEX sync_event_of_resource ON sync_event (resource_attempt_id, id) WHERE resource_attempt_id IS NOT NULL;
CREATE TABLE tag (
    arn   text NOT NULL,
    key   text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (arn, key)
);
CREATE TABLE web_identity_role (
    account    text   NOT NULL,
    name       text   NOT NULL,
    sealed     blob   NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account, name)
);
CREATE TABLE webhook (
    id           text   PRIMARY KEY,
    link_id      text   NOT NULL UNIQUE REFERENCES repository_link (id) ON DELETE CASCADE,
    kind         text   NOT NULL CHECK (kind IN ('GITHUB', 'GITLAB', 'GITLAB_SIGNING', 'BITBUCKET', 'AZURE_DEVOPS', 'GITEA', 'GENERIC')),
    sealed       blob   NOT NULL,
    created_at   bigint NOT NULL,
    delivery_seq    bigint NOT NULL DEFAULT 0,
    delivered_at bigint
, registered_url text NOT NULL DEFAULT '');
CREATE TABLE webhook_delivery (
    webhook_id  text   NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    delivery    text   NOT NULL,
    seq         bigint NOT NULL,
    received_at bigint NOT NULL,
    PRIMARY KEY (webhook_id, delivery)
);
CREATE UNIQUE INDEX webhook_delivery_by_seq ON webhook_delivery (webhook_id, seq);
