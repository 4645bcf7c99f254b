//! What a tenant's operators say at the authority of tools that gateways hold back: one order counts at
//! all gateways, for that tenant's callers alone, and nothing is called by what is not known.

use std::path::{Path, PathBuf};
use std::process::Command;

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::quarantine::{LIST, call, changing, names};
use super::server::{Server, tool};
use super::{Gate, decision_of, over_http};
use crate::listen::caller::{Caller, messages};
use crate::listen::modern;
use crate::wire::{Process, Stage, code_of, eventually};
use crate::world::{bin, run};

const FOLLOWS: &str = "[tenant.default]\nquarantine = \"authority\"\n";

/// An operator's order at the authority; the position of its event.
fn order(gate: &Gate, tenant: &str, words: &[&str]) -> String {
    let done = run(&mut ordering(gate, tenant, words)).succeeded();
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["changed"], true, "{done}");
    done["verdict"]["position"].as_str().unwrap().to_owned()
}

fn ordering(gate: &Gate, tenant: &str, words: &[&str]) -> Command {
    let world = &gate.stage.world;
    let mut command = world.mcps(&gate.stage.agent);
    command.arg("quarantine").args(words);
    command.args(["--tenant", tenant, "--authority", world.url()]);
    command
        .arg("--operator-key-file")
        .arg(world.operator_key_file());
    command.args(["-o", "json"]);
    command
}

/// Waits until all who follow the feed have heard of an event.
fn heard(gate: &Gate, position: &str) {
    let mut command = gate.stage.world.mcps(&gate.stage.agent);
    command.args(["feed", "enforcement", position, "--wait", "30s"]);
    command.arg("--operator-key-file");
    run(command.arg(gate.stage.world.operator_key_file())).succeeded();
}

/// An order that everybody has heard of.
fn said(gate: &Gate, tenant: &str, words: &[&str]) {
    heard(gate, &order(gate, tenant, words));
}

/// A second gateway with the same configuration.
struct Twin {
    _process: Process,
    url: String,
    home: PathBuf,
}

impl Twin {
    async fn of(gate: &Gate) -> Self {
        let home = gate.stage.world.enrol("gateway", "twin", 2);
        let records = gate.stage.world.dir().join("twins-records");
        let (process, url) = Gate::start(&gate.stage, &home, &records).await;
        Self {
            _process: process,
            url,
            home,
        }
    }
}

async fn opened(agent: &Path, url: &str) -> Caller {
    let mut caller = Caller::of(agent, &format!("{url}/files"));
    caller.open_session().await;
    caller
}

/// What is in quarantine at a gateway, as a script reads it.
fn listed(gate: &Gate, home: &Path, more: &[&str]) -> Vec<Value> {
    let mut program = gate.stage.world.mcps(home);
    program
        .args(["quarantine", "list", "-o", "json"])
        .args(more);
    serde_json::from_str(&run(&mut program).succeeded()).unwrap()
}

fn hash_of(rows: &[Value], tool: &str) -> String {
    let row = rows.iter().find(|row| row["tool"] == tool);
    row.unwrap()["hash"].as_str().unwrap().to_owned()
}

async fn code(caller: &Caller, id: u32, tool: &str) -> Option<Code> {
    code_of(&caller.ask(&call(id, tool)).await[0])
}

#[tokio::test]
async fn one_order_counts_at_all_gateways_at_the_next_call_and_is_said_whence() {
    let (tools, server) = changing(&["look"]).await;
    let gate = Gate::open(&format!("{FOLLOWS}{}", over_http("files", &server))).await;
    let twin = Twin::of(&gate).await;
    let callers = [
        opened(&gate.stage.agent, &gate.url).await,
        opened(&gate.stage.agent, &twin.url).await,
    ];
    for caller in &callers {
        assert_eq!(code(caller, 1, "look").await, None);
    }
    tools.lock().unwrap().push(tool("added"));
    for caller in &callers {
        assert_eq!(names(&caller.ask(LIST).await), ["look"]);
        assert_eq!(code(caller, 2, "added").await, Some(Code::Quarantined));
    }
    assert_eq!(server.seen("tools/call").len(), 2);
    let hash = hash_of(&listed(&gate, &gate.home, &[]), "added");
    assert_eq!(hash, hash_of(&listed(&gate, &twin.home, &[]), "added"));

    let foreseen = ["promote", "files", "added", "--hash", &hash, "--dry-run"];
    run(&mut ordering(&gate, "default", &foreseen)).succeeded();
    assert_eq!(code(&callers[0], 3, "added").await, Some(Code::Quarantined));
    said(
        &gate,
        "default",
        &["promote", "files", "added", "--hash", &hash],
    );
    for caller in &callers {
        assert_eq!(code(caller, 4, "added").await, None);
        assert_eq!(names(&caller.ask(LIST).await), ["look", "added"]);
    }
    for home in [&gate.home, &twin.home] {
        let row = listed(&gate, home, &[]).remove(0);
        let said = &row["authority"][0];
        assert_eq!(
            (&said["tenant"], &said["verdict"], &said["order"]),
            (&json!("default"), &json!("promoted"), &json!(1))
        );
    }
    // It goes by what the gateway has stored of the feed.
    eventually("`mcps why` says whence", async || {
        let mut why = gate.stage.world.mcps(&gate.home);
        why.args(["why", "files__added", "--agent"]);
        why.arg(&gate.stage.agent).arg("--config");
        why.arg(gate.stage.world.dir().join("gateway.toml"));
        let told = run(&mut why).succeeded();
        told.contains("at the trust authority (order 1)")
            .then_some(())
    })
    .await;

    // What was approved here is refused as soon as they say so, and not before.
    let look = hash_of(&listed(&gate, &gate.home, &["--all"]), "look");
    let before = server.seen("tools/call").len();
    for (words, rule) in [
        (
            vec!["reject", "files", "added", "--hash", &hash],
            "quarantine.rejected",
        ),
        (vec!["block", "files", "added"], "quarantine.blocked"),
        (
            vec!["reject", "files", "look", "--hash", &look],
            "quarantine.rejected",
        ),
    ] {
        let name = words[2];
        said(&gate, "default", &words);
        for (caller, home) in callers.iter().zip([&gate.home, &twin.home]) {
            let told = caller.ask(&call(5, name)).await;
            assert_eq!(code_of(&told[0]), Some(Code::Quarantined), "{told:?}");
            if *home == gate.home {
                let record = gate.record("decision", &decision_of(&told[0])).await;
                assert_eq!(record["rule"], rule);
                let reason = record["reason"].as_str().unwrap();
                assert!(
                    reason.contains("at the trust authority (order "),
                    "{reason}"
                );
            }
            assert!(!names(&caller.ask(LIST).await).contains(&name.to_owned()));
        }
    }
    assert_eq!(server.seen("tools/call").len(), before);
    let blocked = run(&mut ordering(
        &gate,
        "default",
        &["promote", "files", "added", "--hash", &hash],
    ));
    assert_eq!(blocked.code, 4, "{}", blocked.stderr);
    assert!(blocked.stderr.contains("unblock"), "{}", blocked.stderr);
    said(&gate, "default", &["unblock", "files", "added"]);
    said(
        &gate,
        "default",
        &["promote", "files", "added", "--hash", &hash],
    );
    assert_eq!(code(&callers[1], 6, "added").await, None);
    assert_eq!(server.seen("tools/call").len(), before + 1);

    let mut list = ordering(&gate, "default", &["list"]);
    let standing: Value = serde_json::from_str(&run(&mut list).succeeded()).unwrap();
    assert_eq!(standing["verdicts"].as_array().unwrap().len(), 2);
    let mut history = ordering(&gate, "default", &["history"]);
    let orders: Value = serde_json::from_str(&run(&mut history).succeeded()).unwrap();
    let verbs: Vec<&Value> = orders
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["order"])
        .collect();
    let expected = ["promote", "unblock", "reject", "block", "reject", "promote"];
    assert_eq!(verbs, expected);
}

#[tokio::test]
async fn what_one_tenant_promoted_is_promoted_for_nobody_else_and_a_local_block_counts_over_it() {
    let (tools, server) = changing(&["look"]).await;
    let config = format!(
        "discovery = \"search\"\n{FOLLOWS}[tenant.acme]\nquarantine = \"authority\"\n[tenant.alone]\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let enrol = |name: &str, tenant: &str| {
        let more = ["--tenant", tenant];
        gate.stage.world.enrol_with("agent", name, 2, &more)
    };
    let (acme, alone) = (enrol("of-acme", "acme"), enrol("of-alone", "alone"));
    let caller = opened(&gate.stage.agent, &gate.url).await;
    let callers = [
        opened(&acme, &gate.url).await,
        opened(&alone, &gate.url).await,
    ];
    assert_eq!(code(&caller, 1, "look").await, None);
    tools.lock().unwrap().push(tool("added"));
    caller.ask(LIST).await;
    let hash = hash_of(&listed(&gate, &gate.home, &[]), "added");
    let promote = ["promote", "files", "added", "--hash", &hash];
    said(&gate, "acme", &promote);
    assert_eq!(code(&caller, 2, "added").await, Some(Code::Quarantined));
    assert_eq!(code(&callers[1], 2, "added").await, Some(Code::Quarantined));
    assert_eq!(server.seen("tools/call").len(), 1);
    assert_eq!(code(&callers[0], 2, "added").await, None);
    // Whoever may not call it does not see it: in a list, and where tools are found.
    assert_eq!(names(&caller.ask(LIST).await), ["look"]);
    assert_eq!(names(&callers[1].ask(LIST).await), ["look"]);
    assert_eq!(names(&callers[0].ask(LIST).await), ["look", "added"]);
    let found = async |agent: &Path, id: u32| {
        let mut caller = Caller::of(agent, &gate.url);
        caller.open_session().await;
        let params = json!({"name": "find_tools", "arguments": {"query": "added"}});
        let find = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        caller.ask(&find.to_string()).await.remove(0)
    };
    assert!(found(&acme, 3).await.contains("files__added"));
    assert!(!found(&gate.stage.agent, 3).await.contains("files__added"));
    // A block for one of them is none for the other.
    said(&gate, "default", &["block", "files", "look"]);
    assert_eq!(code(&caller, 3, "look").await, Some(Code::Quarantined));
    assert_eq!(code(&callers[0], 3, "look").await, None);
    assert!(!found(&gate.stage.agent, 4).await.contains("files__look"));

    let mut block = gate.stage.world.mcps(&gate.home);
    block.args(["quarantine", "block", "files", "added", "--by", "ann"]);
    run(&mut block).succeeded();
    let told = callers[0].ask(&call(4, "added")).await;
    assert_eq!(code_of(&told[0]), Some(Code::Quarantined));
    assert_eq!(server.seen("tools/call").len(), 3);
    let mut unblock = gate.stage.world.mcps(&gate.home);
    unblock.args(["quarantine", "unblock", "files", "added", "--by", "ann"]);
    run(&mut unblock).succeeded();
    assert_eq!(code(&callers[0], 5, "added").await, None);
}

/// What becomes of a call of the newer era. Without an authority nobody can tell whether the answer is
/// to be believed.
async fn called(gate: &Gate, id: u32, tool: &str) -> Option<Code> {
    let caller = gate.stateless("files", tool);
    let params = format!(r#""name":"{tool}","arguments":{{}},"#);
    let (response, _) = caller.tell(&modern(id, "tools/call", &params)).await;
    let answers = messages(response).await;
    code_of(std::str::from_utf8(&answers[0]).unwrap())
}

#[tokio::test]
async fn a_start_without_the_authority_goes_by_what_was_kept_and_by_nothing_else() {
    let (tools, server) = changing(&["look", "send"]).await;
    let mut gate = Gate::open(&format!("{FOLLOWS}{}", over_http("files", &server))).await;
    let caller = opened(&gate.stage.agent, &gate.url).await;
    assert_eq!(code(&caller, 1, "look").await, None);
    tools.lock().unwrap().push(tool("added"));
    caller.ask(LIST).await;
    let hash = hash_of(&listed(&gate, &gate.home, &[]), "added");
    said(
        &gate,
        "default",
        &["promote", "files", "added", "--hash", &hash],
    );
    said(&gate, "default", &["block", "files", "send"]);
    assert_eq!(code(&caller, 2, "added").await, None);
    let (feed, kept) = (
        gate.home.join("feed.json"),
        gate.home.join("verdicts-default.json"),
    );
    eventually("both are kept", async || {
        let text = std::fs::read_to_string(&feed).ok()?;
        let (digest, _) = text.split_once(r#""verdicts":""#)?.1.split_once('"')?;
        let kept = std::fs::read_to_string(&kept).ok()?;
        (kept.starts_with(digest) && kept.contains("blocked")).then_some(())
    })
    .await;
    gate.stage.world.stop_authority();
    gate.restart().await;
    // What was signed just before the end is refused for a moment: nobody knows its nonces.
    eventually("the gateway takes messages again", async || {
        called(&gate, 3, "look").await.is_none().then_some(())
    })
    .await;
    let before = server.seen("tools/call").len();
    assert_eq!(called(&gate, 4, "added").await, None);
    assert_eq!(called(&gate, 5, "send").await, Some(Code::Quarantined));
    assert_eq!(server.seen("tools/call").len(), before + 1);

    // What was kept is not what was written: nobody knows what was said.
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replace("blocked", "promoted")).unwrap();
    gate.restart().await;
    eventually("it is refused for want of verdicts", async || {
        (called(&gate, 6, "look").await == Some(Code::AuthorityUnreachable)).then_some(())
    })
    .await;
    for tool in ["send", "added"] {
        assert_eq!(
            called(&gate, 7, tool).await,
            Some(Code::AuthorityUnreachable)
        );
    }
    assert_eq!(server.seen("tools/call").len(), before + 1);
    let words = gate.process.words();
    assert!(
        words.contains("verdicts-default.json is not used"),
        "{words}"
    );
}

/// A server behind a `mcps-wrap` whose tools are registered, and the words of an operator about it.
struct Registered {
    wrap: Process,
    url: String,
    id: String,
}

fn operate(stage: &Stage, words: &[&str]) -> String {
    let mut command = stage.world.mcps(&stage.server);
    command.args(words).arg("--operator-key-file");
    run(command.arg(stage.world.operator_key_file())).succeeded()
}

impl Registered {
    async fn set(stage: &Stage) -> Self {
        let mut wrap = stage.world.program("mcps-wrap");
        wrap.arg("--home").arg(&stage.server);
        wrap.args(["--listen", "127.0.0.1:0", "--min-level", "2"]);
        wrap.args(["--log-level", "debug", "--"]);
        wrap.arg(bin("mcps-demo-server"));
        let mut wrap = Process::start(&stage.world, wrap);
        let line = wrap.read().await;
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        let added = operate(stage, &["server", "add", "-o", "json"]);
        let added: Value = serde_json::from_str(&added).unwrap();
        let id = added["server_id"].as_str().unwrap().to_owned();
        Self { wrap, url, id }
    }

    fn publish(&self, stage: &Stage, version: &str, tools: &Value) {
        let file = stage.world.dir().join("tools.json");
        std::fs::write(&file, tools.to_string()).unwrap();
        let file = file.to_str().unwrap();
        let mut command = stage.world.mcps(&stage.server);
        command.args(["manifest", "publish", "--server", &self.id]);
        command.args(["--version", version, "--tools", file]);
        run(&mut command).succeeded();
    }
}

#[tokio::test]
async fn what_is_registered_of_a_server_of_that_level_is_promoted_by_itself_until_it_is_not() {
    let stage = Stage::set();
    let server = Registered::set(&stage).await;
    let config = format!(
        "[quarantine]\nevidence = 3\n[tenant.default]\n[[server]]\nname = \"notes\"\nurl = \"{}\"\nsigned = true\npassport = \"default/server\"\n",
        server.url
    );
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = gate.caller("notes");
    caller.open_session().await;
    let read = |id: u32| {
        let params = json!({"name": "read_note", "arguments": {"name": "welcome"}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
    };
    let refused = async |id: u32| {
        let told = caller.ask(&read(id)).await;
        let code = code_of(&told[0]);
        (code == Some(Code::Quarantined)).then_some(())
    };
    assert_eq!(names(&caller.ask(LIST).await), [""; 0]);
    refused(1).await.unwrap();
    // What the server shows is what is registered, all but one of it.
    let rows = listed(&gate, &gate.home, &[]);
    let tools = rows
        .iter()
        .filter(|row| row["tool"] != "send_mail")
        .map(|row| {
            let mut show = gate.stage.world.mcps(&gate.home);
            show.args(["quarantine", "show", "notes", row["tool"].as_str().unwrap()]);
            let shown = run(show.args(["-o", "json"])).succeeded();
            let shown: Value = serde_json::from_str(&shown).unwrap();
            let text = shown["definition"].as_str().unwrap().to_owned();
            let mut tool: Value = serde_json::from_str(&text).unwrap();
            if let Some(tool) = tool.as_object_mut() {
                tool.remove("_meta");
            }
            tool
        });
    let tools = json!({"tools": tools.collect::<Vec<Value>>()});
    server.publish(&gate.stage, "1", &tools);
    refused(2).await.unwrap();
    let reached = || server.wrap.words().contains("verified tools/call");
    assert!(!reached(), "nobody has promoted it");
    let scan = ["trust", "record", "--type", "scan", "--statement", "looked"];
    operate(&gate.stage, &scan);
    eventually("it is promoted", async || {
        let told = caller.ask(&read(3)).await;
        code_of(&told[0]).is_none().then_some(())
    })
    .await;
    assert!(reached(), "what reaches it is in its log");
    let open = names(&caller.ask(LIST).await);
    assert!(open.contains(&"read_note".to_owned()), "{open:?}");
    assert!(!open.contains(&"send_mail".to_owned()), "{open:?}");
    let rows = listed(&gate, &gate.home, &[]);
    let row = rows.iter().find(|row| row["tool"] == "read_note").unwrap();
    assert_eq!(row["state"], "promoted");
    let by = row["by"].as_str().unwrap();
    let expected = "evidence: server default/server level L3, manifest digest ";
    assert!(by.starts_with(expected), "{by}");
    let log = std::fs::read_to_string(gate.home.join("quarantine.log")).unwrap();
    assert!(log.contains(by), "{log}");

    // At a gateway that meets the server now it is open from the first list and the first call on.
    for asks in [LIST, &read(4)] {
        let name = format!("edge-{}", asks.len());
        let home = gate.stage.world.enrol("gateway", &name, 2);
        let records = home.with_extension("records");
        let (_process, url) = Gate::start(&gate.stage, &home, &records).await;
        let mut newcomer = Caller::of(&gate.stage.agent, &format!("{url}/notes"));
        newcomer.open_session().await;
        let told = newcomer.ask(asks).await;
        assert!(
            told[0].contains("read_note") || told[0].contains("Welcome"),
            "{told:?}"
        );
    }

    // A manifest without it ends that, and so does a level that falls.
    let mut fewer = tools.clone();
    let list = fewer["tools"].as_array_mut().unwrap();
    list.retain(|tool| tool["name"] != "read_note");
    server.publish(&gate.stage, "2", &fewer);
    operate(&gate.stage, &scan);
    eventually("it is held again", async || refused(4).await).await;
    server.publish(&gate.stage, "3", &tools);
    operate(&gate.stage, &scan);
    eventually("it is promoted again", async || {
        let told = caller.ask(&read(5)).await;
        code_of(&told[0]).is_none().then_some(())
    })
    .await;
    let failed = ["trust", "record", "--type", "scan", "--verdict", "fail"];
    operate(
        &gate.stage,
        &[&failed[..], &["--statement", "found"]].concat(),
    );
    eventually("it is held once more", async || refused(6).await).await;
    let log = std::fs::read_to_string(gate.home.join("quarantine.log")).unwrap();
    assert!(log.contains(r#""action":"withdraw""#), "{log}");
}

#[tokio::test]
async fn without_a_word_of_the_authority_nothing_is_called_that_it_may_have_refused() {
    let server = Server::with(&["look"]).await;
    let mut gate = Gate::open(&format!("{FOLLOWS}{}", over_http("files", &server))).await;
    gate.stage.world.stop_authority();
    std::fs::remove_file(gate.home.join("feed.json")).ok();
    gate.restart().await;
    let refused = eventually("it is refused", async || called(&gate, 1, "look").await).await;
    assert_ne!(refused, Code::Quarantined);
    assert!(server.seen("tools/call").is_empty());
}
