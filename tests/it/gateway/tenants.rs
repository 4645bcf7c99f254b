//! Tenants whose policies the authority has: what is pushed there decides here, and what is wrong, lost
//! or not there admits nobody who was not admitted before.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mcps_core::code::Code;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::server::Server;
use super::{Gate, decision_of, over_http};
use crate::listen::caller::{Caller, messages};
use crate::wire::{INITIALIZE, Stage, code_of, eventually};
use crate::world::{Done, run};

const FROM_AUTHORITY: &str = "[tenant.default]\npolicy = \"authority\"\n";
const NO_PUSH: &str = r#"@id("no-push") @reason("Not here.")
forbid (principal, action == Action::"call_tool", resource) when { resource.name == "push" };"#;
const NOTHING: &str = "// The default pack alone.\n";

fn call(id: u32, tool: &str) -> String {
    let params = json!({"name": tool, "arguments": {}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// `mcps policy …` as an operator.
fn policy(stage: &Stage, words: &[&str]) -> Done {
    let mut command = stage.world.mcps(&stage.agent);
    command.arg("policy").args(words);
    command.arg("--operator-key-file");
    run(command.arg(stage.world.operator_key_file()))
}

fn file(stage: &Stage, name: &str, text: &str) -> PathBuf {
    let path = stage.world.dir().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Pushes one text for a tenant: its digest and the position of its event.
fn push(stage: &Stage, tenant: &str, text: &str, more: &[&str]) -> (String, String) {
    let path = file(stage, "team.cedar", text);
    let words = ["push", tenant, path.to_str().unwrap(), "-o", "json"];
    pushed(&policy(stage, &[&words, more].concat()).succeeded())
}

fn pushed(answer: &str) -> (String, String) {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let member = |name: &str| answer["version"][name].as_str().unwrap().to_owned();
    (member("digest"), member("position"))
}

/// Waits until all who follow the feed have heard of an event.
fn heard(stage: &Stage, position: &str) {
    let mut command = stage.world.mcps(&stage.agent);
    command.args(["feed", "enforcement", position, "--wait", "30s"]);
    command.arg("--operator-key-file");
    run(command.arg(stage.world.operator_key_file())).succeeded();
}

async fn opened(gate: &Gate, home: &Path) -> Caller {
    let mut caller = Caller::of(home, &gate.at("files"));
    caller.open_session().await;
    caller
}

async fn told(caller: &Caller, id: u32, tool: &str) -> String {
    caller.ask(&call(id, tool)).await.remove(0)
}

#[tokio::test]
async fn what_is_pushed_judges_the_next_call_and_what_was_comes_back_when_it_is_pushed_again() {
    let server = Server::with(&["look", "push"]).await;
    let stage = Stage::set();
    let (first, _) = push(&stage, "default", NOTHING, &[]);
    let config = format!("{FROM_AUTHORITY}{}", over_http("files", &server));
    let gate = Gate::open_on(stage, &config).await;
    let caller = opened(&gate, &gate.stage.agent).await;
    assert!(told(&caller, 1, "push").await.contains("push("));

    let (second, position) = push(&gate.stage, "default", NO_PUSH, &[]);
    heard(&gate.stage, &position);
    let refused = told(&caller, 2, "push").await;
    assert_eq!(code_of(&refused), Some(Code::Denied), "{refused}");
    assert!(told(&caller, 3, "look").await.contains("look("));
    // The record names the very version, as its history does.
    let record = gate.record("decision", &decision_of(&refused)).await;
    assert_eq!(
        (&record["rule"], &record["policy"]),
        (&json!("no-push"), &json!(second))
    );
    let history = policy(&gate.stage, &["history", "default", "-o", "json"]).succeeded();
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history[0]["digest"], record["policy"]);

    let back = ["push", "default", "--version", "1", "-o", "json"];
    let (third, position) = pushed(&policy(&gate.stage, &back).succeeded());
    assert_eq!(third, first);
    heard(&gate.stage, &position);
    assert!(told(&caller, 4, "push").await.contains("push("));
    assert_eq!(server.seen("tools/call").len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_sets_are_exchanged_no_call_is_dropped() {
    let server = Server::with(&["look", "push"]).await;
    let stage = Stage::set();
    push(&stage, "default", NOTHING, &[]);
    let config = format!("{FROM_AUTHORITY}{}", over_http("files", &server));
    let gate = Gate::open_on(stage, &config).await;
    let caller = Arc::new(opened(&gate, &gate.stage.agent).await);
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for task in 1..5 {
        let (caller, over) = (Arc::clone(&caller), Arc::clone(&over));
        callers.spawn(async move {
            let (mut id, mut denied) = (task * 1_000_000, 0);
            while !over.load(Ordering::Relaxed) {
                id += 2;
                assert!(told(&caller, id, "look").await.contains("look("));
                let told = told(&caller, id + 1, "push").await;
                let code = code_of(&told);
                assert!(
                    code == Some(Code::Denied) || told.contains("push("),
                    "{told}"
                );
                denied += u32::from(code.is_some());
            }
            denied
        });
    }
    for text in [NO_PUSH, NOTHING, NO_PUSH, NOTHING, NO_PUSH] {
        tokio::task::block_in_place(|| {
            let (_, position) = push(&gate.stage, "default", text, &[]);
            heard(&gate.stage, &position);
        });
        let told = told(&caller, 1, "push").await;
        let expected = (text == NO_PUSH).then_some(Code::Denied);
        assert_eq!(code_of(&told), expected, "{told}");
    }
    over.store(true, Ordering::Relaxed);
    let denied = callers.join_all().await;
    assert!(denied.iter().sum::<u32>() > 0);
}

#[tokio::test]
async fn a_policy_that_does_not_load_is_not_pushed_and_loosens_nothing_if_it_is() {
    let server = Server::with(&["look", "push"]).await;
    let stage = Stage::set();
    push(&stage, "default", NO_PUSH, &[]);
    let config = format!("{FROM_AUTHORITY}{}", over_http("files", &server));
    let gate = Gate::open_on(stage, &config).await;
    let caller = opened(&gate, &gate.stage.agent).await;
    let refused = told(&caller, 1, "push").await;
    assert_eq!(code_of(&refused), Some(Code::Denied), "{refused}");

    let path = file(
        &gate.stage,
        "bad.cedar",
        "permit (principal, action, resource) when {",
    );
    let done = policy(&gate.stage, &["push", "default", path.to_str().unwrap()]);
    assert_eq!(done.code, 6, "{}", done.stderr);
    assert!(done.stderr.contains("bad.cedar:1"), "{}", done.stderr);

    // Somebody pushes it all the same.
    let body = json!({"policy": [{"name": "bad.cedar", "text": "permit (principal, action"}]});
    let url = format!("{}/v1/tenants/default/policy", gate.stage.world.url());
    let client = reqwest::Client::builder().build().unwrap();
    let request = client.put(url).header("if-match", "*");
    let request = request
        .bearer_auth(gate.stage.world.operator_key())
        .json(&body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    gate.process
        .says("is refused, the last one stays in force")
        .await;
    let refused = told(&caller, 2, "push").await;
    assert_eq!(code_of(&refused), Some(Code::Denied), "{refused}");
    assert!(told(&caller, 3, "look").await.contains("look("));
    assert_eq!(server.seen("tools/call").len(), 1);
}

#[tokio::test]
async fn before_anything_was_pushed_nobody_is_admitted_and_then_without_a_restart() {
    let server = Server::with(&["look"]).await;
    let config = format!("{FROM_AUTHORITY}{}", over_http("files", &server));
    let gate = Gate::open(&config).await;
    gate.process.says("the revocation feed is live").await;
    let (_, code) = gate.caller("files").refused(INITIALIZE).await;
    assert_eq!(code, Some(Code::Denied));
    assert!(server.is_untouched());
    let [record] = gate.records().try_into().unwrap();
    assert_eq!(record["rule"], "tenant.policy");
    assert!(
        record["reason"]
            .as_str()
            .unwrap()
            .contains("mcps policy push default")
    );

    let (_, position) = push(&gate.stage, "default", NOTHING, &[]);
    heard(&gate.stage, &position);
    let caller = opened(&gate, &gate.stage.agent).await;
    assert!(told(&caller, 1, "look").await.contains("look("));
}

#[tokio::test]
async fn a_start_without_the_authority_judges_by_what_was_kept_and_by_nothing_else() {
    let server = Server::with(&["look", "push"]).await;
    let stage = Stage::set();
    let (digest, _) = push(&stage, "default", NO_PUSH, &[]);
    let config = format!("{FROM_AUTHORITY}{}", over_http("files", &server));
    let mut gate = Gate::open_on(stage, &config).await;
    let caller = opened(&gate, &gate.stage.agent).await;
    assert!(told(&caller, 1, "look").await.contains("look("));
    let feed = gate.home.join("feed.json");
    eventually("the feed is kept", async || {
        let kept = fs::read_to_string(&feed).ok()?;
        kept.contains(r#"{"held":"policy""#).then_some(())
    })
    .await;
    let kept = gate.home.join("policy-default.json");
    eventually("the policy is kept", async || kept.exists().then_some(())).await;

    gate.stage.world.stop_authority();
    gate.restart().await;
    // What was signed just before the end is refused for a moment: nobody knows its nonces.
    eventually("the gateway takes messages again", async || {
        opening(&gate).await.is_none().then_some(())
    })
    .await;
    let records = gate.records();
    let opened = records.iter().rev().find(|it| it["decision"] == "permit");
    assert_eq!(opened.unwrap()["policy"], digest.as_str());
    let words = gate.process.words();
    let kept_words = format!("tenant default decides by policy {digest}, which was kept");
    assert!(words.contains(&kept_words), "{words}");

    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("forbid", "permit")).unwrap();
    let reached = server.seen("initialize").len();
    gate.restart().await;
    eventually("it is refused for want of a policy", async || {
        (opening(&gate).await == Some(Code::AuthorityUnreachable)).then_some(())
    })
    .await;
    assert_eq!(server.seen("initialize").len(), reached);
    let words = gate.process.words();
    assert!(words.contains("policy-default.json is not used"), "{words}");
    eventually("the refusal is on record", async || {
        let records = gate.records();
        let by_policy = |it: &Value| it["rule"] == "tenant.policy";
        records.iter().any(by_policy).then_some(())
    })
    .await;
}

/// What becomes of who begins a session. Without an authority nobody can tell whether the answer is to
/// be believed.
async fn opening(gate: &Gate) -> Option<Code> {
    let (response, _) = gate.caller("files").tell(INITIALIZE).await;
    let answers = messages(response).await;
    code_of(std::str::from_utf8(&answers[0]).unwrap())
}

#[tokio::test]
async fn one_team_demands_of_a_server_what_another_does_not() {
    let server = Server::with(&["look", "push"]).await;
    let stage = Stage::set();
    push(&stage, "default", NO_PUSH, &["--min-level", "2"]);
    push(&stage, "acme", NOTHING, &["--min-level", "4"]);
    let strict = stage
        .world
        .enrol_with("agent", "strict", 2, &["--tenant", "acme"]);
    let config = format!(
        "{FROM_AUTHORITY}[tenant.acme]\npolicy = \"authority\"\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let lax = opened(&gate, &gate.stage.agent).await;
    assert!(told(&lax, 1, "look").await.contains("look("));
    let touched = server.seen("initialize").len();
    let (_, code) = Caller::of(&strict, &gate.at("files"))
        .refused(INITIALIZE)
        .await;
    assert_eq!(code, Some(Code::TrustTooLow));
    assert_eq!(server.seen("initialize").len(), touched);
    let records = gate.records();
    let refusal = records
        .iter()
        .find(|record| record["tenant"] == "acme")
        .unwrap();
    assert_eq!(refusal["rule"], "tenant.acme.policy.min_level");

    // What one of them decides is none of the other's business.
    let (_, position) = push(&gate.stage, "acme", NOTHING, &["--min-level", "2"]);
    heard(&gate.stage, &position);
    let strict = opened(&gate, &strict).await;
    assert!(told(&strict, 1, "push").await.contains("push("));
    let refused = told(&lax, 2, "push").await;
    assert_eq!(code_of(&refused), Some(Code::Denied), "{refused}");
}
