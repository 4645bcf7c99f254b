-- What each tenant's operators said of tools that gateways hold back.

-- The number of the last order; 0 before the first.
ALTER TABLE tenants ADD COLUMN verdict_version BIGINT NOT NULL DEFAULT 0;

-- Orders are never changed but for their end, so that what stood at any number can be told.
CREATE TABLE tenant_verdicts (
    tenant   TEXT   NOT NULL REFERENCES tenants (tenant),
    version  BIGINT NOT NULL,
    server   TEXT   NOT NULL,
    tool     TEXT   NOT NULL,
    -- Of the definition; a block is of none.
    hash     TEXT,
    verb     TEXT   NOT NULL,
    reason   TEXT,
    by_whom  TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    -- The order that ended it; its own number where it only ended another.
    ended_by BIGINT,
    -- SHA-256 of all that stood after it, by which the feed names that.
    digest   TEXT   NOT NULL,
    -- The position of its event in the feed.
    told_at  TEXT   NOT NULL,
    once_key TEXT   NOT NULL,
    body     BYTEA  NOT NULL,
    PRIMARY KEY (tenant, version)
);
CREATE UNIQUE INDEX tenant_verdicts_by_order ON tenant_verdicts (by_whom, once_key);
CREATE INDEX tenant_verdicts_by_digest ON tenant_verdicts (digest);
CREATE INDEX tenant_verdicts_by_tool ON tenant_verdicts (tenant, server, tool);
