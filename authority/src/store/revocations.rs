//! Revocation of a passport, and of everything under a compromised key.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, FeedError, Target};
use mcps_core::key::KeyId;
use mcps_core::passport::PassportId;

use super::audit::{Entry, audit};
use super::feed::append;
use super::row::{Row, passport_id, select_issued};
use super::{Db, Deed, Done, Record, RevokedRecord, on, transaction};
use crate::error::Error;

/// Why a passport was revoked.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody else may have the key. Blocks the key and revokes its other passports with it.
    KeyCompromise,
    /// Another passport took its place. The only reason that leaves its renewals good.
    Superseded,
    /// The agent or server is no more.
    Cessation,
    /// It broke a rule.
    Policy,
    /// Nobody said.
    #[default]
    Unspecified,
}

impl Reason {
    const ALL: [Reason; 5] = [
        Self::KeyCompromise,
        Self::Superseded,
        Self::Cessation,
        Self::Policy,
        Self::Unspecified,
    ];

    /// The reason's name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::Cessation => "cessation",
            Self::Policy => "policy",
            Self::Unspecified => "unspecified",
        }
    }

    /// Reads the reason's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// An order to revoke.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Why.
    pub reason: Reason,
    /// In the operator's words.
    pub note: Option<String>,
    /// The operator's id.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Which giving of it this is.
    pub deed: Deed,
}

impl Revocation {
    /// What is recorded of it.
    pub(super) fn detail(&self) -> Vec<(&'static str, String)> {
        let mut detail = vec![
            ("reason", self.reason.as_str().to_owned()),
            ("order", self.deed.id.clone()),
        ];
        let note = self.note.clone();
        detail.extend(note.map(|note| ("note", note)));
        detail
    }

    /// What came of it now.
    pub(crate) fn done(&self, position: Option<String>, changed: bool) -> Done {
        Done {
            id: self.deed.id.clone(),
            position,
            changed,
            repeated: false,
        }
    }
}

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When and why the passport is revoked now; an earlier revocation keeps its time.
    pub record: RevokedRecord,
    /// Whether its key is blocked.
    pub key_blocked: bool,
    /// Other passports that this call revoked.
    pub with_it: Vec<PassportId>,
    /// The position of the event that told it, `EPOCH:SEQ`; `None` when nobody had to be told,
    /// since it had expired or it was before there was a feed.
    pub position: Option<String>,
    /// Whether there was anything to tell now.
    pub told: bool,
}

/// So many of them as a record has room for, and how many more there are.
fn list(ids: &[&str]) -> String {
    const MOST: usize = 100;
    let named = ids.get(..MOST).unwrap_or(ids).join(" ");
    match ids.len().saturating_sub(MOST) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// What the feed is told: one event for a key, however many passports it has; else the passports
/// that somebody could still accept.
fn actions(
    kid: &str,
    blocked: bool,
    changed: &[(String, i64)],
    at: i64,
) -> Result<Vec<Action>, Error> {
    if blocked {
        let kid = KeyId::parse(kid).ok_or(FeedError::Member("key"))?;
        return Ok(vec![Action::KeyBlock(kid)]);
    }
    let live = changed.iter().filter(|(_, expires_at)| *expires_at > at);
    live.map(|(id, _)| Ok(Action::Revoke(Target::Passport(passport_id(id)?))))
        .collect()
}

impl Db {
    /// Revokes a passport; `None` when there is none of that id. Whoever is cut off must not go on
    /// with a renewal, or with what was renewed, so the subject's other passports for the key go
    /// too; only [`Reason::Superseded`] is about one passport alone. Repeating it changes nothing,
    /// except that any reason may still become `key_compromise`, never the reverse.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke(
        &self,
        id: &PassportId,
        order: &Revocation,
    ) -> Result<Option<Revoked>, Error> {
        let compromised = order.reason == Reason::KeyCompromise;
        let at = order.at.as_millis();
        let (revoked_at, reason, blocked_at, changed, position, told) = transaction!(self, tx => {
            let subject: Option<(String, String, String, String)> = sqlx::query_as(
                "SELECT kid, tenant, kind, name FROM passports WHERE passport_id = $1",
            )
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
            let Some((kid, tenant, kind, name)) = subject else { return Ok(None) };

            // The key's row is the lock that `prepare` takes as well, so it comes first.
            let before: Option<(i64,)> = sqlx::query_as(
                "UPDATE subject_keys SET kid = kid WHERE kid = $1 AND blocked_at IS NOT NULL \
                 RETURNING blocked_at",
            )
            .bind(&kid)
            .fetch_optional(&mut *tx)
            .await?;
            let (blocked_at,): (Option<i64>,) = sqlx::query_as(
                "UPDATE subject_keys SET \
                 blocked_at = CASE WHEN $2 = 1 THEN COALESCE(blocked_at, $3) ELSE blocked_at END, \
                 blocked_by = CASE WHEN $2 = 1 THEN COALESCE(blocked_by, $4) ELSE blocked_by END \
                 WHERE kid = $1 RETURNING blocked_at",
            )
            .bind(&kid)
            .bind(i64::from(compromised))
            .bind(at)
            .bind(&order.by)
            .fetch_one(&mut *tx)
            .await?;

            let changed: Vec<(String, i64)> = sqlx::query_as(
                "UPDATE passports SET revoked_at = COALESCE(revoked_at, $3), reason = $4, \
                 revoked_by = COALESCE(revoked_by, $5), note = COALESCE($6, note) \
                 WHERE (passport_id = $1 AND revoked_at IS NULL) \
                 OR ($4 NOT IN ('superseded', 'key_compromise') AND revoked_at IS NULL \
                 AND kid = $2 AND tenant = $7 AND kind = $8 AND name = $9) \
                 OR ($4 = 'key_compromise' AND kid = $2 \
                 AND (revoked_at IS NULL OR reason <> 'key_compromise')) \
                 RETURNING passport_id, expires_at",
            )
            .bind(id.as_str())
            .bind(&kid)
            .bind(at)
            .bind(order.reason.as_str())
            .bind(&order.by)
            .bind(&order.note)
            .bind(&tenant)
            .bind(&kind)
            .bind(&name)
            .fetch_all(&mut *tx)
            .await?;

            let actions = actions(&kid, compromised && before.is_none(), &changed, at)?;
            if !actions.is_empty() {
                let position = append!(tx, order.at, &actions, order.reason.as_str());
                let position = position.cursor().to_string();
                for (other, _) in &changed {
                    sqlx::query("UPDATE passports SET told_at = $2 WHERE passport_id = $1")
                        .bind(other)
                        .bind(&position)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            if !changed.is_empty() || (compromised && before.is_none()) {
                let others = changed.iter().filter(|(other, _)| other != id.as_str());
                let others: Vec<&str> = others.map(|(other, _)| other.as_str()).collect();
                let mut detail = order.detail();
                if !others.is_empty() {
                    detail.push(("with_it", list(&others)));
                }
                if compromised && before.is_none() {
                    detail.push(("key_blocked", kid.clone()));
                }
                audit!(self, tx, Entry {
                    at: order.at,
                    by: &order.by,
                    action: "passport.revoke",
                    subject: id.as_str(),
                    detail: &detail,
                });
            }
            let (revoked_at, reason, position): (i64, String, Option<String>) = sqlx::query_as(
                "SELECT revoked_at, reason, told_at FROM passports WHERE passport_id = $1",
            )
            .bind(id.as_str())
            .fetch_one(&mut *tx)
            .await?;
            let told = !actions.is_empty();
            (revoked_at, reason, blocked_at, changed, position, told)
        });
        let others = changed
            .into_iter()
            .filter(|(other, _)| other != id.as_str());
        let with_it: Result<Vec<PassportId>, _> =
            others.map(|(other, _)| passport_id(&other)).collect();
        Ok(Some(Revoked {
            record: RevokedRecord {
                at: Timestamp::from_millis(revoked_at),
                reason: Reason::parse(&reason).unwrap_or_default(),
            },
            key_blocked: blocked_at.is_some(),
            with_it: with_it?,
            position,
            told,
        }))
    }

    /// Blocks a key as compromised, whether or not it was ever certified here, and revokes every
    /// passport for it. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::Event`], [`Error::Database`].
    pub async fn block_key(&self, key: &KeyId, order: &Revocation) -> Result<Done, Error> {
        let at = order.at.as_millis();
        let position = transaction!(self, tx => {
            let blocked = sqlx::query(
                "INSERT INTO subject_keys (kid, first_used_at, last_used_at, blocked_at, blocked_by) \
                 VALUES ($1, $2, $2, $2, $3) ON CONFLICT (kid) DO UPDATE \
                 SET blocked_at = excluded.blocked_at, blocked_by = excluded.blocked_by \
                 WHERE subject_keys.blocked_at IS NULL",
            )
            .bind(key.as_str())
            .bind(at)
            .bind(&order.by)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if blocked == 0 {
                let (position,): (Option<String>,) =
                    sqlx::query_as("SELECT told_at FROM subject_keys WHERE kid = $1")
                        .bind(key.as_str())
                        .fetch_one(&mut *tx)
                        .await?;
                return Ok(order.done(position, false));
            }
            sqlx::query(
                "UPDATE passports SET revoked_at = COALESCE(revoked_at, $2), \
                 reason = 'key_compromise', revoked_by = COALESCE(revoked_by, $3), \
                 note = COALESCE($4, note) WHERE kid = $1",
            )
            .bind(key.as_str())
            .bind(at)
            .bind(&order.by)
            .bind(&order.note)
            .execute(&mut *tx)
            .await?;
            let action = [Action::KeyBlock(key.clone())];
            let position = append!(tx, order.at, &action, order.reason.as_str());
            let position = position.cursor().to_string();
            sqlx::query("UPDATE subject_keys SET told_at = $2 WHERE kid = $1")
                .bind(key.as_str())
                .bind(&position)
                .execute(&mut *tx)
                .await?;
            let mut detail = order.detail();
            detail.push(("position", position.clone()));
            audit!(self, tx, Entry {
                at: order.at,
                by: &order.by,
                action: "key.block",
                subject: key.as_str(),
                detail: &detail,
            });
            position
        });
        Ok(order.done(Some(position), true))
    }

    /// Every revoked passport that has not expired, earliest revocation first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoked(&self, now: Timestamp) -> Result<Vec<Record>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(select_issued!(
                "AND revoked_at IS NOT NULL AND expires_at > $1 ORDER BY revoked_at, passport_id"
            ))
            .bind(now.as_millis())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(Record::try_from).collect()
    }
}
