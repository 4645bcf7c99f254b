-- Getting a passport without an operator at hand: by an enrolment token, or by the key that is to be
-- replaced. Times are milliseconds since the Unix epoch.

-- Each is good for one passport, exactly once: `used_at` is set in the transaction that prepares it.
-- Only the SHA-256 of a token is kept.
CREATE TABLE enrolment_tokens (
    token_id     TEXT     NOT NULL PRIMARY KEY,
    token_hash   BYTEA    NOT NULL UNIQUE,
    tenant       TEXT     NOT NULL,
    kind         TEXT     NOT NULL,
    name         TEXT     NOT NULL,
    -- 1: any name that begins so.
    is_prefix    SMALLINT NOT NULL,
    owner        TEXT     NOT NULL,
    -- A JSON array of texts.
    capabilities TEXT     NOT NULL,
    origin       TEXT,
    trust_level  SMALLINT NOT NULL,
    life         BIGINT   NOT NULL,
    created_at   BIGINT   NOT NULL,
    created_by   TEXT     NOT NULL REFERENCES operators (operator_id),
    expires_at   BIGINT   NOT NULL,
    used_at      BIGINT,
    passport_id  TEXT,
    withdrawn_at BIGINT,
    withdrawn_by TEXT
);
CREATE INDEX enrolment_tokens_by_time ON enrolment_tokens (created_at, token_id);

-- Of a challenge for exchanging a key: the key that is replaced. Else empty.
ALTER TABLE challenges ADD COLUMN previous_kid TEXT NOT NULL DEFAULT '';

-- From when on a passport is superseded, because its key was exchanged for another.
ALTER TABLE passports ADD COLUMN supersede_at BIGINT;
CREATE INDEX passports_to_supersede ON passports (supersede_at)
    WHERE supersede_at IS NOT NULL AND revoked_at IS NULL;

-- The first passport of all that came of one another by renewal and rotation.
ALTER TABLE passports ADD COLUMN line TEXT;
UPDATE passports SET line = COALESCE(renews, passport_id);
CREATE INDEX passports_by_line ON passports (line);
CREATE INDEX passports_by_renewal ON passports (renews) WHERE renews IS NOT NULL;
