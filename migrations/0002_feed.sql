-- The revocation feed. Times are milliseconds since the Unix epoch; JSON is text that SQL does not
-- look into.

-- The head of the feed: exactly one row, whose lock gives out the numbers. A number is taken in the
-- transaction that writes its event, so there are no gaps and nothing is seen out of order.
CREATE TABLE feed (
    singleton SMALLINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    epoch     BIGINT   NOT NULL,
    seq       BIGINT   NOT NULL,
    chain     BYTEA    NOT NULL,
    -- Events before this number are not kept any more; the one with it is, for its chain.
    pruned    BIGINT   NOT NULL
);

-- The root's statements on epochs after the first.
CREATE TABLE epochs (
    epoch     BIGINT NOT NULL PRIMARY KEY,
    statement TEXT   NOT NULL
);

-- Every event in its canonical form, with the chain at it.
CREATE TABLE events (
    epoch BIGINT NOT NULL,
    seq   BIGINT NOT NULL,
    event TEXT   NOT NULL,
    chain BYTEA  NOT NULL,
    PRIMARY KEY (epoch, seq)
);

-- What is in force beside the revoked passports and the blocked keys, which have columns of their
-- own: by whom, why, and by which event.
CREATE TABLE restrictions (
    target  TEXT   NOT NULL,
    held    TEXT   NOT NULL,
    until   BIGINT,
    at      BIGINT NOT NULL,
    reason  TEXT   NOT NULL,
    note    TEXT,
    by_whom TEXT   NOT NULL,
    -- The position of its event, `EPOCH:SEQ`.
    told_at TEXT   NOT NULL,
    PRIMARY KEY (target, held)
);

-- The position of the event that told of it, `EPOCH:SEQ`.
ALTER TABLE passports ADD COLUMN told_at TEXT;
ALTER TABLE subject_keys ADD COLUMN told_at TEXT;
