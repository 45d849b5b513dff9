-- Whether what connections hold still works, and who is being let in.

-- How a connection's credential fares. No row says what one of zeros says.
CREATE TABLE handshake (
    connection_arn text   PRIMARY KEY REFERENCES connection (arn) ON DELETE CASCADE,
    reason         text   NOT NULL DEFAULT '', -- why it is not AVAILABLE
    checked_at     bigint,                     -- when the host last said whether it works
    check_at       bigint,                     -- when the host is asked again
    check_failures bigint NOT NULL DEFAULT 0,  -- in a row
    renew_at       bigint,                     -- when the access token is renewed
    lease_until    bigint NOT NULL DEFAULT 0,  -- until then one node alone may renew it
    renew_failures bigint NOT NULL DEFAULT 0   -- in a row
);
CREATE INDEX handshake_check ON handshake (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX handshake_renew ON handshake (renew_at) WHERE renew_at IS NOT NULL;

-- A person has been sent to the host to let an application in, and is not back
-- yet. The state and the verifier are sealed with the connection and the account.
CREATE TABLE pending_handshake (
    connection_arn text   PRIMARY KEY REFERENCES connection (arn) ON DELETE CASCADE,
    sealed         blob   NOT NULL,
    expires_at     bigint NOT NULL
);

-- What the last look at the repository says of the credential: 0 nothing, 1 the
-- host refused it, 2 the host was not shown it.
ALTER TABLE repository_link ADD COLUMN denied bigint NOT NULL DEFAULT 0 CHECK (denied IN (0, 1, 2));

-- In PEM: whom the host's own certificate may come from, beside the authorities
-- that are trusted anyway.
ALTER TABLE host ADD COLUMN certificate text NOT NULL DEFAULT '';
