-- What was ordered, by operators and by webhooks. An order that is given again under the same key is
-- answered as the first time; with another body it is refused.
CREATE TABLE actions (
    action_id TEXT   NOT NULL PRIMARY KEY,
    giver     TEXT   NOT NULL,
    once_key  TEXT   NOT NULL,
    body      BYTEA  NOT NULL,
    at        BIGINT NOT NULL,
    action    TEXT   NOT NULL,
    target    TEXT   NOT NULL,
    outcome   TEXT   NOT NULL,
    -- The position of its event, `EPOCH:SEQ`.
    told_at   TEXT,
    UNIQUE (giver, once_key)
);
CREATE INDEX actions_by_giver ON actions (giver, at);
CREATE INDEX actions_by_time ON actions (at, action_id);

-- Where incidents are reported from.
CREATE TABLE hooks (
    name     TEXT   NOT NULL PRIMARY KEY,
    -- 'ed25519' with a public key, or 'hmac' with the shared secret.
    scheme   TEXT   NOT NULL,
    secret   BYTEA  NOT NULL,
    ceiling  TEXT   NOT NULL,
    tenant   TEXT,
    per_hour BIGINT NOT NULL,
    mapping  TEXT,
    added_at BIGINT NOT NULL
);
