-- One text for PostgreSQL and SQLite. Times are milliseconds since the Unix epoch, set by the
-- authority's own clock; JSON is text that SQL does not look into.

-- The authority that owns this database. Exactly one row: a second one with other keys is refused.
CREATE TABLE authority (
    singleton  SMALLINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    name       TEXT     NOT NULL,
    bundle     TEXT     NOT NULL,
    created_at BIGINT   NOT NULL
);

-- Who may issue and revoke. Only the SHA-256 of an API key is kept.
CREATE TABLE operators (
    operator_id TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    key_hash    BYTEA  NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

-- Open challenges; a row is deleted when it is redeemed, so it can be redeemed once.
CREATE TABLE challenges (
    challenge  TEXT   NOT NULL PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    kid        TEXT   NOT NULL,
    audience   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX challenges_by_expiry ON challenges (expires_at);

-- A name belongs to one owner as long as one of its passports lives. The row is also the lock
-- under which a name is given out.
CREATE TABLE subjects (
    tenant TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    name   TEXT   NOT NULL,
    owner  TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);

-- Every key that was ever certified. The row is the lock under which a key is used or blocked, so
-- no passport slips out beside a block.
CREATE TABLE subject_keys (
    kid          TEXT   NOT NULL PRIMARY KEY,
    first_used_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    blocked_at   BIGINT,
    blocked_by   TEXT
);

-- Passports. The row with the exact bytes to be signed exists before the signature does; without
-- a signature the passport was never issued.
CREATE TABLE passports (
    passport_id  TEXT     NOT NULL PRIMARY KEY,
    tenant       TEXT     NOT NULL,
    kind         TEXT     NOT NULL,
    name         TEXT     NOT NULL,
    version      TEXT     NOT NULL,
    owner        TEXT     NOT NULL,
    origin       TEXT,
    kid          TEXT     NOT NULL REFERENCES subject_keys (kid),
    trust_level  SMALLINT NOT NULL,
    issued_at    BIGINT   NOT NULL,
    expires_at   BIGINT   NOT NULL,
    to_be_signed TEXT     NOT NULL,
    issuer_kid   TEXT     NOT NULL,
    signature    TEXT,
    renews       TEXT     REFERENCES passports (passport_id),
    issued_by    TEXT     NOT NULL,
    revoked_at   BIGINT,
    reason       TEXT,
    note         TEXT,
    revoked_by   TEXT
);
CREATE INDEX passports_by_subject ON passports (tenant, kind, name, expires_at);
CREATE INDEX passports_by_kid ON passports (kid);
CREATE INDEX passports_by_issue ON passports (issued_at, passport_id);
CREATE INDEX passports_revoked ON passports (expires_at) WHERE revoked_at IS NOT NULL;
