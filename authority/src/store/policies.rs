//! What tenants decide at gateways: every version, and which of them is in force.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Entry as InForce, Held, Target};

use super::audit::{Entry, audit};
use super::feed::append;
use super::{Db, on, transaction};
use crate::error::Error;

/// A version about to be put in force.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// The tenant.
    pub tenant: String,
    /// The document, canonical.
    pub document: String,
    /// SHA-256 of it.
    pub digest: Digest,
    /// In the operator's words.
    pub note: Option<String>,
    /// The version that it is to follow; `None` for any.
    pub expected: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The same for every repetition of one order.
    pub once: String,
    /// SHA-256 of what was ordered.
    pub body: Digest,
    /// Say what would come of it, by the same path, and do nothing.
    pub dry_run: bool,
}

/// One version, without its document.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PolicyVersion {
    /// The tenant.
    pub tenant: String,
    /// Counted from 1.
    pub version: i64,
    /// SHA-256 of the document.
    pub digest: String,
    /// In the operator's words.
    pub note: Option<String>,
    /// The operator.
    pub by_whom: String,
    /// When, in milliseconds.
    pub at: i64,
    /// The position of its event, `EPOCH:SEQ`.
    pub told_at: String,
}

/// What came of a push.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The version in force then.
    pub version: PolicyVersion,
    /// Whether it is a new one; `false` when the same was in force, or the same order was given before.
    pub changed: bool,
}

/// Selects [`PolicyVersion`]s; what follows begins with `FROM`.
macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            "SELECT p.tenant, p.version, p.digest, p.note, p.by_whom, p.at, p.told_at ",
            $rest
        )
    };
}

const LOCK_TENANT: &str = "INSERT INTO tenants (tenant, policy_version) VALUES ($1, 0) \
     ON CONFLICT (tenant) DO UPDATE SET policy_version = tenants.policy_version \
     RETURNING policy_version";

impl Db {
    /// Puts a version in force and tells the feed. What is in force already changes nothing, and the
    /// same order again is answered with what it made.
    ///
    /// # Errors
    /// [`Error::Changed`] when another version is in force than was expected, [`Error::OtherBody`],
    /// [`Error::Database`], [`Error::Event`].
    pub async fn push_policy(&self, new: &NewPolicy) -> Result<Pushed, Error> {
        let pushed = transaction!(self, tx => {
            let (present,): (i64,) = sqlx::query_as(LOCK_TENANT)
                .bind(&new.tenant)
                .fetch_one(&mut *tx)
                .await?;
            let before: Option<(String, i64, Vec<u8>)> = sqlx::query_as(
                "SELECT tenant, version, body FROM tenant_policies \
                 WHERE by_whom = $1 AND once_key = $2",
            )
            .bind(&new.by)
            .bind(&new.once)
            .fetch_optional(&mut *tx)
            .await?;
            let known = match before {
                Some((_, version, body)) if body == new.body.as_bytes() => Some(version),
                Some(_) => return Err(Error::OtherBody),
                None => None,
            };
            if known.is_none() && new.expected.is_some_and(|expected| expected != present) {
                return Err(Error::Changed);
            }
            let standing: Option<PolicyVersion> = sqlx::query_as(select_versions!(
                "FROM tenant_policies p WHERE p.tenant = $1 AND p.version = $2"
            ))
            .bind(&new.tenant)
            .bind(known.unwrap_or(present))
            .fetch_optional(&mut *tx)
            .await?;
            let digest = new.digest.to_string();
            match standing {
                Some(version) if known.is_some() || version.digest == digest => Pushed {
                    version,
                    changed: false,
                },
                _ => {
                    let action = Action::PolicyChange {
                        tenant: Some(new.tenant.clone()),
                        policy: new.digest,
                    };
                    let actions = std::slice::from_ref(&action);
                    let position = append!(tx, new.at, actions, "policy_pushed");
                    let version = PolicyVersion {
                        tenant: new.tenant.clone(),
                        version: present.saturating_add(1),
                        digest,
                        note: new.note.clone(),
                        by_whom: new.by.clone(),
                        at: new.at.as_millis(),
                        told_at: position.cursor().to_string(),
                    };
                    sqlx::query(
                        "INSERT INTO tenant_policies (tenant, version, digest, document, note, \
                         by_whom, at, told_at, once_key, body) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    )
                    .bind(&version.tenant)
                    .bind(version.version)
                    .bind(&version.digest)
                    .bind(&new.document)
                    .bind(&version.note)
                    .bind(&version.by_whom)
                    .bind(version.at)
                    .bind(&version.told_at)
                    .bind(&new.once)
                    .bind(new.body.as_bytes().as_slice())
                    .execute(&mut *tx)
                    .await?;
                    sqlx::query("UPDATE tenants SET policy_version = $2 WHERE tenant = $1")
                        .bind(&version.tenant)
                        .bind(version.version)
                        .execute(&mut *tx)
                        .await?;
                    let mut detail = vec![
                        ("tenant", new.tenant.clone()),
                        ("version", version.version.to_string()),
                        ("digest", version.digest.clone()),
                        ("position", version.told_at.clone()),
                    ];
                    detail.extend(new.note.clone().map(|note| ("note", note)));
                    audit!(self, tx, Entry {
                        at: new.at,
                        by: &new.by,
                        action: "policy.push",
                        subject: &new.tenant,
                        detail: &detail,
                    });
                    let changed = true;
                    let pushed = Pushed { version, changed };
                    if new.dry_run {
                        return Ok(pushed);
                    }
                    pushed
                }
            }
        });
        Ok(pushed)
    }

    /// A version of a tenant's, and its document; the one in force for `None`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn policy(
        &self,
        tenant: &str,
        version: Option<i64>,
    ) -> Result<Option<(PolicyVersion, String)>, sqlx::Error> {
        let found: Option<PolicyVersion> = on!(self, pool => {
            sqlx::query_as(select_versions!(
                "FROM tenant_policies p JOIN tenants t ON t.tenant = p.tenant \
                 WHERE p.tenant = $1 AND p.version = COALESCE($2, t.policy_version)"
            ))
            .bind(tenant)
            .bind(version)
            .fetch_optional(pool)
            .await?
        });
        let Some(found) = found else {
            return Ok(None);
        };
        // A version is never changed.
        let (document,): (String,) = on!(self, pool => {
            sqlx::query_as("SELECT document FROM tenant_policies WHERE tenant = $1 AND version = $2")
                .bind(tenant)
                .bind(found.version)
                .fetch_one(pool)
                .await?
        });
        Ok(Some((found, document)))
    }

    /// A tenant's document by its digest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn policy_document(
        &self,
        tenant: &str,
        digest: &Digest,
    ) -> Result<Option<String>, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT document FROM tenant_policies WHERE digest = $1 AND tenant = $2 LIMIT 1",
            )
            .bind(digest.to_string())
            .bind(tenant)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(document,)| document))
    }

    /// A tenant's versions, newest first: those before one, at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn policy_versions(
        &self,
        tenant: &str,
        before: i64,
        limit: i64,
    ) -> Result<Vec<PolicyVersion>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(select_versions!(
                "FROM tenant_policies p WHERE p.tenant = $1 AND p.version < $2 \
                 ORDER BY p.version DESC LIMIT $3"
            ))
            .bind(tenant)
            .bind(before)
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }

    /// Every version of every tenant, by its name and number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn all_policies(&self) -> Result<Vec<(String, i64)>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as("SELECT tenant, version FROM tenant_policies ORDER BY tenant, version")
                .fetch_all(pool)
                .await
        })
    }

    /// By which policies tenants decide, for snapshots.
    pub(super) async fn policies_in_force(&self) -> Result<Vec<InForce>, Error> {
        let rows: Vec<(String, String)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT t.tenant, p.digest FROM tenants t JOIN tenant_policies p \
                 ON p.tenant = t.tenant AND p.version = t.policy_version ORDER BY t.tenant",
            )
            .fetch_all(pool)
            .await?
        });
        let entries = rows.into_iter().map(|(tenant, digest)| {
            let digest = Digest::from_hex(&digest).ok_or_else(|| sqlx::Error::ColumnDecode {
                index: "digest".to_owned(),
                source: "not a SHA-256".into(),
            })?;
            Ok(InForce {
                target: Target::Tenant(tenant),
                held: Held::Policy(digest),
            })
        });
        entries.collect()
    }
}
