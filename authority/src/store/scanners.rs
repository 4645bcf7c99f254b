//! Whose scans each tenant believes.

use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::key::PublicKey;

use super::audit::{Entry, audit};
use super::row::damaged;
use super::trust::{LOCK_TRUST, Told, reassess};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::levels::{OPERATOR, Policy, Scanner, ScannerError, Subject};
use crate::report::Format;

/// Most scanners of one tenant.
const MOST: i64 = 64;

const OF_TENANT: &str = "SELECT scanner, public_key, formats, state, added_at, added_by, revoked_at, \
     revoked_by, reason FROM scanners WHERE tenant = $1 ORDER BY scanner";
/// `operator` gets its row when it is needed first.
pub(super) const ADD_OPERATOR: &str = "INSERT INTO scanners \
     (tenant, scanner, formats, state, added_at, added_by) \
     VALUES ($1, 'operator', '', 'active', $2, 'authority') ON CONFLICT (tenant, scanner) DO NOTHING";
pub(super) const LOCK_SCANNER: &str = "UPDATE scanners SET state = state \
     WHERE tenant = $1 AND scanner = $2 RETURNING state";

/// Locks a scanner until the transaction ends, so that it is not revoked meanwhile; whether it is
/// believed. Comes before every lock on a subject.
macro_rules! lock_scanner {
    ($tx:ident, $tenant:expr, $scanner:expr, $at:expr) => {{
        let (tenant, scanner): (&str, &str) = ($tenant, $scanner);
        if scanner == $crate::levels::OPERATOR {
            sqlx::query($crate::store::scanners::ADD_OPERATOR)
                .bind(tenant)
                .bind($at.as_millis())
                .execute(&mut *$tx)
                .await?;
        }
        let state: Option<(String,)> = sqlx::query_as($crate::store::scanners::LOCK_SCANNER)
            .bind(tenant)
            .bind(scanner)
            .fetch_optional(&mut *$tx)
            .await?;
        state.is_some_and(|(state,)| state == "active")
    }};
}

pub(super) use lock_scanner;

#[derive(sqlx::FromRow)]
struct Row {
    scanner: String,
    public_key: Option<String>,
    formats: String,
    state: String,
    added_at: i64,
    added_by: String,
    revoked_at: Option<i64>,
    revoked_by: Option<String>,
    reason: Option<String>,
}

impl TryFrom<Row> for Scanner {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let key = row.public_key.map(|jwk| {
            let document = Document::parse(jwk).map_err(|_| damaged("public_key"))?;
            PublicKey::from_jwk(document.root()).map_err(|_| damaged("public_key"))
        });
        Ok(Self {
            name: row.scanner,
            key: key.transpose()?,
            // A format that this version does not know is none to report in.
            formats: row.formats.split(' ').filter_map(Format::parse).collect(),
            active: row.state == "active",
            added_at: Timestamp::from_millis(row.added_at),
            added_by: row.added_by,
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
            revoked_by: row.revoked_by,
            reason: row.reason,
        })
    }
}

impl Db {
    /// The scanners of a tenant, the revoked ones too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn scanners(&self, tenant: &str) -> Result<Vec<Scanner>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(OF_TENANT).bind(tenant).fetch_all(pool).await?
        });
        rows.into_iter().map(Scanner::try_from).collect()
    }

    /// Puts a scanner on a tenant's list. [`OPERATOR`] comes back, for what is filed from now on; no
    /// other one that was revoked does.
    ///
    /// # Errors
    /// [`ScannerError`], [`Error::Database`].
    pub async fn add_scanner(&self, tenant: &str, new: &Scanner) -> Result<(), Error> {
        let (at, by) = (new.added_at, new.added_by.as_str());
        let key = new.key.as_ref();
        let formats: Vec<&str> = new.formats.iter().map(|format| format.as_str()).collect();
        let formats = formats.join(" ");
        if key.is_none() != (new.name == OPERATOR) || key.is_none() != new.formats.is_empty() {
            return Err(ScannerError::Key.into());
        }
        let detail = [("formats", formats.clone())];
        transaction!(self, tx => {
            if key.is_none() {
                let _ = lock_scanner!(tx, tenant, OPERATOR, at);
                sqlx::query(
                    "UPDATE scanners SET state = 'active', added_at = $2, added_by = $3 \
                     WHERE tenant = $1 AND scanner = 'operator' AND state <> 'active'",
                )
                .bind(tenant)
                .bind(at.as_millis())
                .bind(by)
                .execute(&mut *tx)
                .await?;
            } else {
                // Serialises those who add to one list.
                let _ = lock_scanner!(tx, tenant, OPERATOR, at);
                let (many,): (i64,) =
                    sqlx::query_as("SELECT COUNT(*) FROM scanners WHERE tenant = $1")
                        .bind(tenant)
                        .fetch_one(&mut *tx)
                        .await?;
                if many > MOST {
                    return Err(ScannerError::TooMany.into());
                }
                let added = sqlx::query(
                    "INSERT INTO scanners (tenant, scanner, key_id, public_key, formats, state, \
                     added_at, added_by) VALUES ($1, $2, $3, $4, $5, 'active', $6, $7) \
                     ON CONFLICT DO NOTHING",
                )
                .bind(tenant)
                .bind(&new.name)
                .bind(key.map(|key| key.key_id().to_string()))
                .bind(key.map(PublicKey::to_jwk))
                .bind(&formats)
                .bind(at.as_millis())
                .bind(by)
                .execute(&mut *tx)
                .await?
                .rows_affected();
                if added == 0 {
                    return Err(ScannerError::Taken.into());
                }
            }
            let subject = format!("{tenant}/{}", new.name);
            audit!(self, tx, Entry {
                at,
                by,
                action: "scanner.add",
                subject: &subject,
                detail: &detail,
            });
        });
        Ok(())
    }

    /// Takes a scanner off a tenant's list: all that leans on it is void at once, and every level that
    /// falls with it is told in the same transaction. Revoking again changes nothing.
    ///
    /// # Errors
    /// [`ScannerError::Unknown`], [`Error::Database`], [`Error::Event`].
    pub async fn revoke_scanner(
        &self,
        tenant: &str,
        name: &str,
        reason: Option<&str>,
        policy: &Policy,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<(Subject, Told)>, Error> {
        Ok(transaction!(self, tx => 'revoked: {
            let active = lock_scanner!(tx, tenant, name, at);
            let revoked: Option<(String,)> = sqlx::query_as(
                "UPDATE scanners SET state = 'revoked', \
                 revoked_at = CASE WHEN state = 'active' THEN $3 ELSE revoked_at END, \
                 revoked_by = CASE WHEN state = 'active' THEN $4 ELSE revoked_by END, \
                 reason = CASE WHEN state = 'active' THEN $5 ELSE reason END \
                 WHERE tenant = $1 AND scanner = $2 RETURNING scanner",
            )
            .bind(tenant)
            .bind(name)
            .bind(at.as_millis())
            .bind(by)
            .bind(reason)
            .fetch_optional(&mut *tx)
            .await?;
            revoked.ok_or(ScannerError::Unknown)?;
            if !active {
                break 'revoked Vec::new();
            }
            let leaning: Vec<(String, String)> = sqlx::query_as(
                "SELECT DISTINCT kind, name FROM evidence WHERE tenant = $1 AND type = 'scan' \
                 AND COALESCE(scanner, 'operator') = $2 ORDER BY kind, name",
            )
            .bind(tenant)
            .bind(name)
            .fetch_all(&mut *tx)
            .await?;
            let mut subjects = Vec::with_capacity(leaning.len());
            for (kind, name) in leaning {
                let kind = kind.parse().map_err(|_| damaged("kind"))?;
                let tenant = tenant.to_owned();
                subjects.push(Subject { tenant, kind, name });
            }
            // All of them before the head of the feed, which others lock after theirs.
            for subject in &subjects {
                sqlx::query(LOCK_TRUST)
                    .bind(&subject.tenant)
                    .bind(subject.kind.as_str())
                    .bind(&subject.name)
                    .execute(&mut *tx)
                    .await?;
            }
            let mut fallen = Vec::new();
            for subject in subjects {
                let told = reassess!(tx, &subject, policy, at, "scanner_revoked", false);
                if told.position.is_some() {
                    fallen.push((subject, told));
                }
            }
            let id = format!("{tenant}/{name}");
            let mut detail = vec![("fallen", fallen.len().to_string())];
            detail.extend(reason.map(|reason| ("reason", reason.to_owned())));
            audit!(self, tx, Entry {
                at,
                by,
                action: "scanner.revoke",
                subject: &id,
                detail: &detail,
            });
            fallen
        }))
    }
}
