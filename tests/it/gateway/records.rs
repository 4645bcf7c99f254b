//! The record: nothing is forwarded that is not on it, whatever happens to the gateway or its disk, and
//! an operator finds there what a developer was told.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use mcps_core::code::Code;
use mcps_core::digest::Digest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::server::Server;
use super::{Gate, decision_of, over_http};
use crate::listen::caller::Caller;
use crate::wire::{Process, Stage, code_of, eventually};
use crate::world::{Done, bin, run};

const READ: &str = "[server.tool.look]\nclass = [\"read\"]\n";
const WRITE: &str = "[server.tool.change]\nclass = [\"write\"]\n";

fn call(id: u32, tool: &str) -> String {
    let params = json!({"name": tool, "arguments": {"number": id}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

impl Gate {
    /// `mcps events …` in the gateway's home.
    fn events(&self, arguments: &[&str]) -> Done {
        let mut events = self.stage.world.mcps(&self.home);
        run(events.arg("events").args(arguments))
    }

    /// The rows that a query prints.
    fn query(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["query", "-o", "json"], arguments].concat();
        let printed = self.events(&arguments).succeeded();
        let rows = printed.lines().map(serde_json::from_str);
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// The segments there are.
    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home.join("records")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut segments: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|is| is == "seg"))
            .collect();
        segments.sort();
        segments
    }

    /// Sends it a signal.
    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args(["-s", name, &id]).status().unwrap().success());
    }
}

fn config(server: &Server, tenant: &str) -> String {
    let server = over_http("files", server);
    format!("[tenant.default]\n{tenant}{server}{READ}{WRITE}")
}

async fn opened(gate: &Gate) -> Caller {
    let mut caller = gate.caller("files");
    caller.open_session().await;
    caller
}

#[tokio::test]
async fn an_operator_finds_by_the_id_that_a_developer_was_told_rule_facts_and_session() {
    let server = Server::with(&["look", "change"]).await;
    let stage = Stage::set();
    let forbid = r#"@id("no-change") @reason("Nothing is changed here.")
forbid (principal, action == Action::"call_tool", resource) when { resource.name == "change" };"#;
    fs::write(stage.world.dir().join("team.cedar"), forbid).unwrap();
    let config = config(&server, "policy = [\"team.cedar\"]\n");
    let gate = Gate::open_on(stage, &config).await;
    let caller = opened(&gate).await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("look("));
    let away = call(2, "change").replace(r#""number":2"#, r#""url":"https://evil.example""#);
    let told = caller.ask(&away).await;
    let error: Value = serde_json::from_str(&told[0]).unwrap();
    let data = &error["error"]["data"];
    assert_eq!(data["code"], "MCPS-022");
    assert_eq!(data["advice"], Code::Denied.advice());
    assert_eq!(server.seen("tools/call").len(), 1);
    let id = decision_of(&told[0]);

    let found = gate.query(&["--decision", &id]);
    assert_eq!(found.len(), 1);
    let row = &found[0];
    assert_eq!(
        (&row["came_of_it"], &row["rule"]),
        (&json!("refused"), &json!("no-change"))
    );
    assert_eq!(row["reason"], "Nothing is changed here.");
    assert_eq!(row["class"], json!(["write"]));
    assert!(
        row["facts"].to_string().contains("egress.unlisted"),
        "{row}"
    );
    let session = row["session"].as_str().unwrap().to_owned();
    let text = gate.events(&["query", "--decision", &id]).succeeded();
    for said in [
        "no-change",
        "Nothing is changed here.",
        "MCPS-022",
        &session,
    ] {
        assert!(text.contains(said), "{text}");
    }

    // And by everything else.
    let count = |arguments: &[&str]| gate.query(arguments).len();
    assert_eq!(count(&["--outcome", "refused"]), 1);
    assert_eq!(count(&["--code", "MCPS-022", "--tool", "change"]), 1);
    assert_eq!(
        count(&["--rule", "no-change", "--session", &session[..12]]),
        1
    );
    assert_eq!(
        count(&[
            "--tool",
            "look",
            "--outcome",
            "answered",
            "--server",
            "files"
        ]),
        1
    );
    assert_eq!(count(&["--agent", "nobody"]), 0);
    assert_eq!(count(&["--since", "1h"]), count(&[]));
    assert_eq!(count(&["--until", "1h"]), 0);
    assert_eq!(count(&["--limit", "1"]), 1);
    gate.events(&["query", "--decision", "none"]).failed(3);
    gate.events(&["query", "--code", "MCPS-999"]).failed(2);
    let mut nowhere = gate.stage.world.mcps(&gate.stage.agent);
    run(nowhere.args(["events", "tail"])).failed(3);
    let tail = gate.events(&["tail"]).succeeded();
    assert!(tail.contains("deny change at files"), "{tail}");
}

#[tokio::test]
async fn what_was_recorded_can_be_put_to_another_set_of_policies() {
    let server = Server::with(&["look", "change"]).await;
    let gate = Gate::open(&config(&server, "")).await;
    let caller = opened(&gate).await;
    let told = caller.ask(&call(1, "look")).await;
    assert!(told[0].contains("look("), "{told:?}");
    let told = caller.ask(&call(2, "change")).await;
    assert!(told[0].contains("change("), "{told:?}");
    let forbid = r#"@id("reading-only")
forbid (principal, action == Action::"call_tool", resource) when { resource.class.contains("write") };"#;
    let set = gate.stage.world.dir().join("new.cedar");
    fs::write(&set, forbid).unwrap();
    let mut simulate = gate.stage.world.mcps(&gate.home);
    simulate
        .args(["policy", "simulate", "-o", "json", "--events"])
        .arg(&gate.home)
        .arg(&set);
    let printed = run(&mut simulate).succeeded();
    let changed: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(changed.len(), 2, "{printed}");
    assert_eq!(
        (&changed[0]["name"], &changed[0]["rule"]),
        (&json!("change"), &json!("reading-only"))
    );
    assert_eq!(
        (&changed[0]["was"], &changed[0]["is"]),
        (&json!("allow"), &json!("deny"))
    );
    assert_eq!(changed[1]["with_unknown_facts"], 0);
    let id = gate.query(&["--tool", "look"])[0]["decision_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut explain = gate.stage.world.mcps(&gate.home);
    explain
        .args(["policy", "explain", "--id", &id, "--events"])
        .arg(&gate.home);
    let printed = run(&mut explain).succeeded();
    assert!(printed.contains("verdict   allow"), "{printed}");
}

#[tokio::test]
async fn records_are_followed_as_they_are_written() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&config(&server, "")).await;
    let mut follow = gate.stage.world.program("mcps-gateway");
    follow
        .arg("--home")
        .arg(&gate.home)
        .args(["events", "tail", "--follow", "-n", "0", "-o", "json"]);
    let mut follow = Process::start(&gate.stage.world, follow);
    let caller = opened(&gate).await;
    caller.ask(&call(7, "look")).await;
    loop {
        let record: Value = serde_json::from_str(&follow.read().await).unwrap();
        if record["event"] == "decision" && record["name"] == "look" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_is_killed_under_load_has_forwarded_nothing_that_is_not_on_record() {
    let server = Server::with(&["look", "change"]).await;
    let mut gate = Gate::open(&config(&server, "")).await;
    for round in 0..3_u32 {
        let mut calls = JoinSet::new();
        for worker in 0..6_u32 {
            let caller = Arc::new(opened(&gate).await);
            calls.spawn(async move {
                for number in 0..10_000 {
                    let tool = if number % 2 == 0 { "look" } else { "change" };
                    let text = call(round * 1_000_000 + worker * 100_000 + number, tool);
                    if caller.try_ask(&text).await.is_none() {
                        return;
                    }
                }
            });
        }
        let wanted = server.seen("tools/call").len() + 150;
        eventually("calls are under way", async || {
            (server.seen("tools/call").len() >= wanted).then_some(())
        })
        .await;
        gate.process.kill().await;
        calls.join_all().await;

        let decided: HashSet<String> = gate
            .query(&["--limit", "1000000"])
            .iter()
            .filter(|row| row["decision"] == "permit" && row["method"] == "tools/call")
            .map(|row| row["arguments_hash"].as_str().unwrap().to_owned())
            .collect();
        for asked in server.seen("tools/call") {
            let arguments = asked["params"]["arguments"].to_string();
            let hash = Digest::of(arguments.as_bytes()).to_string();
            assert!(decided.contains(&hash), "{arguments} is not on record");
        }
        gate.resume("files").await;
    }
    let verified = gate.events(&["verify"]).succeeded();
    assert!(
        verified.contains("3 runs of the gateway ended without a word"),
        "{verified}"
    );
    gate.signal("TERM");
    gate.process.read_to_end().await;
    let verified = gate.events(&["verify"]).succeeded();
    assert!(!verified.contains("is not the end of a run"), "{verified}");
}

#[tokio::test]
async fn a_record_says_how_long_each_stage_took() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&config(&server, "")).await;
    let caller = opened(&gate).await;
    caller.ask(&call(1, "look")).await;
    let rows = gate.query(&["--tool", "look"]);
    let row = &rows[0];
    for stage in ["verified", "identified", "intact", "judged"] {
        assert!(row["stages_us"][stage].is_u64(), "{stage}: {row}");
    }
    let decided = row["decided_us"].as_u64().unwrap();
    let (server, took) = (&row["outcome"]["server_us"], &row["outcome"]["took_us"]);
    let took = took.as_u64().unwrap();
    assert!(decided < took && server.as_u64().unwrap() < took, "{row}");
}

#[tokio::test]
async fn a_record_that_somebody_has_changed_is_named() {
    let server = Server::with(&["look"]).await;
    let mut gate = Gate::open(&config(&server, "")).await;
    let caller = opened(&gate).await;
    for id in 0..5 {
        caller.ask(&call(id, "look")).await;
    }
    gate.signal("TERM");
    gate.process.read_to_end().await;
    gate.events(&["verify"]).succeeded();
    let path = gate.segments().remove(0);
    let bytes = fs::read(&path).unwrap();
    let said = br#""decision":"permit""#;
    let at = bytes.windows(said.len()).rposition(|part| part == said);
    let at = at.unwrap();
    let mut changed = bytes;
    changed[at + 12] = b'P';
    fs::write(&path, changed).unwrap();
    let mut verify = gate.stage.world.mcps(&gate.home);
    let done = run(verify.args(["events", "verify"]));
    assert_eq!(done.code, 6, "{}", done.stdout);
    assert!(done.stdout.contains("damaged"), "{}", done.stdout);
    // What can still be read is, and it is said that it is not all.
    let done = gate.events(&["query"]);
    assert_eq!(done.code, 6);
    assert!(done.stderr.contains("mcps events verify") && done.stdout.contains("answered"));
}

/// A gateway none of whose files may be longer than this.
async fn cramped(config: &str) -> Gate {
    let stage = Stage::set();
    let home = stage.world.enrol("gateway", "gateway", 2);
    let dir = stage.world.dir().to_owned();
    fs::write(dir.join("gateway.toml"), super::approving(config)).unwrap();
    // Without sequences, so that no history is written either.
    let permit = "permit (principal, action, resource);";
    fs::write(dir.join("all.cedar"), permit).unwrap();
    let mut program = Command::new("bash");
    program.env_clear().env("HOME", &dir);
    program.args(["-c", "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" \"$@\""]);
    program
        .arg(bin("mcps-gateway"))
        .arg("--home")
        .arg(&home)
        .arg("serve");
    program.arg("--config").arg(dir.join("gateway.toml"));
    program.args([
        "--record",
        "/dev/null",
        "--listen",
        "127.0.0.1:0",
        "--status-refresh",
        "0",
    ]);
    let mut process = Process::start(&stage.world, program);
    let line = process.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    Gate {
        stage,
        process,
        url,
        home,
    }
}

const ALL: &str = "default_policy = false\npolicy = [\"all.cedar\"]\n";

/// Calls until the disk is full, and whether each was passed on.
async fn until_full(gate: &Gate, caller: &Caller, server: &Server) -> Vec<String> {
    for id in 0..2000 {
        let before = server.seen("tools/call").len();
        let told = caller.ask(&call(id, "change")).await;
        if let Some(code) = code_of(&told[0]) {
            assert_eq!(code, Code::RecordUnavailable);
            assert_eq!(
                server.seen("tools/call").len(),
                before,
                "it was not passed on"
            );
            return told;
        }
    }
    panic!("the record has room for ever: {}", gate.process.words());
}

/// Makes room again.
fn relieve(gate: &Gate) {
    let id = gate.process.id().to_string();
    let done = Command::new("prlimit")
        .args(["--fsize=unlimited", "--pid", &id])
        .status();
    assert!(done.unwrap().success());
}

#[tokio::test]
async fn while_no_record_can_be_written_nothing_goes_on_and_then_it_does() {
    let server = Server::with(&["look", "change"]).await;
    let gate = cramped(&config(&server, ALL)).await;
    let caller = opened(&gate).await;
    let told = until_full(&gate, &caller, &server).await;
    assert!(told[0].contains(Code::RecordUnavailable.advice()));
    let (_, code) = caller.refused(&call(5001, "look")).await;
    assert_eq!(code, Some(Code::RecordUnavailable));
    relieve(&gate);
    let told = caller.ask(&call(5002, "change")).await;
    assert!(told[0].contains("change("), "{told:?}");
    // What is missing is said to be.
    let tail = gate.events(&["tail", "-o", "json"]).succeeded();
    let gap = tail.lines().find(|line| line.contains(r#""event":"gap""#));
    let gap: Value = serde_json::from_str(gap.unwrap()).unwrap();
    assert!(gap["lost"].as_u64().unwrap() >= 2, "{gap}");
    gate.events(&["verify"]).succeeded();
}

#[tokio::test]
async fn a_tenant_may_have_those_go_on_that_only_look() {
    let server = Server::with(&["look", "change", "unknown"]).await;
    let tenant = format!("{ALL}unrecorded = \"allow\"\n");
    let gate = cramped(&config(&server, &tenant)).await;
    let caller = opened(&gate).await;
    until_full(&gate, &caller, &server).await;
    let told = caller.ask(&call(5001, "look")).await;
    assert!(told[0].contains("look("), "{told:?}");
    for tool in ["change", "unknown"] {
        let (_, code) = caller.refused(&call(5002, tool)).await;
        assert_eq!(code, Some(Code::RecordUnavailable), "{tool}");
    }
    gate.process.says("goes on though").await;
}

#[test]
fn a_place_that_is_no_folder_stops_the_start() {
    let stage = Stage::set();
    let home = stage.world.enrol("gateway", "gateway", 2);
    fs::write(home.join("records"), "a file").unwrap();
    let config = stage.world.dir().join("gateway.toml");
    fs::write(&config, "[tenant.default]\n").unwrap();
    let mut serve = stage.world.program("mcps-gateway");
    serve
        .arg("--home")
        .arg(&home)
        .arg("serve")
        .arg("--config")
        .arg(&config);
    serve.args(["--listen", "127.0.0.1:0"]);
    let said = run(&mut serve).failed(2);
    assert!(
        said.contains("a folder that the gateway may write to"),
        "{said}"
    );
}
