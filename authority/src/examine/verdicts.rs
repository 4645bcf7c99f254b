//! Whether the orders about tenants' tools are what their records say, and what stands is what they
//! come to.

use std::collections::BTreeMap;

use mcps_core::audit::Record;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::verdict::{self, Verdicts};

use super::{Finding, Report};
use crate::error::Error;
use crate::store::{Db, VerdictOrder};

/// How many orders are read at a time.
const PAGE: i64 = 1000;

/// What the trail says of each order, by tenant and number: SHA-256 of what was ordered, and of what
/// stood after it.
pub(super) type Recorded = BTreeMap<(String, i64), (String, String)>;

/// Takes note of a record, if it is of such an order.
pub(super) fn note(recorded: &mut Recorded, record: &Record) {
    const ACTIONS: [&str; 4] = [
        "quarantine.promote",
        "quarantine.reject",
        "quarantine.block",
        "quarantine.unblock",
    ];
    if !ACTIONS.contains(&record.action.as_str()) {
        return;
    }
    let text = |name| record.detail(name).unwrap_or_default().to_owned();
    let version = text("version").parse().unwrap_or_default();
    let name = (record.subject.clone(), version);
    recorded.insert(name, (text("order"), text("digest")));
}

/// Every order that there is.
///
/// # Errors
/// [`Error::Database`].
pub(super) async fn all(db: &Db) -> Result<Vec<VerdictOrder>, Error> {
    let mut all: Vec<VerdictOrder> = Vec::new();
    loop {
        let last = all.last();
        let after = last.map_or(("", 0), |last| (last.tenant.as_str(), last.version));
        let page = db.verdict_orders_after(after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Compares them with their records, and what stands in each tenant with what they come to.
///
/// # Errors
/// [`Error::Database`].
pub(super) async fn compare(
    db: &Db,
    orders: Vec<VerdictOrder>,
    mut recorded: Recorded,
    report: &mut Report,
) -> Result<(), Error> {
    let mut tenants: BTreeMap<String, (Verdicts, VerdictOrder)> = BTreeMap::new();
    for order in orders {
        let name = (order.tenant.clone(), order.version);
        let ordered = order.body().map(|body| body.to_string());
        let why = match recorded.remove(&name) {
            Some((body, digest))
                if ordered.is_ok_and(|it| it == body) && digest == order.digest =>
            {
                None
            }
            Some(_) => Some("not what its record says was ordered"),
            None => Some("there is no record of it"),
        };
        if let Some(why) = why {
            report.add(finding(&order, why));
        }
        let (known, last) = tenants
            .entry(order.tenant.clone())
            .or_insert_with(|| (Verdicts::default(), order.clone()));
        if let Ok(verb) = order.verb() {
            let given = (
                order.version.unsigned_abs(),
                Timestamp::from_millis(order.at),
            );
            // What is refused here shows in what it comes to.
            known.order((&order.server, &order.tool), verb, given).ok();
        }
        *last = order;
    }
    for (known, last) in tenants.into_values() {
        let document = known.document().ok();
        let come_to = document.map(|document| verdict::digest(&document));
        let told = Digest::from_hex(&last.digest);
        let stands = match told.filter(|told| Some(*told) == come_to) {
            Some(told) => match db.verdicts_document(&last.tenant, &told).await {
                Err(Error::Database(error)) if !is_damage(&error) => return Err(error.into()),
                found => found.is_ok_and(|found| found.is_some()),
            },
            None => false,
        };
        if !stands {
            report.add(finding(&last, "what stands is not what the orders come to"));
        }
    }
    for (tenant, version) in recorded.into_keys() {
        let found = db.verdict_orders(&tenant, version.saturating_add(1), 1);
        if found.await?.iter().any(|order| order.version == version) {
            continue;
        }
        let why = "was ordered, and is gone";
        report.add(Finding::Verdict {
            tenant,
            version,
            why,
        });
    }
    Ok(())
}

/// Whether what the database has is wrong, and not the database.
const fn is_damage(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::ColumnDecode { .. })
}

fn finding(order: &VerdictOrder, why: &'static str) -> Finding {
    Finding::Verdict {
        tenant: order.tenant.clone(),
        version: order.version,
        why,
    }
}
