-- Who may sign the commits that a resource is brought to. Without a row all
-- commits are taken.

CREATE TABLE signature_policy (
    configuration_id bigint PRIMARY KEY REFERENCES sync_configuration (id) ON DELETE CASCADE,
    allowed_signers  text   NOT NULL,
    public_keys      text   NOT NULL,
    updated_at       bigint NOT NULL,
    CHECK (allowed_signers <> '' OR public_keys <> '')
);
