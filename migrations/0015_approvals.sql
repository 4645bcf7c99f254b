-- Approvals that are signed, and exceptions. Times are milliseconds since the Unix epoch.

-- The key of each approver; one at a time that is not revoked.
CREATE TABLE approver_keys (
    -- Thumbprint (RFC 7638).
    key_id      TEXT   NOT NULL PRIMARY KEY,
    operator_id TEXT   NOT NULL,
    -- JWK.
    public_key  TEXT   NOT NULL,
    added_at    BIGINT NOT NULL,
    revoked_at  BIGINT,
    revoked_by  TEXT
);
CREATE UNIQUE INDEX approver_keys_in_use ON approver_keys (operator_id) WHERE revoked_at IS NULL;

-- By which key, until when, and the signed statement. NULL in those that were given before; they
-- count for nothing.
ALTER TABLE evidence_approvals ADD COLUMN key_id TEXT;
ALTER TABLE evidence_approvals ADD COLUMN valid_until BIGINT;
ALTER TABLE evidence_approvals ADD COLUMN statement TEXT;
CREATE INDEX evidence_approvals_by_key ON evidence_approvals (key_id) WHERE key_id IS NOT NULL;

-- What an exception does without: 'identity_verified' or 'manifest_scanned'.
ALTER TABLE evidence ADD COLUMN waives TEXT;

-- Levels that rested on approvals which nobody signed are computed anew at once.
UPDATE trust SET next_at = 0 WHERE level = 4;
