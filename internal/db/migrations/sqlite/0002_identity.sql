-- Keys of more roles, that may end and be followed by another; policies; who may
-- come with the token of another issuer; what an attempt proposed.

CREATE TABLE access_key_new (
    id         text   PRIMARY KEY,
    account    text   NOT NULL,
    principal  text   NOT NULL,
    role       text   NOT NULL CHECK (role IN ('admin', 'operator', 'reader', 'none')),
    sealed     blob   NOT NULL,
    status     text   NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at bigint NOT NULL,
    expires_at bigint
);
INSERT INTO access_key_new (id, account, principal, role, sealed, status, created_at)
    SELECT id, account, principal, role, sealed, status, created_at FROM access_key;
DROP TABLE access_key;
ALTER TABLE access_key_new RENAME TO access_key;
CREATE INDEX access_key_by_account ON access_key (account, created_at, id);

-- A Cedar policy of an account. The text is sealed, so that whoever writes to
-- the database alone can grant nothing.
CREATE TABLE policy (
    account    text   NOT NULL,
    name       text   NOT NULL,
    sealed     blob   NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account, name)
);

-- A role that the holder of another issuer's token may assume. Its rules are
-- sealed, as a policy is.
CREATE TABLE web_identity_role (
    account    text   NOT NULL,
    name       text   NOT NULL,
    sealed     blob   NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account, name)
);

-- What an attempt proposed to change, as JSON.
ALTER TABLE resource_sync_attempt ADD COLUMN plan text;
