-- What was changed, by whom: signed records in hash chains. What is signed is the text; the other
-- columns repeat some of it so that it can be found.

-- How far each chain goes. The row is the lock under which its next record is written.
CREATE TABLE audit_lanes (
    lane   BIGINT NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL,
    digest BYTEA  NOT NULL
);

CREATE TABLE audit_records (
    lane    BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    record  TEXT   NOT NULL,
    PRIMARY KEY (lane, seq)
);

CREATE INDEX audit_records_by_subject ON audit_records (subject, action);
CREATE INDEX audit_records_by_time ON audit_records (at, lane, seq);

-- How far the chains went at an instant, signed.
CREATE TABLE audit_checkpoints (
    number     BIGINT NOT NULL PRIMARY KEY,
    checkpoint TEXT   NOT NULL
);

-- The days on which everything was read again, so that one of several replicas does it.
CREATE TABLE audit_runs (
    day BIGINT NOT NULL PRIMARY KEY,
    at  BIGINT NOT NULL
);
