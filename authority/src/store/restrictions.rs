//! What is suspended, stopped, quarantined or revoked as a whole: one row a target and kind of
//! restriction, whatever it reaches.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Entry, FeedError, Held, Lifts, Target};
use mcps_core::json::Document;
use mcps_core::key::KeyId;
use mcps_core::passport::{Kind, PassportId};

use super::actions::{end_action, given_before};
use super::audit::{Entry as AuditEntry, audit};
use super::feed::append;
use super::lifting::END_INCIDENTS;
use super::row::passport_id;
use super::{Binding, Db, Done, Record, Revocation, on, transaction};
use crate::error::Error;
use crate::hooks::GIVER;

/// A source makes no suspension shorter, and what an operator suspends stays the operator's.
const UPSERT: &str = "INSERT INTO restrictions \
     (target, held, until, at, reason, note, by_whom, told_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, '') \
     ON CONFLICT (target, held) DO UPDATE SET until = excluded.until, at = excluded.at, \
     reason = excluded.reason, note = excluded.note, told_at = excluded.told_at, \
     by_whom = CASE WHEN $8 = 1 AND restrictions.by_whom NOT LIKE 'hook:%' \
     AND (restrictions.until IS NULL OR restrictions.until > excluded.at) \
     THEN restrictions.by_whom ELSE excluded.by_whom END \
     WHERE restrictions.until IS DISTINCT FROM excluded.until AND ($8 = 0 \
     OR (restrictions.until IS NOT NULL \
     AND (excluded.until IS NULL OR excluded.until > restrictions.until)))";

/// The gravest of what holds any of those targets back, by a connection or in a transaction.
macro_rules! gravest {
    ($executor:expr, $targets:expr, $now:expr) => {{
        let texts = $crate::store::restrictions::texts($targets);
        let mut query = sqlx::query_as($crate::store::restrictions::RESTRICTING);
        for text in &texts {
            query = query.bind(text);
        }
        $crate::store::restrictions::gravest_of(query.fetch_all($executor).await?, $now)
    }};
}

pub(super) use gravest;

/// What holds a target back, until when, the position of its event, and who ordered it.
type Known = (String, Option<i64>, String, String);

/// Whether a suspension until `end` lasts at least as long as one until `other`.
const fn lasts(end: Option<i64>, other: Option<i64>) -> bool {
    match (end, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(end), Some(other)) => end >= other,
    }
}

/// What an event puts in force.
const fn held(action: &Action) -> Option<Held> {
    match action {
        Action::Revoke(_) | Action::ToolRevoke(_) => Some(Held::Revoked),
        Action::Suspend { until, .. } => Some(Held::Suspended(*until)),
        Action::Quarantine(_) => Some(Held::Quarantined),
        Action::Stop(_) => Some(Held::Stopped),
        _ => None,
    }
}

/// A word that this version does not know must not admit anybody.
pub(super) fn read(held: &str, until: Option<i64>) -> Held {
    match held {
        "quarantined" => Held::Quarantined,
        "suspended" => Held::Suspended(until.map(Timestamp::from_millis)),
        "stopped" => Held::Stopped,
        _ => Held::Revoked,
    }
}

const fn grave(held: Held) -> u8 {
    match held {
        Held::Level(_)
        | Held::Policy(_)
        | Held::Verdicts(_)
        | Held::Manifest(_)
        | Held::Unclear => 0,
        Held::Quarantined => 1,
        Held::Suspended(_) => 2,
        Held::Stopped => 3,
        Held::Revoked => 4,
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restricted {
    /// What holds it back.
    pub held: Held,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Whatever a passport may be restricted by, beside itself.
pub(super) fn reaches(tenant: &str, kind: Kind, name: &str, owner: &str, kid: &str) -> Vec<Target> {
    let (tenant, owner) = (tenant.to_owned(), owner.to_owned());
    let mut targets = vec![
        Target::All,
        Target::subject(kind, tenant.clone(), name.to_owned()),
        Target::Owner {
            tenant: tenant.clone(),
            owner,
        },
        Target::Tenant(tenant),
    ];
    targets.extend(KeyId::parse(kid).map(Target::Key));
    targets
}

/// Whatever keeps a subject from being given a passport, perhaps in exchange for another.
pub(super) fn keeps_off(
    kind: Kind,
    owner: &str,
    binding: &Binding,
    renews: Option<&PassportId>,
) -> Vec<Target> {
    let mut targets = reaches(&binding.tenant, kind, &binding.subject, owner, &binding.kid);
    targets.extend(renews.cloned().map(Target::Passport));
    let previous = binding.previous_kid.as_deref().and_then(KeyId::parse);
    targets.extend(previous.map(Target::Key));
    targets
}

impl Db {
    /// Puts a restriction in force and tells the feed. Repeating it changes nothing; a suspension
    /// with another end replaces the one before, but one that a source of alerts orders never ends it
    /// sooner. What is revoked stays as it is.
    ///
    /// # Errors
    /// [`Error::Event`] for an action that restricts nothing, [`Error::Database`].
    pub async fn restrict(&self, action: &Action, order: &Revocation) -> Result<Done, Error> {
        let (Some(target), Some(held)) = (action.target(), held(action)) else {
            return Err(Error::Event(FeedError::Member("target")));
        };
        let target = target.to_json();
        let until = match held {
            Held::Suspended(until) => until.map(Timestamp::as_millis),
            _ => None,
        };
        let deed = &order.deed;
        let by_source = order.by.starts_with(GIVER);
        let done = transaction!(self, tx => {
            let done = 'order: {
                let before = given_before!(tx, deed, order.at, action.as_str(), &target);
                if let Some(done) = before {
                    break 'order done;
                }
                // Its rows are locked: whoever lifts them waits for what is found here, or has lifted
                // them before.
                let known: Vec<Known> = sqlx::query_as(
                    "UPDATE restrictions SET told_at = told_at WHERE target = $1 \
                     RETURNING held, until, told_at, by_whom",
                )
                .bind(&target)
                .fetch_all(&mut *tx)
                .await?;
                let same = |(name, end, ..): &Known| {
                    name == "revoked"
                        || (name == held.as_str()
                            && (*end == until || (by_source && lasts(*end, until))))
                };
                if let Some((name, _, position, by)) = known.into_iter().find(same) {
                    // What an operator orders, no source takes back.
                    if !by_source && by.starts_with(GIVER) {
                        sqlx::query(
                            "UPDATE restrictions SET by_whom = $3 WHERE target = $1 AND held = $2",
                        )
                        .bind(&target)
                        .bind(&name)
                        .bind(&order.by)
                        .execute(&mut *tx)
                        .await?;
                    }
                    let done = order.done(Some(position), false);
                    end_action!(tx, deed, done);
                    break 'order done;
                }
                // Its row is the lock of the target. Of two who order the same at once, the second finds
                // that nothing is left to do.
                let rows = sqlx::query(UPSERT)
                    .bind(&target)
                    .bind(held.as_str())
                    .bind(until)
                    .bind(order.at.as_millis())
                    .bind(order.reason.as_str())
                    .bind(&order.note)
                    .bind(&order.by)
                    .bind(i64::from(by_source))
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
                if rows == 0 {
                    let (position,): (String,) = sqlx::query_as(
                        "SELECT told_at FROM restrictions WHERE target = $1 AND held = $2",
                    )
                    .bind(&target)
                    .bind(held.as_str())
                    .fetch_one(&mut *tx)
                    .await?;
                    let done = order.done(Some(position), false);
                    end_action!(tx, deed, done);
                    break 'order done;
                }
                let actions = std::slice::from_ref(action);
                let position = append!(tx, order.at, actions, order.reason.as_str());
                let position = position.cursor().to_string();
                sqlx::query("UPDATE restrictions SET told_at = $3 WHERE target = $1 AND held = $2")
                    .bind(&target)
                    .bind(held.as_str())
                    .bind(&position)
                    .execute(&mut *tx)
                    .await?;
                let mut detail = order.detail();
                detail.push(("position", position.clone()));
                if let Held::Suspended(Some(until)) = held {
                    detail.push(("until", until.to_string()));
                }
                let done = order.done(Some(position), true);
                end_action!(tx, deed, done);
                audit!(self, tx, AuditEntry {
                    at: order.at,
                    by: &order.by,
                    action: &format!("order.{}", action.as_str()),
                    subject: &target,
                    detail: &detail,
                });
                done
            };
            if order.dry_run {
                return Ok(done);
            }
            done
        });
        Ok(done)
    }

    /// Takes a suspension, a quarantine or a stop back and tells the feed. Where there is none,
    /// nothing changes.
    ///
    /// # Errors
    /// [`Error::Event`], [`Error::Database`].
    pub async fn reinstate(
        &self,
        target: &Target,
        lifts: Lifts,
        order: &Revocation,
    ) -> Result<Done, Error> {
        let held = match lifts {
            Lifts::Suspend => "suspended",
            Lifts::Quarantine => "quarantined",
            Lifts::Stop => "stopped",
        };
        let action = Action::Reinstate {
            target: target.clone(),
            lifts,
        };
        let (deed, text) = (&order.deed, target.to_json());
        let done = transaction!(self, tx => {
            let done = 'order: {
                let before = given_before!(tx, deed, order.at, action.as_str(), &text);
                if let Some(done) = before {
                    break 'order done;
                }
                // No alert holds it back any more; what sources do for alerts to come they take back.
                if lifts == Lifts::Suspend {
                    sqlx::query(END_INCIDENTS)
                        .bind(&text)
                        .bind(order.at.as_millis())
                        .execute(&mut *tx)
                        .await?;
                }
                let lifted = sqlx::query("DELETE FROM restrictions WHERE target = $1 AND held = $2")
                    .bind(&text)
                    .bind(held)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
                if lifted == 0 {
                    break 'order order.done(None, false);
                }
                let actions = std::slice::from_ref(&action);
                let position = append!(tx, order.at, actions, order.reason.as_str());
                let position = position.cursor().to_string();
                let mut detail = order.detail();
                detail.push(("lifts", held.to_owned()));
                detail.push(("position", position.clone()));
                let done = order.done(Some(position), true);
                end_action!(tx, deed, done);
                audit!(self, tx, AuditEntry {
                    at: order.at,
                    by: &order.by,
                    action: "order.reinstate",
                    subject: &text,
                    detail: &detail,
                });
                done
            };
            if order.dry_run {
                return Ok(done);
            }
            done
        });
        Ok(done)
    }

    /// The gravest of what holds a passport back, beside its own revocation: itself, its key, its
    /// subject, owner or tenant, the key that issued it, or everything.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn restriction_of(
        &self,
        record: &Record,
        now: Timestamp,
    ) -> Result<Option<Restricted>, sqlx::Error> {
        let mut targets = reaches(
            &record.tenant,
            record.kind,
            &record.name,
            &record.owner,
            &record.kid,
        );
        targets.push(Target::Passport(record.id.clone()));
        targets.extend(KeyId::parse(&record.issuer_kid).map(Target::Issuer));
        self.gravest(&targets, now).await
    }

    /// Everything in force at `now`: restrictions, the levels that were told, revoked passports that
    /// somebody could still accept, and blocked keys.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn in_force(&self, now: Timestamp) -> Result<Vec<Entry>, Error> {
        let rows: Vec<(String, String, Option<i64>)> = on!(self, pool => {
            sqlx::query_as("SELECT target, held, until FROM restrictions ORDER BY target, held")
                .fetch_all(pool)
                .await?
        });
        let passports: Vec<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT passport_id FROM passports WHERE revoked_at IS NOT NULL \
                 AND expires_at > $1 ORDER BY passport_id",
            )
            .bind(now.as_millis())
            .fetch_all(pool)
            .await?
        });
        let keys: Vec<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT kid FROM subject_keys WHERE blocked_at IS NOT NULL ORDER BY kid")
                .fetch_all(pool)
                .await?
        });
        let revoked = |target| Entry {
            target,
            held: Held::Revoked,
        };
        let mut entries = Vec::with_capacity(rows.len() + passports.len() + 2 * keys.len());
        for (target, held, until) in rows {
            let document = Document::parse(target).map_err(FeedError::Json)?;
            let target = Target::read(document.root())?;
            let held = read(&held, until);
            if !matches!(held, Held::Suspended(Some(until)) if until <= now) {
                entries.push(Entry { target, held });
            }
        }
        entries.extend(self.told_levels().await?);
        entries.extend(self.policies_in_force().await?);
        entries.extend(self.verdicts_in_force().await?);
        entries.extend(self.current_manifests().await?);
        for (id,) in passports {
            entries.push(revoked(Target::Passport(passport_id(&id)?)));
        }
        for (kid,) in keys {
            let kid = KeyId::parse(&kid).ok_or(FeedError::Member("key"))?;
            entries.push(revoked(Target::Key(kid.clone())));
            entries.push(revoked(Target::Issuer(kid)));
        }
        Ok(entries)
    }

    async fn gravest(
        &self,
        targets: &[Target],
        now: Timestamp,
    ) -> Result<Option<Restricted>, sqlx::Error> {
        Ok(on!(self, pool => gravest!(pool, targets, now)))
    }
}

/// Most targets that one passport may be restricted by.
const REACH: usize = 7;

pub(super) const RESTRICTING: &str = "SELECT held, until, at, reason FROM restrictions \
     WHERE target IN ($1, $2, $3, $4, $5, $6, $7)";

pub(super) fn texts(targets: &[Target]) -> Vec<String> {
    let mut texts: Vec<String> = targets.iter().map(Target::to_json).collect();
    // Always as many as there are places; none is the empty text.
    texts.resize(REACH, String::new());
    texts
}

pub(super) fn gravest_of(
    rows: Vec<(String, Option<i64>, i64, String)>,
    now: Timestamp,
) -> Option<Restricted> {
    let rows = rows
        .into_iter()
        .map(|(held, until, at, reason)| Restricted {
            held: read(&held, until),
            at: Timestamp::from_millis(at),
            reason,
        });
    let in_force = |row: &Restricted| match row.held {
        Held::Suspended(Some(until)) => now < until,
        _ => true,
    };
    rows.filter(in_force).max_by_key(|row| grave(row.held))
}
