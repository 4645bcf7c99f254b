//! What a server of 2025-11-25 asks and nobody answers, and what its callers may have of it at a time.

use std::fs;
use std::time::Duration;

use mcps_core::code::Code;
use reqwest::Response;
use serde_json::{Value, json};

use super::newer::{asking, call};
use super::{META, PLACES, asked, caller_at, gate, last, newer_headers, next, older_server};
use crate::gateway::server::result;
use crate::gateway::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::wire::{Stage, code_of, eventually};

const FORBID: &str = r#"@id("no-sampling") @reason("Nobody's model works for a server.")
forbid (principal, action == Action::"sampling", resource);"#;

#[tokio::test]
async fn a_question_that_policy_refuses_is_answered_at_once_and_holds_no_place() {
    for (path, name) in PLACES {
        let server = older_server(None, |asked| asking(asked, "sampling/createMessage")).await;
        let stage = Stage::set();
        fs::write(stage.world.dir().join("team.cedar"), FORBID).unwrap();
        let config = format!(
            "[tenant.default]\npolicy = [\"team.cedar\"]\n{}era = \"2025-11-25\"\n",
            over_http("files", &server)
        );
        let gate = Gate::open_on(stage, &config).await;
        let mut caller = caller_at(&gate, path);
        // One more than may wait.
        for id in 1..=17 {
            let told = call(&mut caller, id, name, json!({})).await;
            assert_eq!(
                code_of(told.last().unwrap()),
                Some(Code::Denied),
                "{told:?}"
            );
        }
        let answers = eventually("the server hears of all of them", async || {
            let answers = server.answers();
            (answers.len() == 17).then_some(answers)
        })
        .await;
        let records = gate.records();
        for answer in answers {
            assert_eq!(answer["id"], 41, "{answer}");
            assert_eq!(code_of(&answer.to_string()), Some(Code::Denied), "{answer}");
            let id = &answer["error"]["data"]["decision_id"];
            let mut refused = records.iter().filter(|record| record["decision_id"] == *id);
            assert!(
                refused.any(|record| record["rule"] == "no-sampling"),
                "{answer}"
            );
        }
        let cancelled = server.seen("notifications/cancelled");
        assert!(cancelled.is_empty(), "its calls go on: {cancelled:?}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_answer_keeps_nobody_waiting() {
    let server = older_server(None, |asked| asking(asked, "elicitation/create")).await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    let told = last(&call(&mut caller, 1, "look", json!({})).await);
    let state = told["result"]["requestState"].clone();
    assert!(state.is_string(), "{told}");
    server.deafen();
    let back = json!({"requestState": state, "inputResponses": {"answer": {"action": "accept"}}});
    let told = call(&mut caller, 2, "look", back);
    let told = tokio::time::timeout(Duration::from_secs(30), told).await;
    let told = told.expect("it waits for the server");
    assert_eq!(
        code_of(told.last().unwrap()),
        Some(Code::UpstreamUnavailable),
        "{told:?}"
    );
}

/// Asks to be told of tools; `None` where that is refused.
async fn listen(caller: &mut Caller, id: u32) -> Option<Response> {
    newer_headers(caller, "subscriptions/listen", None);
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let (mut response, mut body) = caller
        .tell(&asked(id, "subscriptions/listen", wanted))
        .await;
    let stream = response.headers()["content-type"] == "text/event-stream";
    if !stream {
        let text = response.bytes().await.unwrap().to_vec();
        let told = caller.open(&mut body, text).await.unwrap().message;
        assert_eq!(
            code_of(told.text()),
            Some(Code::RateLimited),
            "{}",
            told.text()
        );
        return None;
    }
    let text = next(&mut response, &mut String::new()).await;
    let told = caller.open(&mut body, text).await.unwrap().message;
    let told: Value = serde_json::from_str(told.text()).unwrap();
    assert_eq!(told["params"]["_meta"][format!("{META}subscriptionId")], id);
    Some(response)
}

#[tokio::test]
async fn the_sessions_of_subscriptions_are_their_callers() {
    let server = older_server(Some(Vec::new()), |asked| result(asked, json!({}))).await;
    let config = format!(
        "max_sessions_per_caller = 2\n[tenant.default]\n{}era = \"2025-11-25\"\n",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let mut caller = caller_at(&gate, Some("files"));
    let first = listen(&mut caller, 1).await.unwrap();
    let _second = listen(&mut caller, 2).await.unwrap();
    assert!(listen(&mut caller, 3).await.is_none());
    assert_eq!(server.seen("initialize").len(), 2, "nobody opened a third");
    drop(first);
    let mut id = 3;
    eventually("there is a place again", async || {
        id += 1;
        listen(&mut caller, id).await
    })
    .await;
}
