//! What callers are told, and what an operator finds by it: the id of a refusal is on record wherever its
//! caller is known, else in the log.

use std::fs;
use std::time::Duration;

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::server::{Says, Server, result, tool, usual};
use super::{Gate, decision_of, over_http};
use crate::listen::caller::{Caller, messages};
use crate::listen::modern;
use crate::wire::{INITIALIZE, Process, Stage, code_of};
use crate::world::run;

const TENANT: &str = "[tenant.default]\n";

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}}).to_string()
}

/// The one answer to a request, whatever its status.
async fn told(caller: &Caller, text: &str) -> String {
    let (response, mut body) = caller.tell(text).await;
    let texts = messages(response).await;
    let opened = caller.open(&mut body, texts[0].clone()).await;
    opened.unwrap().message.into_text()
}

/// The line of a log that has this id.
fn line_of(words: &str, id: &str) -> String {
    let mut lines = words.lines().filter(|line| line.contains(id));
    lines
        .next()
        .unwrap_or_else(|| panic!("{id} is not in the log: {words}"))
        .to_owned()
}

/// A caller of the newer era that lists tools.
fn lists(gate: &Gate) -> Caller {
    let mut caller = gate.stateless("ghost", "");
    caller.headers.truncate(1);
    let method = ("mcp-method".to_owned(), "tools/list".to_owned());
    caller.headers.push(method);
    caller
}

#[tokio::test]
async fn that_a_command_cannot_be_started_is_told_under_the_id_on_record_and_the_log_names_the_server()
 {
    let ghost = format!("{TENANT}[[server]]\nname = \"ghost\"\ncommand = [\"/nowhere/at-all\"]\n");
    for more in ["", "shared = true\n"] {
        let gate = Gate::open(&format!("{ghost}{more}")).await;
        let list = modern(1, "tools/list", "");
        for (caller, text) in [(gate.caller("ghost"), INITIALIZE), (lists(&gate), &list)] {
            let told = told(&caller, text).await;
            assert_eq!(code_of(&told), Some(Code::UpstreamUnavailable), "{told}");
            let id = decision_of(&told);
            let decision = gate.record("decision", &id).await;
            assert_eq!(decision["server"], "ghost", "{more}{decision}");
            let outcome = gate.record("outcome", &id).await;
            assert_eq!(outcome["code"], "MCPS-027", "{more}{outcome}");
            let line = line_of(&gate.process.words(), &id);
            assert!(line.contains("ghost"), "{more}{line}");
        }
        let words = gate.process.words();
        assert!(words.contains("/nowhere/at-all"), "{words}");
    }
    // Where what was asked is translated, the log says as much.
    for more in ["era = \"2025-11-25\"\n", "era = \"2026-07-28\"\n"] {
        let gate = Gate::open(&format!("{ghost}{more}")).await;
        let list = modern(1, "tools/list", "");
        for (caller, text) in [(gate.caller("ghost"), INITIALIZE), (lists(&gate), &list)] {
            let told = told(&caller, text).await;
            assert_eq!(code_of(&told), Some(Code::UpstreamUnavailable), "{told}");
            let line = line_of(&gate.process.words(), &decision_of(&told));
            assert!(line.contains("ghost"), "{more}{line}");
        }
    }
}

#[tokio::test]
async fn one_session_too_many_is_refused_under_the_id_on_record() {
    let server = Server::with(&["look"]).await;
    let config = format!("max_sessions = 1\n{TENANT}{}", over_http("files", &server));
    let gate = Gate::open(&config).await;
    let mut first = gate.caller("files");
    first.open_session().await;
    let told = told(&gate.caller("files"), INITIALIZE).await;
    assert_eq!(code_of(&told), Some(Code::RateLimited), "{told}");
    let id = decision_of(&told);
    let decision = gate.record("decision", &id).await;
    assert_eq!(
        (&decision["decision"], &decision["code"]),
        (&json!("deny"), &json!("MCPS-010"))
    );
    assert!(decision["reason"].to_string().contains("--max-sessions"));
    line_of(&gate.process.words(), &id);
}

#[tokio::test]
async fn that_a_server_takes_too_long_is_told_under_the_id_on_record() {
    let server = Server::saying(|asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
        Some("tools/call") => Says::Late(Duration::from_secs(600), json!({})),
        _ => usual(asked),
    })
    .await;
    let config = format!("{TENANT}{}answer_s = 1\n", over_http("files", &server));
    let gate = Gate::open(&config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let told = caller.ask(&call(1, "look")).await;
    let told = told.last().unwrap();
    assert_eq!(code_of(told), Some(Code::UpstreamUnavailable), "{told}");
    let id = decision_of(told);
    assert_eq!(gate.record("outcome", &id).await["code"], "MCPS-027");
    let line = line_of(&gate.process.words(), &id);
    assert!(line.contains("files"), "{line}");
}

#[tokio::test]
async fn an_id_under_which_a_server_refuses_is_in_the_log_beside_that_on_record() {
    let server = Server::saying(|asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
        Some("tools/call") => Says::Json(json!({"jsonrpc": "2.0", "id": asked["id"], "error": {
            "code": Code::Denied.jsonrpc(), "message": "no",
            "data": {"code": "MCPS-022", "decision_id": "0123456789abcdef0123456789abcdef"}
        }})),
        _ => usual(asked),
    })
    .await;
    let gate = Gate::open(&format!("{TENANT}{}", over_http("files", &server))).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let told = caller.ask(&call(1, "look")).await;
    let line = line_of(&gate.process.words(), &decision_of(&told[0]));
    let outcome = gate.records().pop().unwrap();
    assert_eq!(outcome["event"], "outcome");
    assert!(
        line.contains(outcome["decision_id"].as_str().unwrap()),
        "{line}"
    );
    assert!(line.contains("files"), "{line}");
}

#[tokio::test]
async fn an_id_that_is_not_on_record_is_to_be_looked_for_in_the_log() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{TENANT}{}", over_http("files", &server))).await;
    let refused = gate.caller("nope").tell(INITIALIZE).await.0;
    let id = decision_of(&refused.text().await.unwrap());
    let mut query = gate.stage.world.mcps(&gate.home);
    let told = run(query.args(["events", "query", "--decision", &id])).failed(3);
    assert!(told.contains("log"), "{told}");
    line_of(&gate.process.words(), &id);
}

#[tokio::test]
async fn calls_that_policies_were_not_asked_about_are_explained_by_what_decided() {
    let server = Server::with(&["look"]).await;
    let config = format!("{TENANT}{}min_level = 3\n", over_http("files", &server));
    let gate = Gate::open(&config).await;
    let told = told(&gate.caller("files"), INITIALIZE).await;
    assert_eq!(code_of(&told), Some(Code::TrustTooLow), "{told}");
    let id = decision_of(&told);
    let rule = gate.record("decision", &id).await["rule"].clone();
    let mut explain = gate.stage.world.mcps(&gate.home);
    explain
        .args(["policy", "explain", "--events"])
        .arg(&gate.home);
    let said = run(explain.args(["--id", &id])).failed(3);
    assert!(
        said.contains(&format!(
            "decided before policies, by {}",
            rule.as_str().unwrap()
        )) && said.contains(&format!("mcps events query --decision {id}")),
        "{said}"
    );
    let mut explain = gate.stage.world.mcps(&gate.home);
    explain
        .args(["policy", "explain", "--events"])
        .arg(&gate.home);
    let said = run(explain.args(["--id", "nosuch"])).failed(3);
    assert!(said.contains("there is no record nosuch"), "{said}");
}

#[tokio::test]
async fn a_home_that_is_no_gateways_has_no_quarantine() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{TENANT}{}", over_http("files", &server))).await;
    let typo = gate.stage.world.dir().join("typo");
    for home in [&typo, &gate.stage.agent] {
        for words in [&["list"][..], &["list", "-o", "json"], &["show", "files"]] {
            let mut quarantine = gate.stage.world.mcps(home);
            let told = run(quarantine.arg("quarantine").args(words)).failed(3);
            assert!(told.contains("--home DIR"), "{told}");
        }
        assert!(!typo.exists());
    }
    // One that has only enrolled is one, and one that runs.
    let enrolled = gate.stage.world.enrol("gateway", "later", 2);
    for home in [&enrolled, &gate.home] {
        let mut quarantine = gate.stage.world.mcps(home);
        let told = run(quarantine.args(["quarantine", "list"])).succeeded();
        assert!(told.contains("Nothing is in quarantine."), "{told}");
    }
}

#[tokio::test]
async fn a_path_at_which_nothing_is_registered_is_said_to_whoever_connects_there() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{TENANT}{}", over_http("files", &server))).await;
    let nowhere = gate.at("nope");
    let mut connect = gate.stage.world.mcps(&gate.stage.agent);
    connect.args(["connect", "--url", &nowhere]);
    let mut connected = Process::start(&gate.stage.world, connect);
    connected.write(INITIALIZE).await;
    let told = connected.read().await;
    assert_eq!(code_of(&told), Some(Code::UnknownServer), "{told}");
    let words = connected.words();
    assert!(
        words.contains("there is no such server at this URL"),
        "{words}"
    );
    assert!(!words.contains("mcps-wrap --listen"), "{words}");
    // Nothing goes there that only a server may read.
    connected.write(&call(2, "look")).await;
    let told = connected.read().await;
    assert!(code_of(&told).is_some(), "{told}");
    connected.close_input();
    connected.exit().await;

    let mut doctor = gate.stage.world.mcps(&gate.stage.agent);
    let done = run(doctor.args(["doctor", "-o", "json", "--url", &nowhere]));
    assert_eq!(done.code, 2, "{done:?}");
    let found: Value = serde_json::from_str(&done.stdout).unwrap();
    let findings = found["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["id"] == "unknown-server");
    let said = finding.unwrap_or_else(|| panic!("{found}")).to_string();
    assert!(
        said.contains(&nowhere) && said.contains("MCPS-028"),
        "{said}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_configured_keeps_stdio_from_starting() {
    let stage = Stage::set();
    let home = stage.world.enrol("gateway", "gateway", 2);
    let file = stage.world.dir().join("gateway.toml");
    let text = "[tenant.default]\n[[server]]\nname = \"files\"\ncommand = [\"true\"]\n";
    fs::write(&file, text).unwrap();
    let mut program = stage.world.program("mcps-gateway");
    program.arg("--home").arg(&home).arg("stdio");
    program.arg("--config").arg(&file);
    program.arg("--as").arg(&stage.agent);
    let told = run(program.args(["--server", "nope"])).failed(2);
    assert!(told.contains("`nope`") && told.contains("files"), "{told}");
}
