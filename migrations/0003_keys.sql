-- What became of the authority's own keys. The signed key set says where each stands; here is when
-- that came about and by whom. Times are milliseconds since the Unix epoch.

-- One row for each key set after the founding that changed a key. Never changed.
CREATE TABLE authority_keys (
    -- The number of the key set.
    number     BIGINT NOT NULL PRIMARY KEY,
    kid        TEXT   NOT NULL,
    usage      TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    -- Of an active key: from when on it signs, once verifiers know that it does.
    signs_from BIGINT,
    by_whom    TEXT   NOT NULL,
    note       TEXT
);
CREATE INDEX authority_keys_by_kid ON authority_keys (kid);
