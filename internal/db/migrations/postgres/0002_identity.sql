-- Keys of more roles, that may end and be followed by another; policies; who may
-- come with the token of another issuer; what an attempt proposed.

ALTER TABLE access_key DROP CONSTRAINT access_key_role_check;
ALTER TABLE access_key ADD CONSTRAINT access_key_role_check CHECK (role IN ('admin', 'operator', 'reader', 'none'));
ALTER TABLE access_key ADD COLUMN expires_at bigint;
CREATE INDEX access_key_by_account ON access_key (account, created_at, id);

-- A Cedar policy of an account. The text is sealed, so that whoever writes to
-- the database alone can grant nothing.
CREATE TABLE policy (
    account    text   NOT NULL,
    name       text   NOT NULL,
    sealed     bytea  NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account, name)
);

-- A role that the holder of another issuer's token may assume. Its rules are
-- sealed, as a policy is.
CREATE TABLE web_identity_role (
    account    text   NOT NULL,
    name       text   NOT NULL,
    sealed     bytea  NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account, name)
);

-- What an attempt proposed to change, as JSON.
ALTER TABLE resource_sync_attempt ADD COLUMN plan text;
