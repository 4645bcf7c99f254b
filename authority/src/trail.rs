//! What is done beside requests: checkpoints of the audit trail, and once a day an examination of
//! everything, after which old events of the feed and old incidents go.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock;
use tokio::time::sleep;

use crate::error::Error;
use crate::examine::{Report, examine};
use crate::feed::prune;
use crate::keys::Keys;
use crate::store::Db;

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_secs(60);
/// Every so many looks there is a checkpoint.
const LOOKS: u32 = 10;
/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;
/// Most findings that go into the log; the command prints all.
const MOST_LOGGED: usize = 20;

/// How long what is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Events of the feed.
    pub(crate) events: Duration,
    /// Incidents that are over.
    pub(crate) incidents: Duration,
}

/// Tends the trail until it is dropped. What fails is logged, and tried again.
pub(crate) async fn tend(db: Db, keys: Arc<Keys>, clock: Arc<dyn Clock>, keep: Keep) -> Infallible {
    let mut looks = 0_u32;
    loop {
        sleep(LOOK).await;
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LOOKS) {
            checkpoint(&db, clock.as_ref()).await;
        }
        if let Err(error) = daily(&db, &keys, clock.as_ref(), keep).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the daily work was not finished");
        }
    }
}

/// Says how far the records go, also in the log, which is often kept where nobody changes it.
pub(crate) async fn checkpoint(db: &Db, clock: &dyn Clock) {
    match db.checkpoint(clock.now()).await {
        Ok(Some(checkpoint)) => {
            let records: u64 = checkpoint.lanes.iter().map(|(seq, _)| *seq).sum();
            let lanes = checkpoint.lanes.iter();
            let lanes: Vec<String> = lanes
                .map(|(seq, digest)| format!("{seq}:{digest}"))
                .collect();
            let number = checkpoint.number;
            tracing::info!(
                number,
                records,
                lanes = lanes.join(" "),
                "audit checkpoint {number}"
            );
        }
        Ok(None) => {}
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "no checkpoint was made of the audit trail");
        }
    }
}

async fn daily(db: &Db, keys: &Keys, clock: &dyn Clock, keep: Keep) -> Result<(), Error> {
    let now = clock.now();
    if !db.take_audit_run(now.as_millis() / DAY, now).await? {
        return Ok(());
    }
    let report = examine(db, keys.ring().bundle()).await?;
    log(&report);
    db.note_examination(clock.now(), report.wrong).await?;
    // What somebody changed is for somebody to look at.
    if report.wrong > 0 {
        return Ok(());
    }
    let gone = db.prune_incidents(keep.incidents, clock.now()).await?;
    if gone > 0 {
        tracing::info!(gone, "{gone} old incidents are not kept any more");
    }
    if let Some(last) = prune(db, keep.events, clock.now()).await? {
        tracing::info!(
            last,
            "events of the feed up to {last} were old and are not kept any more"
        );
    }
    Ok(())
}

fn log(report: &Report) {
    let Report {
        records,
        passports,
        events,
        wrong,
        ..
    } = report;
    if *wrong == 0 {
        tracing::info!(
            records,
            passports,
            events,
            "examined everything: it is as it was written"
        );
        return;
    }
    tracing::error!(
        wrong,
        "somebody changed what this authority wrote; `mcps-authority examine` lists it all"
    );
    for finding in report.findings.iter().take(MOST_LOGGED) {
        tracing::error!("{finding}");
    }
}
