-- Reports of scanners, and whose scans each tenant believes. Times are milliseconds since the Unix
-- epoch.

-- The scanners of a tenant. `operator` is there from the beginning without a row: what operators say
-- or bring unsigned. A row is also the lock under which evidence that leans on it is filed.
CREATE TABLE scanners (
    tenant     TEXT   NOT NULL,
    scanner    TEXT   NOT NULL,
    -- Thumbprint (RFC 7638) and JWK; NULL for `operator`.
    key_id     TEXT,
    public_key TEXT,
    -- Names of formats with a blank between.
    formats    TEXT   NOT NULL,
    -- 'active' or 'revoked'.
    state      TEXT   NOT NULL,
    added_at   BIGINT NOT NULL,
    added_by   TEXT   NOT NULL,
    -- The last time. What was recorded until then is void.
    revoked_at BIGINT,
    revoked_by TEXT,
    reason     TEXT,
    PRIMARY KEY (tenant, scanner)
);
CREATE UNIQUE INDEX scanners_by_key ON scanners (tenant, key_id) WHERE key_id IS NOT NULL;

-- Reports as they came, named by the SHA-256 of their bytes, until the evidence that rests on them
-- has lapsed and the room is needed.
CREATE TABLE reports (
    tenant     TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    added_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, digest)
);
CREATE INDEX reports_by_end ON reports (tenant, keep_until);

-- How many bytes of reports a tenant has.
CREATE TABLE report_space (
    tenant TEXT   NOT NULL PRIMARY KEY,
    bytes  BIGINT NOT NULL
);

-- The scanner that signed it; NULL for what an operator says or brings.
ALTER TABLE evidence ADD COLUMN scanner TEXT;
-- The report it rests on, what that is written in, and what it found: critical/high/medium/low/unrated.
ALTER TABLE evidence ADD COLUMN report TEXT;
ALTER TABLE evidence ADD COLUMN format TEXT;
ALTER TABLE evidence ADD COLUMN findings TEXT;
CREATE INDEX evidence_by_scanner ON evidence (tenant, scanner) WHERE type = 'scan';
