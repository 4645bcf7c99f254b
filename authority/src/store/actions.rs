//! What was ordered, so that an order given twice is carried out once, and can be taken back.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::random::{Random, RandomError, hex16};

use super::audit::{Entry, audit};
use super::{Db, on, transaction, within};
use crate::access::Tenants;
use crate::error::Error;

/// One giving of an order: under which id it is recorded, and what makes it the same as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// `act_` and 32 hex digits.
    pub id: String,
    /// Who gives it: an operator's id, or `hook:` and the name of a source.
    pub giver: String,
    /// The same for every repetition: the giver's key for it, or else the deed's own id.
    pub key: String,
    /// SHA-256 of what was asked.
    pub body: Digest,
}

impl Deed {
    /// A deed of its own, or a repetition of the one with that key.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn new(
        giver: &str,
        key: Option<&str>,
        body: &[u8],
        random: &dyn Random,
    ) -> Result<Self, RandomError> {
        let id = format!("act_{}", hex16(random)?);
        Ok(Self {
            key: key.map_or_else(|| id.clone(), str::to_owned),
            id,
            giver: giver.to_owned(),
            body: Digest::of(body),
        })
    }
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Carried out.
    Done,
    /// It was so already.
    Unchanged,
    /// Recorded only: the source may do no more, or asked for no more.
    Observed,
    /// Nobody of that name or id is known.
    NoMatch,
    /// The source has done as much as it may in an hour; an operator has to decide.
    Held,
}

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Done,
        Self::Unchanged,
        Self::Observed,
        Self::NoMatch,
        Self::Held,
    ];

    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Observed => "observed",
            Self::NoMatch => "no_match",
            Self::Held => "held",
        }
    }

    fn parse(text: &str) -> Self {
        let own = Self::ALL.into_iter().find(|own| own.as_str() == text);
        own.unwrap_or(Self::Observed)
    }
}

/// A recorded order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRecord {
    /// `act_` and 32 hex digits.
    pub id: String,
    /// Who gave it.
    pub giver: String,
    /// When.
    pub at: Timestamp,
    /// The type of the event, or `observe`.
    pub action: String,
    /// The target's JSON.
    pub target: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The position of its event, `EPOCH:SEQ`.
    pub position: Option<String>,
    /// The tenant of its target; empty where that is of no one tenant.
    pub tenant: String,
}

type Row = (
    String,
    String,
    i64,
    String,
    String,
    String,
    Option<String>,
    String,
);

fn record(row: Row) -> ActionRecord {
    let (id, giver, at, action, target, outcome, position, tenant) = row;
    ActionRecord {
        id,
        giver,
        at: Timestamp::from_millis(at),
        action,
        target,
        outcome: Outcome::parse(&outcome),
        position,
        tenant,
    }
}

/// A text in the JSON of a target.
pub(super) fn member(target: &str, name: &str) -> Option<String> {
    let document = Document::parse(target).ok()?;
    let value = document.root().get(name)?.as_str()?;
    Some(value.into_owned())
}

pub(super) const INSERT_ACTION: &str = "INSERT INTO actions \
     (action_id, giver, once_key, body, at, action, target, outcome, told_at, tenant) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, COALESCE($10, \
     (SELECT tenant FROM passports WHERE passport_id = $11), '')) \
     ON CONFLICT (giver, once_key) DO NOTHING";
pub(super) const SAME_ACTION: &str = "SELECT action_id, body, outcome, told_at FROM actions \
     WHERE giver = $1 AND once_key = $2";
pub(super) const END_ACTION: &str =
    "UPDATE actions SET outcome = $2, told_at = $3 WHERE action_id = $1";

/// Records an order inside the transaction that carries it out. Gives what came of it before, when
/// it was given before.
macro_rules! given_before {
    ($tx:ident, $deed:expr, $at:expr, $action:expr, $target:expr) => {{
        let rows = sqlx::query($crate::store::actions::INSERT_ACTION)
            .bind(&$deed.id)
            .bind(&$deed.giver)
            .bind(&$deed.key)
            .bind($deed.body.as_bytes().as_slice())
            .bind($at.as_millis())
            .bind($action)
            .bind($target)
            .bind("unchanged")
            .bind(None::<String>)
            .bind($crate::store::actions::member($target, "tenant"))
            .bind($crate::store::actions::member($target, "id").unwrap_or_default())
            .execute(&mut *$tx)
            .await?
            .rows_affected();
        match rows {
            0 => {
                let same: (String, Vec<u8>, String, Option<String>) =
                    sqlx::query_as($crate::store::actions::SAME_ACTION)
                        .bind(&$deed.giver)
                        .bind(&$deed.key)
                        .fetch_one(&mut *$tx)
                        .await?;
                Some($crate::store::actions::repeated($deed, same)?)
            }
            _ => None,
        }
    }};
}

/// Records what came of an order, inside the transaction that carried it out.
macro_rules! end_action {
    ($tx:ident, $deed:expr, $done:expr) => {
        sqlx::query($crate::store::actions::END_ACTION)
            .bind(&$deed.id)
            .bind($done.outcome().as_str())
            .bind(&$done.position)
            .execute(&mut *$tx)
            .await?
    };
}

pub(super) use {end_action, given_before};

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Under which id it is recorded, at the first time.
    pub id: String,
    /// The position of its event, or of the event that did it before: `EPOCH:SEQ`.
    pub position: Option<String>,
    /// Whether anything changed.
    pub changed: bool,
    /// Whether this is the answer to an earlier giving of it.
    pub repeated: bool,
}

impl Done {
    /// As it is recorded.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        if self.changed {
            Outcome::Done
        } else {
            Outcome::Unchanged
        }
    }
}

pub(super) fn repeated(
    deed: &Deed,
    same: (String, Vec<u8>, String, Option<String>),
) -> Result<Done, Error> {
    let (id, body, outcome, position) = same;
    if body != deed.body.as_bytes() {
        return Err(Error::OtherBody);
    }
    Ok(Done {
        id,
        position,
        changed: Outcome::parse(&outcome) == Outcome::Done,
        repeated: true,
    })
}

impl Db {
    /// What came of the same order before.
    ///
    /// # Errors
    /// [`Error::OtherBody`] when another order was given under the key; [`Error::Database`].
    pub async fn given(&self, deed: &Deed) -> Result<Option<(Done, Outcome)>, Error> {
        let row: Option<(String, Vec<u8>, String, Option<String>)> = on!(self, pool => {
            sqlx::query_as(SAME_ACTION)
                .bind(&deed.giver)
                .bind(&deed.key)
                .fetch_optional(pool)
                .await?
        });
        let Some(same) = row else { return Ok(None) };
        let outcome = Outcome::parse(&same.2);
        repeated(deed, same).map(|done| Some((done, outcome)))
    }

    /// Records an order that was not carried out here, or in a transaction of its own because
    /// repeating it does no harm.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn note_action(
        &self,
        deed: &Deed,
        at: Timestamp,
        action: &str,
        target: &str,
        outcome: Outcome,
        position: Option<&str>,
    ) -> Result<(), Error> {
        let mut detail = vec![
            ("order", deed.id.clone()),
            ("action", action.to_owned()),
            ("outcome", outcome.as_str().to_owned()),
        ];
        detail.extend(position.map(|position| ("position", position.to_owned())));
        transaction!(self, tx => {
            let new = sqlx::query(INSERT_ACTION)
                .bind(&deed.id)
                .bind(&deed.giver)
                .bind(&deed.key)
                .bind(deed.body.as_bytes().as_slice())
                .bind(at.as_millis())
                .bind(action)
                .bind(target)
                .bind(outcome.as_str())
                .bind(position)
                .bind(member(target, "tenant"))
                .bind(member(target, "id").unwrap_or_default())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if new == 1 {
                audit!(self, tx, Entry {
                    at,
                    by: &deed.giver,
                    action: "order.note",
                    subject: target,
                    detail: &detail,
                });
            }
        });
        Ok(())
    }

    /// A recorded order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn action(&self, id: &str) -> Result<Option<ActionRecord>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(
                "SELECT action_id, giver, at, action, target, outcome, told_at, tenant \
                 FROM actions WHERE action_id = $1",
            )
            .bind(id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(record))
    }

    /// Recorded orders of those tenants, newest first: after the one with that id, and of one outcome,
    /// if one is named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn actions(
        &self,
        tenants: &Tenants,
        outcome: Option<Outcome>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ActionRecord>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(concat!(
                "SELECT action_id, giver, at, action, target, outcome, told_at, tenant \
                 FROM actions WHERE (outcome = $1 OR $1 = '') AND ($3 = '' OR (at, action_id) < \
                 (SELECT at, action_id FROM actions WHERE action_id = $3)) AND ",
                within!("$4"),
                " ORDER BY at DESC, action_id DESC LIMIT $2",
            ))
            .bind(outcome.map_or("", Outcome::as_str))
            .bind(limit)
            .bind(after)
            .bind(tenants.filter())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(record).collect())
    }

    /// How many orders of a giver were carried out since an instant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn carried_out(&self, giver: &str, since: Timestamp) -> Result<i64, sqlx::Error> {
        let (count,): (i64,) = on!(self, pool => {
            sqlx::query_as(
                "SELECT COUNT(*) FROM actions WHERE giver = $1 AND at > $2 AND outcome = 'done'",
            )
            .bind(giver)
            .bind(since.as_millis())
            .fetch_one(pool)
            .await?
        });
        Ok(count)
    }
}
