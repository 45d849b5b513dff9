-- What Git hosts are told of commits.

-- All that is told of the commits of one link in one environment (an account and a
-- region that stacks are in) goes one way, one at a time and in order. Until
-- not_before the Git host is left alone; tries counts its failures in a row.
CREATE TABLE report_lane (
    id          integer PRIMARY KEY AUTOINCREMENT,
    link_id     text   NOT NULL REFERENCES repository_link (id) ON DELETE CASCADE,
    environment text   NOT NULL,
    epoch       bigint NOT NULL DEFAULT 0,
    tries       bigint NOT NULL DEFAULT 0,
    not_before  bigint NOT NULL DEFAULT 0,
    UNIQUE (link_id, environment)
);

-- What was told of a commit: state and summary, '' before the first time. news
-- counts what happened to it, seen how much of that was looked at. due_at is when
-- it is to be looked at, NULL where nothing is expected.
CREATE TABLE commit_report (
    id       integer PRIMARY KEY AUTOINCREMENT,
    lane_id  bigint NOT NULL REFERENCES report_lane (id) ON DELETE CASCADE,
    sha      text   NOT NULL,
    branch   text   NOT NULL,
    news     bigint NOT NULL DEFAULT 1,
    seen     bigint NOT NULL DEFAULT 0,
    news_at  bigint NOT NULL,
    due_at   bigint,
    state    text   NOT NULL DEFAULT '' CHECK (state IN ('', 'pending', 'running', 'succeeded', 'failed')),
    summary  text   NOT NULL DEFAULT '',
    tried_at bigint NOT NULL DEFAULT 0,
    memory   blob,
    reason   text   NOT NULL DEFAULT '',
    UNIQUE (lane_id, sha),
    CHECK (seen <= news)
);
CREATE INDEX commit_report_by_lane ON commit_report (lane_id, id);
CREATE INDEX commit_report_due ON commit_report (lane_id, due_at) WHERE due_at IS NOT NULL;

-- The attempts of a resource for one commit.
CREATE INDEX resource_sync_attempt_of_commit ON resource_sync_attempt (resource_id, target_sha, seq);
