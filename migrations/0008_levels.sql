-- Levels: the evidence they rest on, and what was told of them last. Times are milliseconds since
-- the Unix epoch.

-- Evidence, named by the SHA-256 of what it says. Never changed, never removed.
CREATE TABLE evidence (
    evidence_id TEXT   NOT NULL PRIMARY KEY,
    tenant      TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    -- 'origin_check', 'operator_decision', 'scan' or 'audit'.
    type        TEXT   NOT NULL,
    -- 'pass' or 'fail'.
    verdict     TEXT   NOT NULL,
    -- Digest of the manifest that a scan or an audit is about, in hex.
    manifest    TEXT,
    -- The origin that a check is about.
    origin      TEXT,
    who         TEXT   NOT NULL,
    observed_at BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    statement   TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX evidence_by_subject ON evidence (tenant, kind, name, observed_at);

-- Who agreed with a piece of evidence.
CREATE TABLE evidence_approvals (
    evidence_id TEXT   NOT NULL REFERENCES evidence (evidence_id),
    who         TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (evidence_id, who)
);

-- What is to be put where only the owner of an origin can: one challenge a subject.
CREATE TABLE origin_challenges (
    tenant     TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    origin     TEXT   NOT NULL,
    challenge  TEXT   NOT NULL,
    asked_by   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);

-- The level of each subject that has evidence, as it was computed last. The row is also the lock
-- under which it is computed, so that a change is told once, whichever replica sees it.
CREATE TABLE trust (
    tenant  TEXT     NOT NULL,
    kind    TEXT     NOT NULL,
    name    TEXT     NOT NULL,
    level   SMALLINT NOT NULL,
    -- The position of the event that told of it, `EPOCH:SEQ`; NULL while nothing was told.
    told_at TEXT,
    -- When it lapses by itself.
    next_at BIGINT,
    PRIMARY KEY (tenant, kind, name)
);
CREATE INDEX trust_by_next ON trust (next_at) WHERE next_at IS NOT NULL;

-- The highest level that an operator allows a passport and its renewals; NULL in those that were
-- issued before, which keep the one they state.
ALTER TABLE passports ADD COLUMN most_level SMALLINT;
-- The life that was granted, in milliseconds: one that ends earlier with what its level rests on is
-- renewed for all of it.
ALTER TABLE passports ADD COLUMN granted_ms BIGINT;
