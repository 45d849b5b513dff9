-- At which URL the Git host was told to call a webhook, so that it can be told
-- to stop; empty where a person told it.

ALTER TABLE webhook ADD COLUMN registered_url text NOT NULL DEFAULT '';
