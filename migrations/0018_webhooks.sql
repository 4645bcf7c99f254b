-- Who is told of events by webhooks.
CREATE TABLE webhooks (
    webhook_id TEXT   NOT NULL PRIMARY KEY,
    url        TEXT   NOT NULL,
    -- Only what is of this tenant; everything where NULL.
    tenant     TEXT,
    -- '*', or types between commas: ',suspend,revoke,'.
    events     TEXT   NOT NULL,
    -- 'ed25519' with a seed, or 'hmac' with the shared secret.
    scheme     TEXT   NOT NULL,
    secret     BYTEA  NOT NULL,
    added_at   BIGINT NOT NULL,
    -- When it answered that it is gone for good.
    disabled_at BIGINT
);

-- What is to be delivered: written together with the incident that it tells of, or with the step of the
-- cursor below over the feed's event.
CREATE TABLE deliveries (
    message_id   TEXT   NOT NULL,
    webhook_id   TEXT   NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    type         TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    -- 'due', 'sent' or 'dead'.
    state        TEXT   NOT NULL,
    attempts     BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    -- Until when one replica alone delivers it.
    leased_until BIGINT NOT NULL,
    last_error   TEXT,
    ended_at     BIGINT,
    PRIMARY KEY (message_id, webhook_id)
);
CREATE INDEX deliveries_by_turn ON deliveries (state, next_at);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at);

-- The last event of the feed for which deliveries were written.
CREATE TABLE webhook_cursor (
    singleton SMALLINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    epoch     BIGINT   NOT NULL,
    seq       BIGINT   NOT NULL
);
