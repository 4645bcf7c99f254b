-- The registry: which servers there are, and which tools each version of them may show. Times are
-- milliseconds since the Unix epoch; JSON is text that SQL does not look into.

-- Servers. The row is also the lock under which manifests are published.
CREATE TABLE servers (
    server_id  TEXT   NOT NULL PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    origin     TEXT,
    owner      TEXT   NOT NULL,
    -- 'active', 'disabled', or 'retired', which is for good.
    state      TEXT   NOT NULL,
    -- Counts changes of the row: what If-Match is held against.
    revision   BIGINT NOT NULL,
    -- How many manifests it has; the newest is the current one.
    manifests  BIGINT NOT NULL,
    added_at   BIGINT NOT NULL,
    added_by   TEXT   NOT NULL,
    -- The same for every repetition of one order, and SHA-256 of what was ordered.
    once_key   TEXT   NOT NULL,
    body       BYTEA  NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT   NOT NULL,
    UNIQUE (added_by, once_key)
);
-- A name and an origin are free again once their server is retired.
CREATE UNIQUE INDEX servers_by_name ON servers (tenant, name) WHERE state <> 'retired';
CREATE UNIQUE INDEX servers_by_origin ON servers (tenant, origin)
    WHERE origin IS NOT NULL AND state <> 'retired';
CREATE INDEX servers_by_time ON servers (added_at, server_id);

-- Signed manifests, every version that ever was. Never changed.
CREATE TABLE manifests (
    server_id    TEXT   NOT NULL REFERENCES servers (server_id),
    version      TEXT   NOT NULL,
    -- From 1, in the order of publication.
    number       BIGINT NOT NULL,
    -- SHA-256 of what the manifest says, in hex.
    digest       TEXT   NOT NULL,
    -- The signed manifest, and the signed tools that it names, byte for byte.
    manifest     TEXT   NOT NULL,
    tools        TEXT   NOT NULL,
    tool_count   BIGINT NOT NULL,
    -- By whose key: the key stands in the passport.
    passport_id  TEXT   NOT NULL REFERENCES passports (passport_id),
    published_at BIGINT NOT NULL,
    PRIMARY KEY (server_id, version),
    UNIQUE (server_id, number)
);
CREATE INDEX manifests_by_digest ON manifests (digest);

-- Who tried to say something else under a version that was published before: one row for each thing
-- that was said.
CREATE TABLE manifest_refusals (
    server_id   TEXT   NOT NULL REFERENCES servers (server_id),
    version     TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    passport_id TEXT   NOT NULL,
    first_at    BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    PRIMARY KEY (server_id, version, digest)
);
