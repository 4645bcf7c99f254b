//! Whether operators hold what their records say that they were given.

use std::collections::{BTreeMap, BTreeSet};

use mcps_core::audit::Record;

use super::{Finding, Report};
use crate::error::Error;
use crate::store::Db;

/// What the trail says that each operator was given, by id: `ROLE@TENANT`.
pub(super) type Recorded = BTreeMap<String, BTreeSet<String>>;

/// Takes note of a record, if it is of an operator. Nobody's roles change afterwards.
pub(super) fn note(recorded: &mut Recorded, record: &Record) {
    let given = match record.action.as_str() {
        "operator.add" => record.detail("roles"),
        // By the provider's word alone, at each request.
        "operator.meet" => Some(""),
        _ => None,
    };
    // Before there were roles, none is recorded.
    let Some(given) = given else { return };
    let roles = given.split_whitespace().map(str::to_owned).collect();
    recorded.insert(record.subject.clone(), roles);
}

/// Compares what they hold with it. `held` was read before the trail: who is added meanwhile has a record
/// there, and no roles here.
///
/// # Errors
/// [`Error::Database`].
pub(super) async fn compare(
    db: &Db,
    mut held: Recorded,
    recorded: Recorded,
    report: &mut Report,
) -> Result<(), Error> {
    for (id, given) in recorded {
        let mut holds = held.remove(&id).unwrap_or_default();
        if holds != given {
            // Added since, or not as it was.
            holds = db.roles_of(&id).await?;
        }
        if holds != given {
            report.add(Finding::Roles { id });
        }
    }
    Ok(())
}
