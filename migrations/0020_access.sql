-- Who may do what, and in which tenant. Times are milliseconds since the Unix epoch.

-- Until when the operator is one; NULL is for good.
ALTER TABLE operators ADD COLUMN expires_at BIGINT;
-- How the operator proves itself: 'key', 'certificate' or 'oidc'. key_hash is the SHA-256 of what is
-- presented: the API key, or the name that somebody else vouches for.
ALTER TABLE operators ADD COLUMN credential TEXT NOT NULL DEFAULT 'key';
-- The name in the certificate, or issuer and subject of the token.
ALTER TABLE operators ADD COLUMN presents TEXT;
ALTER TABLE operators ADD COLUMN added_by TEXT;
ALTER TABLE operators ADD COLUMN disabled_by TEXT;

-- What each operator holds. The tenant `*` is every one, also those to come.
CREATE TABLE operator_roles (
    operator_id TEXT NOT NULL REFERENCES operators (operator_id),
    tenant      TEXT NOT NULL,
    role        TEXT NOT NULL,
    PRIMARY KEY (operator_id, tenant, role)
);
-- Whoever was an operator could do everything.
INSERT INTO operator_roles (operator_id, tenant, role) SELECT operator_id, '*', 'owner' FROM operators;

ALTER TABLE tenants ADD COLUMN added_at BIGINT;
ALTER TABLE tenants ADD COLUMN added_by TEXT;
ALTER TABLE tenants ADD COLUMN note TEXT;
-- Since when its own operators may do nothing in it.
ALTER TABLE tenants ADD COLUMN disabled_at BIGINT;
ALTER TABLE tenants ADD COLUMN disabled_by TEXT;
INSERT INTO tenants (tenant, policy_version)
    SELECT tenant, 0 FROM (
        SELECT tenant FROM subjects UNION SELECT tenant FROM servers
        UNION SELECT tenant FROM enrolment_tokens
    ) AS known WHERE TRUE
    ON CONFLICT (tenant) DO NOTHING;

-- Whose order it is: that of its target's tenant, or empty where the target is of no one tenant.
ALTER TABLE actions ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
UPDATE actions SET tenant = COALESCE(
    -- A target's tenant is the last member of its canonical form.
    (SELECT tenants.tenant FROM tenants
        WHERE actions.target LIKE '%"tenant":"' || tenants.tenant || '"}'),
    (SELECT passports.tenant FROM passports
        WHERE actions.target = '{"id":"' || passports.passport_id || '","kind":"passport"}'
        AND passports.passport_id = SUBSTR(actions.target, 8, 36)),
    '');
CREATE INDEX actions_by_tenant ON actions (tenant, at, action_id);

-- Whom the record is of: the tenant that it names, or empty. Records of before are read by whoever
-- reads all of them.
ALTER TABLE audit_records ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_records_by_tenant ON audit_records (tenant, at, lane, seq);

CREATE INDEX passports_by_tenant ON passports (tenant, issued_at, passport_id);
CREATE INDEX servers_by_tenant ON servers (tenant, added_at, server_id);
CREATE INDEX enrolment_tokens_by_tenant ON enrolment_tokens (tenant, created_at, token_id);
