//! Revocation of a passport.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, FeedError, Target};
use mcps_core::key::KeyId;
use mcps_core::passport::PassportId;

use super::audit::{Entry, audit};
use super::compromises::{REVOKE_LINES, lock_lines, told};
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
    /// Only to find out what would come of it: nothing is kept.
    pub dry_run: bool,
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

    /// What came of it now. A number in the feed that will be another's is not given out.
    pub(crate) fn done(&self, position: Option<String>, changed: bool) -> Done {
        Done {
            id: self.deed.id.clone(),
            position: position.filter(|_| !(self.dry_run && changed)),
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
pub(super) fn list(ids: &[&str]) -> String {
    const MOST: usize = 100;
    let named = ids.get(..MOST).unwrap_or(ids).join(" ");
    match ids.len().saturating_sub(MOST) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The passport alone.
const REVOKE_ONE: &str = "UPDATE passports SET revoked_at = $2, reason = $3, revoked_by = $4, \
     note = COALESCE($5, note) WHERE passport_id = $1 AND revoked_at IS NULL \
     RETURNING passport_id, expires_at, kid";
/// The passport, all that came of it or that it came of by renewal and rotation, and the subject's
/// other passports for the key.
const REVOKE_LINE: &str = "UPDATE passports SET revoked_at = $2, reason = $3, revoked_by = $4, \
     note = COALESCE($5, note) WHERE revoked_at IS NULL AND (passport_id = $1 \
     OR line = (SELECT line FROM passports WHERE passport_id = $1) \
     OR (kid = $6 AND tenant = $7 AND kind = $8 AND name = $9)) \
     RETURNING passport_id, expires_at, kid";
/// Every passport for the key; the gravest reason replaces another.
const REVOKE_KEY: &str = "UPDATE passports SET revoked_at = COALESCE(revoked_at, $2), \
     reason = 'key_compromise', revoked_by = COALESCE(revoked_by, $3), note = COALESCE($4, note) \
     WHERE kid = $1 AND (revoked_at IS NULL OR reason <> 'key_compromise') \
     RETURNING passport_id, expires_at, kid";

/// What the feed is told of the passports that somebody could still accept, unless it is told of
/// their key.
fn actions(
    key: Option<&KeyId>,
    changed: &[(String, i64, String)],
    at: i64,
) -> Result<Vec<Action>, Error> {
    if let Some(key) = key {
        return Ok(told(key, changed, at)?);
    }
    let live = changed.iter().filter(|(_, expires_at, _)| *expires_at > at);
    live.map(|(id, ..)| Ok(Action::Revoke(Target::Passport(passport_id(id)?))))
        .collect()
}

impl Db {
    /// Revokes a passport; `None` when there is none of that id. Whoever is cut off must not go on
    /// with a renewal, or with what was renewed, or with the key that this one was exchanged for, so
    /// all of that goes too; only [`Reason::Superseded`] is about one passport alone. Repeating it changes nothing,
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
        let revoked = transaction!(self, tx => {
            let subject: Option<(String, String, String, String)> = sqlx::query_as(
                "SELECT kid, tenant, kind, name FROM passports WHERE passport_id = $1",
            )
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
            let Some((kid, tenant, kind, name)) = subject else { return Ok(None) };

            // The rows of keys are the locks that `prepare` takes as well, so they come first.
            if order.reason != Reason::Superseded {
                lock_lines!(tx, &kid);
            }
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

            let mut changed: Vec<(String, i64, String)>;
            if compromised {
                changed = sqlx::query_as(REVOKE_KEY)
                    .bind(&kid)
                    .bind(at)
                    .bind(&order.by)
                    .bind(&order.note)
                    .fetch_all(&mut *tx)
                    .await?;
                let others: Vec<(String, i64, String)> = sqlx::query_as(REVOKE_LINES)
                    .bind(&kid)
                    .bind(at)
                    .bind(&order.by)
                    .bind(&order.note)
                    .fetch_all(&mut *tx)
                    .await?;
                changed.extend(others);
            } else {
                let alone = order.reason == Reason::Superseded;
                let revoke = sqlx::query_as(if alone { REVOKE_ONE } else { REVOKE_LINE })
                    .bind(id.as_str())
                    .bind(at)
                    .bind(order.reason.as_str())
                    .bind(&order.by)
                    .bind(&order.note);
                let revoke = match alone {
                    true => revoke,
                    false => revoke.bind(&kid).bind(&tenant).bind(&kind).bind(&name),
                };
                changed = revoke.fetch_all(&mut *tx).await?;
            }

            let blocks = compromised && before.is_none();
            let key = blocks.then(|| KeyId::parse(&kid).ok_or(FeedError::Member("key")));
            let actions = actions(key.transpose()?.as_ref(), &changed, at)?;
            if !actions.is_empty() {
                let position = append!(tx, order.at, &actions, order.reason.as_str());
                let position = position.cursor().to_string();
                for (other, ..) in &changed {
                    sqlx::query("UPDATE passports SET told_at = $2 WHERE passport_id = $1")
                        .bind(other)
                        .bind(&position)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            if !changed.is_empty() || (compromised && before.is_none()) {
                let others = changed.iter().filter(|(other, ..)| other != id.as_str());
                let others: Vec<&str> = others.map(|(other, ..)| other.as_str()).collect();
                let mut detail = order.detail();
                detail.push(("tenant", tenant));
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
            let others = changed.iter().map(|(other, ..)| other.as_str());
            let with_it = others.filter(|other| *other != id.as_str()).map(passport_id);
            let revoked = Revoked {
                record: RevokedRecord {
                    at: Timestamp::from_millis(revoked_at),
                    reason: Reason::parse(&reason).unwrap_or_default(),
                },
                key_blocked: blocked_at.is_some(),
                with_it: with_it.collect::<Result<_, _>>()?,
                position,
                told: !actions.is_empty(),
            };
            if order.dry_run {
                return Ok(Some(revoked));
            }
            revoked
        });
        Ok(Some(revoked))
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
