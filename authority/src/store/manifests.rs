//! Published manifests, and what was refused under their versions.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Entry as InForce, Held, Target};

use super::audit::{Entry, audit};
use super::feed::append;
use super::servers::{LOCK_SERVER, Row as ServerRow};
use super::trust::{Told, reassess};
use super::{Db, ServerRecord, on, transaction};
use crate::error::Error;
use crate::levels::{Policy, Subject};
use crate::registry::{Published, ServerId, ServerState};

/// A manifest in a list.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ManifestSummary {
    /// The version.
    pub version: String,
    /// In the order of publication, from 1.
    pub number: i64,
    /// SHA-256 of what it says, in hex.
    pub digest: String,
    /// How many tools it names.
    pub tool_count: i64,
    /// By whose key.
    pub passport_id: String,
    /// When, in milliseconds.
    pub published_at: i64,
}

/// A published manifest with its tools.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ManifestRecord {
    /// The server's id.
    pub server_id: String,
    /// What lists say of it.
    #[sqlx(flatten)]
    pub summary: ManifestSummary,
    /// The signed manifest.
    pub manifest: String,
    /// The signed tools, as `{"tools":[…]}`.
    pub tools: String,
}

/// Something else that was said under a published version.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RefusedManifest {
    /// The version.
    pub version: String,
    /// SHA-256 of what was said, in hex.
    pub digest: String,
    /// By whose key.
    pub passport_id: String,
    /// For the first time, in milliseconds.
    pub first_at: i64,
    /// And the last.
    pub last_at: i64,
    /// How often.
    pub times: i64,
}

/// What came of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the current one now.
    Published(ManifestSummary),
    /// It was published before.
    Known(ManifestSummary),
    /// That version says something else. What was offered is recorded.
    OtherContent(ManifestSummary),
}

macro_rules! select_manifests {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT version, number, digest, tool_count, passport_id, published_at",
            $columns,
            " FROM manifests ",
            $rest
        )
    };
}

impl Db {
    /// Publishes a verified manifest of a server. The version it has is taken for good. Tells the
    /// feed when the level falls with it.
    ///
    /// # Errors
    /// [`Error::ServerNotFound`], [`Error::NotActive`], [`Error::Database`], [`Error::Event`].
    pub async fn publish(
        &self,
        id: &ServerId,
        new: &Published,
        policy: &Policy,
        at: Timestamp,
    ) -> Result<(Outcome, Told), Error> {
        let (digest, version) = (new.digest.to_string(), new.version.as_str());
        let outcome = transaction!(self, tx => 'published: {
            let row: Option<ServerRow> = sqlx::query_as(LOCK_SERVER)
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            let server = ServerRecord::try_from(row.ok_or(Error::ServerNotFound)?)?;
            let known: Option<ManifestSummary> =
                sqlx::query_as(select_manifests!("", "WHERE server_id = $1 AND version = $2"))
                    .bind(id.as_str())
                    .bind(version)
                    .fetch_optional(&mut *tx)
                    .await?;
            if let Some(known) = known {
                if known.digest == digest {
                    break 'published (Outcome::Known(known), Told::default());
                }
                sqlx::query(
                    "INSERT INTO manifest_refusals \
                     (server_id, version, digest, passport_id, first_at, last_at, times) \
                     VALUES ($1, $2, $3, $4, $5, $5, 1) \
                     ON CONFLICT (server_id, version, digest) DO UPDATE SET \
                     passport_id = excluded.passport_id, last_at = excluded.last_at, \
                     times = manifest_refusals.times + 1",
                )
                .bind(id.as_str())
                .bind(version)
                .bind(&digest)
                .bind(new.passport_id.as_str())
                .bind(at.as_millis())
                .execute(&mut *tx)
                .await?;
                audit!(self, tx, Entry {
                    at,
                    by: new.passport_id.as_str(),
                    action: "manifest.refuse",
                    subject: id.as_str(),
                    detail: &[
                        ("tenant", server.tenant),
                        ("version", version.to_owned()),
                        ("digest", digest),
                        ("published", known.digest.clone()),
                    ],
                });
                break 'published (Outcome::OtherContent(known), Told::default());
            }
            if server.state != ServerState::Active {
                return Err(Error::NotActive { state: server.state.as_str() });
            }
            let summary = ManifestSummary {
                version: version.to_owned(),
                number: server.manifests.saturating_add(1),
                digest,
                tool_count: i64::try_from(new.tool_count).unwrap_or(i64::MAX),
                passport_id: new.passport_id.to_string(),
                published_at: at.as_millis(),
            };
            sqlx::query(
                "INSERT INTO manifests (server_id, version, number, digest, manifest, tools, \
                 tool_count, passport_id, published_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(id.as_str())
            .bind(&summary.version)
            .bind(summary.number)
            .bind(&summary.digest)
            .bind(&new.manifest)
            .bind(&new.tools)
            .bind(summary.tool_count)
            .bind(&summary.passport_id)
            .bind(summary.published_at)
            .execute(&mut *tx)
            .await?;
            sqlx::query("UPDATE servers SET manifests = $2 WHERE server_id = $1")
                .bind(id.as_str())
                .bind(summary.number)
                .execute(&mut *tx)
                .await?;
            // What was scanned or reviewed is another manifest now.
            let subject = server.subject();
            let told = reassess!(tx, &subject, policy, at, "manifest_changed", false);
            // After the level, whose row others lock before the feed's head.
            let action = Action::ManifestChange {
                target: Target::Server {
                    tenant: server.tenant.clone(),
                    name: server.name.clone(),
                },
                manifest: new.digest,
            };
            let position = append!(tx, at, std::slice::from_ref(&action), "manifest_published");
            let mut detail = vec![
                ("tenant", server.tenant.clone()),
                ("version", summary.version.clone()),
                ("digest", summary.digest.clone()),
                ("tools", summary.tool_count.to_string()),
                ("told", position.cursor().to_string()),
            ];
            detail.extend(told.detail());
            audit!(self, tx, Entry {
                at,
                by: &summary.passport_id,
                action: "manifest.publish",
                subject: id.as_str(),
                detail: &detail,
            });
            (Outcome::Published(summary), told)
        });
        Ok(outcome)
    }

    /// The current manifests of servers, for snapshots.
    pub(super) async fn current_manifests(&self) -> Result<Vec<InForce>, Error> {
        let rows: Vec<(String, String, String)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT s.tenant, s.name, m.digest FROM servers s JOIN manifests m \
                 ON m.server_id = s.server_id AND m.number = s.manifests \
                 WHERE s.state <> 'retired' ORDER BY s.tenant, s.name",
            )
            .fetch_all(pool)
            .await?
        });
        let entries = rows.into_iter().map(|(tenant, name, digest)| {
            let digest = Digest::from_hex(&digest).ok_or_else(|| sqlx::Error::ColumnDecode {
                index: "digest".to_owned(),
                source: "not a SHA-256".into(),
            })?;
            Ok(InForce {
                target: Target::Server { tenant, name },
                held: Held::Manifest(digest),
            })
        });
        entries.collect()
    }

    /// The manifests of a server, newest first: those before `before`, at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn manifests(
        &self,
        id: &ServerId,
        before: i64,
        limit: i64,
    ) -> Result<Vec<ManifestSummary>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(select_manifests!(
                "",
                "WHERE server_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3"
            ))
            .bind(id.as_str())
            .bind(before)
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }

    /// One version of a server's manifest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn manifest(
        &self,
        id: &ServerId,
        version: &str,
    ) -> Result<Option<ManifestRecord>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(select_manifests!(
                ", server_id, manifest, tools",
                "WHERE server_id = $1 AND version = $2"
            ))
            .bind(id.as_str())
            .bind(version)
            .fetch_optional(pool)
            .await
        })
    }

    /// The manifest that says what `digest` is of. Once there, it never changes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn manifest_by_digest(
        &self,
        digest: &Digest,
    ) -> Result<Option<ManifestRecord>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(select_manifests!(
                ", server_id, manifest, tools",
                "WHERE digest = $1 ORDER BY published_at, server_id LIMIT 1"
            ))
            .bind(digest.to_string())
            .fetch_optional(pool)
            .await
        })
    }

    /// Whether a subject, which has to be a server, ever published that manifest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_manifest(
        &self,
        subject: &Subject,
        digest: &Digest,
    ) -> Result<bool, sqlx::Error> {
        let found: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT manifests.digest FROM manifests \
                 JOIN servers ON servers.server_id = manifests.server_id \
                 WHERE manifests.digest = $1 AND servers.tenant = $2 AND servers.name = $3 \
                 AND $4 = 'server' LIMIT 1",
            )
            .bind(digest.to_string())
            .bind(&subject.tenant)
            .bind(&subject.name)
            .bind(subject.kind.as_str())
            .fetch_optional(pool)
            .await?
        });
        Ok(found.is_some())
    }

    /// What was refused under versions of a server, the newest first; at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refused_manifests(
        &self,
        id: &ServerId,
        limit: i64,
    ) -> Result<Vec<RefusedManifest>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT version, digest, passport_id, first_at, last_at, times \
                 FROM manifest_refusals WHERE server_id = $1 \
                 ORDER BY last_at DESC, version, digest LIMIT $2",
            )
            .bind(id.as_str())
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }
}
