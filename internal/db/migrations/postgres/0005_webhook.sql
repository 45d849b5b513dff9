-- Where a Git host says that a repository has moved, and what it has said of
-- late.

-- The secret is sealed with the id, the link and the kind. delivered counts what
-- was accepted.
CREATE TABLE webhook (
    id           text   PRIMARY KEY,
    link_id      text   NOT NULL UNIQUE REFERENCES repository_link (id) ON DELETE CASCADE,
    kind         text   NOT NULL CHECK (kind IN ('GITHUB', 'GITLAB', 'GITLAB_SIGNING', 'BITBUCKET', 'AZURE_DEVOPS', 'GITEA', 'GENERIC')),
    sealed       bytea  NOT NULL,
    created_at   bigint NOT NULL,
    delivered    bigint NOT NULL DEFAULT 0,
    delivered_at bigint
);

-- A delivery that was accepted, by a hash of the id that the Git host gave it:
-- the same one again does nothing. seq is the webhook's count at the time.
CREATE TABLE webhook_delivery (
    webhook_id  text   NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    delivery    text   NOT NULL,
    seq         bigint NOT NULL,
    received_at bigint NOT NULL,
    PRIMARY KEY (webhook_id, delivery)
);
CREATE UNIQUE INDEX webhook_delivery_by_seq ON webhook_delivery (webhook_id, seq);
