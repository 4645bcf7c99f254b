//! What tenants' operators said of tools that gateways hold back: every order, and what stands.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Entry as InForce, Held, Target};
use mcps_core::verdict::{self, Verb, Verdicts};

use super::audit::{Entry, audit};
use super::feed::append;
use super::{Db, on, transaction};
use crate::error::Error;

/// An order about to be carried out.
#[derive(Clone, Debug)]
pub struct NewVerdict {
    /// The tenant.
    pub tenant: String,
    /// The server, as gateways name it.
    pub server: String,
    /// The tool, as its server calls it.
    pub tool: String,
    /// What is ordered.
    pub verb: Verb,
    /// In the operator's words.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The same for every repetition of one order.
    pub once: String,
    /// Say what would come of it, by the same path, and do nothing.
    pub dry_run: bool,
}

impl NewVerdict {
    /// SHA-256 of what is ordered.
    fn body(&self) -> Digest {
        body(
            &self.tenant,
            (&self.server, &self.tool),
            self.verb,
            self.reason.as_deref(),
        )
    }
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct VerdictOrder {
    /// The tenant.
    pub tenant: String,
    /// Counted from 1.
    pub version: i64,
    /// The server, as gateways name it.
    pub server: String,
    /// The tool, as its server calls it.
    pub tool: String,
    /// Of the definition; a block is of none.
    pub hash: Option<String>,
    /// `promote`, `reject`, `block` or `unblock`.
    pub verb: String,
    /// In the operator's words.
    pub reason: Option<String>,
    /// The operator.
    pub by_whom: String,
    /// When, in milliseconds.
    pub at: i64,
    /// SHA-256 of all that stood after it.
    pub digest: String,
    /// The position of its event, `EPOCH:SEQ`.
    pub told_at: String,
}

impl VerdictOrder {
    /// What is ordered.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn verb(&self) -> Result<Verb, sqlx::Error> {
        let hash = self.hash.as_deref().map(Digest::from_hex);
        let hash = match hash {
            Some(None) => return Err(damaged("hash")),
            Some(hash) => hash,
            None => None,
        };
        Verb::parse(&self.verb, hash).ok_or_else(|| damaged("verb"))
    }

    /// SHA-256 of what was ordered.
    ///
    /// # Errors
    /// As [`VerdictOrder::verb`].
    pub fn body(&self) -> Result<Digest, sqlx::Error> {
        let about = (self.server.as_str(), self.tool.as_str());
        let reason = self.reason.as_deref();
        Ok(body(&self.tenant, about, self.verb()?, reason))
    }
}

/// What came of an order.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The order that says so; none where it was so without any.
    pub order: Option<VerdictOrder>,
    /// Whether it is a new one; `false` when it was so, or the same order was given before.
    pub changed: bool,
}

/// Selects [`VerdictOrder`]s; what follows begins with `FROM`.
macro_rules! select_orders {
    ($rest:literal) => {
        concat!(
            "SELECT v.tenant, v.version, v.server, v.tool, v.hash, v.verb, v.reason, v.by_whom, \
             v.at, v.digest, v.told_at ",
            $rest
        )
    };
}

const LOCK_TENANT: &str = "INSERT INTO tenants (tenant, policy_version, verdict_version) \
     VALUES ($1, 0, 0) \
     ON CONFLICT (tenant) DO UPDATE SET verdict_version = tenants.verdict_version \
     RETURNING verdict_version";

/// What stood after the order of that number.
const STANDING: &str = select_orders!(
    "FROM tenant_verdicts v WHERE v.tenant = $1 AND v.version <= $2 \
     AND (v.ended_by IS NULL OR v.ended_by > $2) ORDER BY v.version"
);

impl Db {
    /// Carries an order out and tells the feed. What is so already changes nothing, and the same order
    /// again is answered with what it made.
    ///
    /// # Errors
    /// [`Error::Verdict`] when it cannot be, [`Error::OtherBody`], [`Error::Database`],
    /// [`Error::Event`].
    pub async fn order_verdict(&self, new: &NewVerdict) -> Result<Ordered, Error> {
        let body = new.body();
        let (server, tool) = (new.server.as_str(), new.tool.as_str());
        let hash = new.verb.hash().map(|hash| hash.to_string());
        let ordered = transaction!(self, tx => 'ordered: {
            let (present,): (i64,) = sqlx::query_as(LOCK_TENANT)
                .bind(&new.tenant)
                .fetch_one(&mut *tx)
                .await?;
            let before: Option<(i64, Vec<u8>)> = sqlx::query_as(
                "SELECT version, body FROM tenant_verdicts WHERE by_whom = $1 AND once_key = $2",
            )
            .bind(&new.by)
            .bind(&new.once)
            .fetch_optional(&mut *tx)
            .await?;
            if let Some((version, known)) = before {
                if known != body.as_bytes() {
                    return Err(Error::OtherBody);
                }
                let order: Option<VerdictOrder> = sqlx::query_as(select_orders!(
                    "FROM tenant_verdicts v WHERE v.tenant = $1 AND v.version = $2"
                ))
                .bind(&new.tenant)
                .bind(version)
                .fetch_optional(&mut *tx)
                .await?;
                break 'ordered Ordered { order, changed: false };
            }
            let standing: Vec<VerdictOrder> = sqlx::query_as(STANDING)
                .bind(&new.tenant)
                .bind(present)
                .fetch_all(&mut *tx)
                .await?;
            let mut verdicts = fold(&standing)?;
            let version = present.saturating_add(1);
            let given = (version.unsigned_abs(), new.at);
            if !verdicts.order((server, tool), new.verb, given)? {
                let mut standing = standing.into_iter();
                let order = standing.find(|order| {
                    order.server == server
                        && order.tool == tool
                        && order.verb == new.verb.as_str()
                        && order.hash == hash
                });
                break 'ordered Ordered { order, changed: false };
            }
            let verdicts = verdict::digest(&verdicts.document()?);
            let action = Action::VerdictChange { tenant: new.tenant.clone(), verdicts };
            let actions = std::slice::from_ref(&action);
            let position = append!(tx, new.at, actions, "verdict_given");
            let order = VerdictOrder {
                tenant: new.tenant.clone(),
                version,
                server: server.to_owned(),
                tool: tool.to_owned(),
                hash,
                verb: new.verb.as_str().to_owned(),
                reason: new.reason.clone(),
                by_whom: new.by.clone(),
                at: new.at.as_millis(),
                digest: verdicts.to_string(),
                told_at: position.cursor().to_string(),
            };
            let ends = match new.verb {
                Verb::Promote(_) | Verb::Reject(_) => Some(
                    "UPDATE tenant_verdicts SET ended_by = $5 WHERE tenant = $1 AND server = $2 \
                     AND tool = $3 AND hash = $4 AND ended_by IS NULL",
                ),
                Verb::Unblock => Some(
                    "UPDATE tenant_verdicts SET ended_by = $5 WHERE tenant = $1 AND server = $2 \
                     AND tool = $3 AND hash IS NULL AND $4 = '' AND ended_by IS NULL",
                ),
                Verb::Block => None,
            };
            if let Some(ends) = ends {
                sqlx::query(ends)
                    .bind(&order.tenant)
                    .bind(server)
                    .bind(tool)
                    .bind(order.hash.as_deref().unwrap_or_default())
                    .bind(version)
                    .execute(&mut *tx)
                    .await?;
            }
            sqlx::query(
                "INSERT INTO tenant_verdicts (tenant, version, server, tool, hash, verb, reason, \
                 by_whom, at, ended_by, digest, told_at, once_key, body) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            )
            .bind(&order.tenant)
            .bind(version)
            .bind(server)
            .bind(tool)
            .bind(&order.hash)
            .bind(&order.verb)
            .bind(&order.reason)
            .bind(&order.by_whom)
            .bind(order.at)
            .bind((new.verb == Verb::Unblock).then_some(version))
            .bind(&order.digest)
            .bind(&order.told_at)
            .bind(&new.once)
            .bind(body.as_bytes().as_slice())
            .execute(&mut *tx)
            .await?;
            sqlx::query("UPDATE tenants SET verdict_version = $2 WHERE tenant = $1")
                .bind(&order.tenant)
                .bind(version)
                .execute(&mut *tx)
                .await?;
            let mut detail = vec![
                ("tenant", new.tenant.clone()),
                ("version", version.to_string()),
                ("server", order.server.clone()),
                ("tool", order.tool.clone()),
                ("order", body.to_string()),
                ("digest", order.digest.clone()),
                ("position", order.told_at.clone()),
            ];
            detail.extend(order.hash.clone().map(|hash| ("hash", hash)));
            detail.extend(order.reason.clone().map(|reason| ("reason", reason)));
            audit!(self, tx, Entry {
                at: new.at,
                by: &new.by,
                action: recorded_as(new.verb),
                subject: &new.tenant,
                detail: &detail,
            });
            let ordered = Ordered { order: Some(order), changed: true };
            if new.dry_run {
                return Ok(ordered);
            }
            ordered
        });
        Ok(ordered)
    }

    /// The number of a tenant's last order, 0 before the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verdict_version(&self, tenant: &str) -> Result<i64, sqlx::Error> {
        let row: Option<(i64,)> = on!(self, pool => {
            sqlx::query_as("SELECT verdict_version FROM tenants WHERE tenant = $1")
                .bind(tenant)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map_or(0, |(version,)| version))
    }

    /// The orders that stood after that of this number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verdicts(
        &self,
        tenant: &str,
        version: i64,
    ) -> Result<Vec<VerdictOrder>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(STANDING)
                .bind(tenant)
                .bind(version)
                .fetch_all(pool)
                .await
        })
    }

    /// The document with that digest, if all that stood was that once.
    ///
    /// # Errors
    /// When the database does not answer, or what it has cannot be read.
    pub async fn verdicts_document(
        &self,
        tenant: &str,
        digest: &Digest,
    ) -> Result<Option<String>, Error> {
        let row: Option<(i64,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT version FROM tenant_verdicts WHERE digest = $1 AND tenant = $2 \
                 ORDER BY version DESC LIMIT 1",
            )
            .bind(digest.to_string())
            .bind(tenant)
            .fetch_optional(pool)
            .await?
        });
        let Some((version,)) = row else {
            return Ok(None);
        };
        let document = fold(&self.verdicts(tenant, version).await?)?.document()?;
        // What was changed behind our back is given to nobody.
        Ok((verdict::digest(&document) == *digest).then_some(document))
    }

    /// A tenant's orders, newest first: those before one, at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verdict_orders(
        &self,
        tenant: &str,
        before: i64,
        limit: i64,
    ) -> Result<Vec<VerdictOrder>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(select_orders!(
                "FROM tenant_verdicts v WHERE v.tenant = $1 AND v.version < $2 \
                 ORDER BY v.version DESC LIMIT $3"
            ))
            .bind(tenant)
            .bind(before)
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }

    /// A tenant's orders from the first on: those after one, at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verdict_orders_after(
        &self,
        (tenant, version): (&str, i64),
        limit: i64,
    ) -> Result<Vec<VerdictOrder>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(select_orders!(
                "FROM tenant_verdicts v WHERE v.tenant > $1 OR (v.tenant = $1 AND v.version > $2) \
                 ORDER BY v.tenant, v.version LIMIT $3"
            ))
            .bind(tenant)
            .bind(version)
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }

    /// What operators of tenants have said, for snapshots.
    pub(super) async fn verdicts_in_force(&self) -> Result<Vec<InForce>, Error> {
        let rows: Vec<(String, String)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT t.tenant, v.digest FROM tenants t JOIN tenant_verdicts v \
                 ON v.tenant = t.tenant AND v.version = t.verdict_version ORDER BY t.tenant",
            )
            .fetch_all(pool)
            .await?
        });
        let entries = rows.into_iter().map(|(tenant, digest)| {
            let digest = Digest::from_hex(&digest).ok_or_else(|| damaged("digest"))?;
            Ok(InForce {
                target: Target::Tenant(tenant),
                held: Held::Verdicts(digest),
            })
        });
        entries.collect()
    }
}

/// What orders come to that stand.
///
/// # Errors
/// Where they cannot be read, or contradict each other.
fn fold(orders: &[VerdictOrder]) -> Result<Verdicts, Error> {
    let mut verdicts = Verdicts::default();
    for order in orders {
        let about = (order.server.as_str(), order.tool.as_str());
        let at = Timestamp::from_millis(order.at);
        let given = (order.version.unsigned_abs(), at);
        verdicts.order(about, order.verb()?, given)?;
    }
    Ok(verdicts)
}

const fn recorded_as(verb: Verb) -> &'static str {
    match verb {
        Verb::Promote(_) => "quarantine.promote",
        Verb::Reject(_) => "quarantine.reject",
        Verb::Block => "quarantine.block",
        Verb::Unblock => "quarantine.unblock",
    }
}

/// None of the parts has a line end.
fn body(tenant: &str, (server, tool): (&str, &str), verb: Verb, reason: Option<&str>) -> Digest {
    let (hash, reason) = (verb.hash(), reason.unwrap_or_default());
    let hash = hash.map_or_else(String::new, |hash| hash.to_string());
    let verb = verb.as_str();
    Digest::of(format!("{tenant}\n{server}\n{tool}\n{verb}\n{hash}\n{reason}").as_bytes())
}

fn damaged(column: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "it is not what was written".into(),
    }
}
