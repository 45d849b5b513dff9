-- What open pull requests would change.

-- When the pull requests into the branch are to be listed again. NULL where they
-- never were, or where nothing asks for it.
ALTER TABLE repository_branch ADD COLUMN pull_requests_at bigint;

-- No attempt of the resource begins before: what a preview has proposed is being
-- removed. 0 where nothing is.
ALTER TABLE resource ADD COLUMN reserved_until bigint NOT NULL DEFAULT 0;

-- An open pull request, and the comment on it. document is the pull request as
-- its host told it, seen what its previews were last decided by. due_at says when
-- the comment is to be looked at again: NULL where it says what there is to say.
CREATE TABLE pull_request (
    id           integer PRIMARY KEY AUTOINCREMENT,
    link_id      text   NOT NULL REFERENCES repository_link (id) ON DELETE CASCADE,
    branch       text   NOT NULL,
    number       bigint NOT NULL,
    head         text   NOT NULL,
    document     text   NOT NULL,
    seen         text   NOT NULL,
    comment_id   text   NOT NULL DEFAULT '',
    comment_hash text   NOT NULL DEFAULT '',
    comment_at   bigint NOT NULL DEFAULT 0,
    due_at       bigint,
    tries        bigint NOT NULL DEFAULT 0,
    UNIQUE (link_id, branch, number)
);
CREATE INDEX pull_request_due ON pull_request (due_at) WHERE due_at IS NOT NULL;

-- What a pull request would change in one resource. One without a pull request is
-- wanted by nobody any more: what it proposed is removed, then the row. base is
-- the commit that the configuration's file is taken from, '' for the head itself;
-- fingerprint says what the preview is of, attempted which attempts were before.
CREATE TABLE preview (
    id               text   PRIMARY KEY,
    pull_request_id  bigint REFERENCES pull_request (id) ON DELETE SET NULL,
    resource_id      bigint NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
    configuration_id bigint NOT NULL,
    configuration    text   NOT NULL,
    head             text   NOT NULL,
    base             text   NOT NULL DEFAULT '',
    fingerprint      text   NOT NULL,
    attempted        bigint NOT NULL,
    state            text   NOT NULL CHECK (state IN ('PLANNING', 'REMOVING', 'DONE')),
    epoch            bigint NOT NULL DEFAULT 0,
    memory           blob,
    result           text,
    tries            bigint NOT NULL DEFAULT 0,
    not_before       bigint NOT NULL DEFAULT 0,
    started_at       bigint NOT NULL,
    CHECK (state <> 'DONE' OR result IS NOT NULL)
);
CREATE UNIQUE INDEX preview_of_pull_request ON preview (pull_request_id, configuration_id) WHERE pull_request_id IS NOT NULL;
CREATE INDEX preview_open ON preview (resource_id, id) WHERE state <> 'DONE';
