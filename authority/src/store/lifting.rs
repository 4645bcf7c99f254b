//! Taking back what sources did, once their alerts are over.

use mcps_core::feed::{Action, Lifts, Target};

use super::actions::{end_action, given_before};
use super::audit::{Entry, audit};
use super::feed::append;
use super::{Db, Done, Revocation, transaction};
use crate::error::Error;
use crate::hooks::GIVER;
use crate::incidents::Incident;

/// What became of what an alert did, once it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// What came of the order.
    pub done: Done,
    /// Why nothing was taken back; empty where it was.
    pub why: &'static str,
}

/// Ends what alerts suspended.
pub(super) const END_INCIDENTS: &str = "UPDATE incidents SET ended_at = $2 WHERE target = $1 \
     AND action = 'suspend' AND outcome IN ('pending', 'done', 'unchanged') AND ended_at IS NULL";

const NOTHING: &str = "nothing suspends the target any more";
const OPERATOR: &str = "an operator suspends the target, who alone reinstates it";
const OTHERS: &str = "another alert that is not over suspends the target";

impl Db {
    /// Ends an alert. The suspension of its target is lifted if a source ordered it and no other alert
    /// holds the target back.
    ///
    /// # Errors
    /// [`Error::Event`], [`Error::Audit`], [`Error::Database`].
    pub async fn lift(
        &self,
        over: &Incident,
        target: &Target,
        order: &Revocation,
    ) -> Result<Lifted, Error> {
        let action = Action::Reinstate {
            target: target.clone(),
            lifts: Lifts::Suspend,
        };
        let (deed, text) = (&order.deed, target.to_json());
        let lifted = transaction!(self, tx => {
            let lifted = 'order: {
                let before = given_before!(tx, deed, order.at, action.as_str(), &text);
                if let Some(done) = before {
                    break 'order Lifted { done, why: "" };
                }
                sqlx::query(
                    "UPDATE incidents SET ended_at = $4 WHERE source = $1 AND alert_key = $2 \
                     AND target = $3 AND asked <> 'resolve' AND ended_at IS NULL",
                )
                .bind(&over.source)
                .bind(&over.alert_key)
                .bind(&text)
                .bind(order.at.as_millis())
                .execute(&mut *tx)
                .await?;
                // The target's row is its lock: whoever suspends it meanwhile waits, and then finds it
                // gone. Who suspended it before has written the incident down, which is seen below.
                let held: Option<(String,)> = sqlx::query_as(
                    "UPDATE restrictions SET told_at = told_at \
                     WHERE target = $1 AND held = 'suspended' RETURNING by_whom",
                )
                .bind(&text)
                .fetch_optional(&mut *tx)
                .await?;
                let (others,): (i64,) = sqlx::query_as(
                    "SELECT COUNT(*) FROM incidents WHERE target = $1 AND action = 'suspend' \
                     AND outcome IN ('pending', 'done', 'unchanged') AND ended_at IS NULL \
                     AND (suspend_ms IS NULL OR COALESCE(decided_at, at) + suspend_ms > $2)",
                )
                .bind(&text)
                .bind(order.at.as_millis())
                .fetch_one(&mut *tx)
                .await?;
                let why = match held {
                    None => NOTHING,
                    Some((by,)) if !by.starts_with(GIVER) => OPERATOR,
                    Some(_) if others > 0 => OTHERS,
                    Some(_) => "",
                };
                if !why.is_empty() {
                    let done = order.done(None, false);
                    end_action!(tx, deed, done);
                    break 'order Lifted { done, why };
                }
                sqlx::query("DELETE FROM restrictions WHERE target = $1 AND held = 'suspended'")
                    .bind(&text)
                    .execute(&mut *tx)
                    .await?;
                let actions = std::slice::from_ref(&action);
                let position = append!(tx, order.at, actions, order.reason.as_str());
                let position = position.cursor().to_string();
                let mut detail = order.detail();
                detail.push(("lifts", "suspended".to_owned()));
                detail.push(("position", position.clone()));
                detail.push(("incident", over.id.clone()));
                let done = order.done(Some(position), true);
                end_action!(tx, deed, done);
                audit!(self, tx, Entry {
                    at: order.at,
                    by: &order.by,
                    action: "order.reinstate",
                    subject: &text,
                    detail: &detail,
                });
                Lifted { done, why }
            };
            if order.dry_run {
                return Ok(lifted);
            }
            lifted
        });
        Ok(lifted)
    }
}
