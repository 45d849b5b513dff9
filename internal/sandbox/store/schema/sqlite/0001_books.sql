-- The books. Times are milliseconds since 1970 in UTC, and may lie ahead: an
-- operation's whole course is written when it starts. JSON is text.

CREATE TABLE stack (
    id         integer PRIMARY KEY,
    arn        text    NOT NULL UNIQUE,
    account    text    NOT NULL,
    region     text    NOT NULL,
    name       text    NOT NULL,
    created_at bigint  NOT NULL,
    deleted_at bigint,                       -- when its deletion is complete
    operations integer NOT NULL DEFAULT 0,   -- how many have been started
    protected  integer NOT NULL DEFAULT 0
);
CREATE INDEX stack_name ON stack (account, region, name, id);

-- What a stack was asked to be.
CREATE TABLE definition (
    id       integer PRIMARY KEY,
    stack_id integer NOT NULL REFERENCES stack (id) ON DELETE CASCADE,
    body     text    NOT NULL,
    detail   text    NOT NULL
);
CREATE INDEX definition_stack ON definition (stack_id);

-- The stack itself from a moment on. The last one that has passed holds.
CREATE TABLE revision (
    stack_id      integer NOT NULL REFERENCES stack (id) ON DELETE CASCADE,
    seq           integer NOT NULL,
    at            bigint  NOT NULL,
    status        text    NOT NULL,
    reason        text    NOT NULL,
    definition_id integer REFERENCES definition (id) ON DELETE CASCADE,
    outputs       text    NOT NULL,
    updated_at    bigint,
    PRIMARY KEY (stack_id, seq)
);

-- What happens to the stack and its resources. state is the resource as it
-- stands from this moment on, where the moment changes that.
CREATE TABLE event (
    stack_id    integer NOT NULL REFERENCES stack (id) ON DELETE CASCADE,
    seq         integer NOT NULL,
    at          bigint  NOT NULL,
    logical_id  text    NOT NULL,
    physical_id text    NOT NULL,
    type        text    NOT NULL,
    status      text    NOT NULL,
    reason      text    NOT NULL,
    properties  text    NOT NULL,
    token       text    NOT NULL,
    state       text,
    gone        integer NOT NULL CHECK (gone IN (0, 1)),
    silent      integer NOT NULL CHECK (silent IN (0, 1)),
    PRIMARY KEY (stack_id, seq)
);
CREATE INDEX event_state ON event (stack_id, logical_id, seq) WHERE state IS NOT NULL;
CREATE INDEX event_at ON event (at) WHERE state IS NULL;
CREATE INDEX event_physical ON event (type, physical_id);

CREATE TABLE change_set (
    id            integer PRIMARY KEY,
    arn           text    NOT NULL UNIQUE,
    stack_id      integer NOT NULL REFERENCES stack (id) ON DELETE CASCADE,
    name          text    NOT NULL,
    created_at    bigint  NOT NULL,
    ready_at      bigint  NOT NULL,
    status        text    NOT NULL CHECK (status IN ('CREATE_COMPLETE', 'FAILED')), -- once it is ready
    reason        text    NOT NULL,
    definition_id integer NOT NULL REFERENCES definition (id) ON DELETE CASCADE,
    changes       text    NOT NULL,
    client_token  text    NOT NULL,
    executed_at   bigint,
    ends_at       bigint,
    succeeded     integer,
    obsolete_at   bigint,
    UNIQUE (stack_id, name)
);

-- An export is in force from from_at until until_at.
CREATE TABLE export (
    stack_id integer NOT NULL REFERENCES stack (id) ON DELETE CASCADE,
    account  text    NOT NULL,
    region   text    NOT NULL,
    name     text    NOT NULL,
    value    text    NOT NULL,
    from_at  bigint  NOT NULL,
    until_at bigint
);
CREATE INDEX export_name ON export (account, region, name);
CREATE INDEX export_stack ON export (stack_id);

CREATE TABLE import (
    stack_id integer NOT NULL REFERENCES stack (id) ON DELETE CASCADE,
    account  text    NOT NULL,
    region   text    NOT NULL,
    name     text    NOT NULL,
    from_at  bigint  NOT NULL,
    until_at bigint
);
CREATE INDEX import_name ON import (account, region, name);
CREATE INDEX import_stack ON import (stack_id);

-- Which request a client token was used for, so that a repeated one is a no-op.
CREATE TABLE token (
    account   text   NOT NULL,
    region    text   NOT NULL,
    operation text   NOT NULL,
    stack     text   NOT NULL,
    token     text   NOT NULL,
    hash      text   NOT NULL,
    answer    text   NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (account, region, operation, stack, token)
);

-- Keys that AssumeRole gave out. They open nothing but this sandbox.
CREATE TABLE session (
    access_key_id text   PRIMARY KEY,
    secret        text   NOT NULL,
    token         text   NOT NULL,
    account       text   NOT NULL,
    arn           text   NOT NULL,
    user_id       text   NOT NULL,
    expires_at    bigint NOT NULL
);
