-- What each tenant decides at gateways, and every version of it.

-- A tenant's row is the lock under which versions are counted.
CREATE TABLE tenants (
    tenant         TEXT   NOT NULL PRIMARY KEY,
    -- The version in force; 0 before the first.
    policy_version BIGINT NOT NULL
);

-- Versions are never changed. What was in force before is in force again as a new one.
CREATE TABLE tenant_policies (
    tenant   TEXT   NOT NULL REFERENCES tenants (tenant),
    version  BIGINT NOT NULL,
    -- SHA-256 of the document, by which the feed names it.
    digest   TEXT   NOT NULL,
    -- Texts and minimum level, exactly as gateways read them.
    document TEXT   NOT NULL,
    note     TEXT,
    by_whom  TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    -- The position of its event in the feed.
    told_at  TEXT   NOT NULL,
    once_key TEXT   NOT NULL,
    body     BYTEA  NOT NULL,
    PRIMARY KEY (tenant, version)
);
CREATE UNIQUE INDEX tenant_policies_by_order ON tenant_policies (by_whom, once_key);
CREATE INDEX tenant_policies_by_digest ON tenant_policies (digest);
