//! The end of an operator, and of what it approved.

use mcps_core::clock::Timestamp;

use super::approvals::fall;
use super::audit::{Entry, audit};
use super::operators::tenant_of;
use super::trust::Told;
use super::{Db, OperatorShown, transaction};
use crate::error::Error;
use crate::levels::{Policy, Subject};

impl Db {
    /// Ends an operator: what it presents opens nothing any more, nobody redeems a token that it made, and
    /// what it approved counts no more; every level that falls with that is told in the same transaction.
    /// `None` when it had ended.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`], [`Error::Event`].
    pub async fn disable_operator(
        &self,
        operator: &OperatorShown,
        policy: &Policy,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<(Subject, Told)>>, Error> {
        let id = &operator.operator_id;
        Ok(transaction!(self, tx => 'ended: {
            let ended = sqlx::query(
                "UPDATE operators SET disabled_at = $2, disabled_by = $3 \
                 WHERE operator_id = $1 AND disabled_at IS NULL",
            )
            .bind(id)
            .bind(now.as_millis())
            .bind(by)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if ended == 0 {
                break 'ended None;
            }
            let fallen = fall!(tx, "a.who = $1", id, policy, now, "approver_disabled");
            let mut detail: Vec<_> = tenant_of(&operator.grants).into_iter().collect();
            if !fallen.is_empty() {
                detail.push(("fallen", fallen.len().to_string()));
            }
            audit!(self, tx, Entry {
                at: now,
                by,
                action: "operator.disable",
                subject: id,
                detail: &detail,
            });
            Some(fallen)
        }))
    }
}
