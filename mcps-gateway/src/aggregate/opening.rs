//! How a session with all servers begins, and what they can do together.

use std::sync::{Arc, PoisonError};

use mcps_client::listen::Outward;
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use tokio::task::JoinSet;

use super::{All, answer, quoted, refusal};

/// Revisions that have sessions. One that nobody knows is chosen for no caller.
const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// Capabilities that are passed on where any server has them; all others are dropped, since nothing
/// here would know how to serve them together.
const CAPABILITIES: [&str; 5] = ["completions", "logging", "prompts", "resources", "tools"];
/// What they may have within.
const WITHIN: [&str; 2] = ["listChanged", "subscribe"];

impl All {
    /// Opens a session with each of them (until 2025-11-25). Those that cannot be reached are tried
    /// again when they are needed.
    pub(super) async fn initialize(&self, outward: Outward) -> Result<Response, TransportError> {
        *self.opening.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(outward.message.clone());
        let mut asking = JoinSet::new();
        for member in self.members.values() {
            let member = Arc::clone(member);
            let (opening, headers) = (outward.message.clone(), outward.headers.clone());
            asking.spawn(async move { member.open(&opening, headers).await });
        }
        let answers = heard(asking).await;
        // What all of them speak: the oldest that any of them chose.
        let version = answers.iter().filter_map(|answer| {
            let version = answer.result()?.get("protocolVersion")?.as_str()?;
            REVISIONS.into_iter().find(|known| *known == version)
        });
        let asked = outward.message.params();
        let asked = asked.and_then(|params| params.get("protocolVersion"));
        let asked = asked.and_then(Value::as_str).unwrap_or_default();
        let version = version.min().unwrap_or(&asked);
        let result = format!(
            r#"{{"protocolVersion":{},"capabilities":{},"serverInfo":{}}}"#,
            quoted(version),
            capabilities(&answers),
            info()
        );
        Ok(answer(&outward.message, &result))
    }

    /// Says what they can do together (2026-07-28).
    pub(super) async fn discover(&self, outward: Outward) -> Result<Response, TransportError> {
        let mut asking = JoinSet::new();
        for member in self.members.values() {
            let member = Arc::clone(member);
            let asked = Outward {
                message: outward.message.clone(),
                headers: outward.headers.clone(),
                act: outward.act.clone(),
            };
            asking.spawn(async move {
                let (answer, _) = member.asked(asked).await?;
                answer.result().is_some().then_some(answer)
            });
        }
        let answers = heard(asking).await;
        if answers.is_empty() && !self.members.is_empty() {
            // None of them speaks this revision, so that the caller is to try an older one.
            return Ok(refusal(
                &outward.message,
                -32601,
                "no server here speaks this revision",
            ));
        }
        let result = format!(
            r#"{{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{},"serverInfo":{},"ttlMs":0,"cacheScope":"private","_meta":{}}}"#,
            capabilities(&answers),
            info(),
            meta()
        );
        Ok(answer(&outward.message, &result))
    }
}

/// What came, in any order.
async fn heard(mut asking: JoinSet<Option<Message>>) -> Vec<Message> {
    let mut answers = Vec::new();
    while let Some(answered) = asking.join_next().await {
        answers.extend(answered.ok().flatten());
    }
    answers
}

fn info() -> String {
    format!(
        r#"{{"name":"mcps-gateway","version":"{}"}}"#,
        env!("CARGO_PKG_VERSION")
    )
}

/// What each result of 2026-07-28 says of who made it.
pub(super) fn meta() -> String {
    format!(r#"{{"io.modelcontextprotocol/serverInfo":{}}}"#, info())
}

/// What any of them can do.
fn capabilities(answers: &[Message]) -> String {
    let mut all = serde_json::Map::new();
    let own = answers
        .iter()
        .filter_map(|answer| answer.result()?.get("capabilities"));
    for own in own {
        for name in CAPABILITIES {
            let Some(capability) = own.get(name) else {
                continue;
            };
            let held = all.entry(name).or_insert_with(|| serde_json::json!({}));
            for within in WITHIN {
                let can = capability.get(within).and_then(Value::as_bool);
                if let (Some(true), Some(held)) = (can, held.as_object_mut()) {
                    held.insert(within.to_owned(), true.into());
                }
            }
        }
    }
    serde_json::Value::Object(all).to_string()
}
