//! What the authority tells by itself: its revocation feed, from the operator's order to the call
//! that is refused, while no status query could tell.

mod alerting;
mod certified;
mod ends;
mod enforcing;
mod roots;
mod secured;
mod watching;

use mcps_client::home::Home;
use serde_json::{Value, json};

use crate::wire::{Process, Stage};

/// A status that was good is used for an hour, so whatever changes was pushed.
const OPTIONS: [&str; 4] = ["--status-refresh", "1h", "--log-level", "debug"];

/// Orders something of the authority, as its operator.
async fn order(stage: &Stage, path: &str, order: &Value) {
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("{}{path}", stage.world.url()))
        .bearer_auth(stage.world.operator_key())
        .json(order)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert!(
        status.is_success(),
        "{status}: {}",
        answer.text().await.unwrap()
    );
}

async fn is_live(process: &Process) {
    process.says("the revocation feed is live").await;
}

/// Until that many frames with news have come.
async fn has_heard(process: &Process, count: usize) {
    let what = format!("{count} frames with news");
    crate::wire::eventually(&what, async || {
        let news = process
            .words()
            .matches("of the revocation feed, the last one")
            .count();
        (news >= count).then_some(())
    })
    .await;
}

/// The passport of a home, as a target.
fn passport(home: &std::path::Path) -> Value {
    let passport = Home::new(home).passport().unwrap();
    json!({"kind": "passport", "id": passport.id().as_str()})
}
