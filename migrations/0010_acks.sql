-- How far each follower of the feed enforces it, as it says itself: the latest word of each process. A
-- row is an observation, kept for an hour after the last word; no backup has it.
CREATE TABLE feed_acks (
    tenant      TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    -- Which of its processes.
    instance    TEXT   NOT NULL,
    -- By which it signed last; renewals change it.
    passport_id TEXT   NOT NULL,
    epoch       BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    -- By the follower's clock: since when it enforces the position, and when it said so last.
    enforced_at BIGINT NOT NULL,
    said_at     BIGINT NOT NULL,
    -- By the authority's: when it first heard of this process, of the position, and of anything.
    since       BIGINT NOT NULL,
    reached_at  BIGINT NOT NULL,
    heard_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, name, instance)
);
CREATE INDEX feed_acks_by_time ON feed_acks (heard_at);
