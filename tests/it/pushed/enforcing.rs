//! `mcps feed enforcement`: who acts on what was pushed, and who does not.

use mcps_client::home::Home;
use mcps_core::code::Code;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{OPTIONS, is_live, order};
use crate::wire::{Facing, Process, Served, Stage, call, eventually};
use crate::world::{Done, run};

/// Asks as the operator, for whichever home.
fn enforcement(stage: &Stage, words: &[&str]) -> Done {
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.args(["feed", "enforcement", "--operator-key-file"])
        .arg(stage.world.operator_key_file())
        .args(words);
    run(&mut mcps)
}

fn counted(stage: &Stage, position: &str) -> Value {
    let done = enforcement(stage, &[position, "-o", "json"]);
    serde_json::from_str(&done.stdout).unwrap()
}

/// Until that many enforce an event.
pub(super) async fn is_enforced(stage: &Stage, position: &str, count: usize) -> Value {
    let what = format!("{count} enforce {position}");
    eventually(&what, async || {
        let found = counted(stage, position);
        (found["enforcing"] == count).then_some(found)
    })
    .await
}

fn signal(process: &Process, signal: Signal) {
    let id = i32::try_from(process.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_revocation_is_seen_to_be_enforced() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    is_enforced(&served.stage, "1:0", 1).await;

    let passport = Home::new(&served.stage.agent).passport().unwrap();
    let mut revoke = served.stage.world.mcps(&served.stage.agent);
    revoke
        .args(["passport", "revoke", passport.id().as_str()])
        .args(["--reason", "policy", "--operator-key-file"])
        .arg(served.stage.world.operator_key_file());
    let said = run(&mut revoke).succeeded();
    assert!(said.contains("position  1:1"), "{said}");
    assert!(
        said.contains("mcps feed enforcement 1:1 --wait 5s"),
        "{said}"
    );

    let shown = enforcement(&served.stage, &["1:1", "--wait", "60s"]).succeeded();
    assert!(shown.contains("1 of 1 followers"), "{shown}");
    // By the time that it is seen to be enforced, it is.
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    let found = counted(&served.stage, "1:1");
    assert_eq!(found["lagging"], json!([]));
    assert!(found["enforced_by"]["all"].is_string(), "{found}");
    assert!(found["committed_at"].is_string(), "{found}");
}

#[tokio::test]
async fn a_wrapper_that_stands_still_is_named_until_it_goes_on() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    is_enforced(&served.stage, "1:0", 1).await;
    signal(&served.wrap, Signal::STOP);
    let suspend = json!({"target": {"kind": "tenant", "tenant": "elsewhere"}, "reason": "policy"});
    order(&served.stage, "/v1/suspensions", &suspend).await;

    let done = enforcement(&served.stage, &["--wait", "1s"]);
    assert!(done.stdout.contains("0 of 1 followers"), "{}", done.stdout);
    let named = done.stdout.lines().find(|line| line.starts_with("lags"));
    let named = named.unwrap().to_owned();
    assert!(named.contains("server server  1:0"), "{named}");
    let why = done.failed(5);
    assert!(why.contains("1 of those who follow the feed"), "{why}");

    signal(&served.wrap, Signal::CONT);
    is_enforced(&served.stage, "1:1", 1).await;
    enforcement(&served.stage, &["1:1"]).succeeded();
}

#[tokio::test]
async fn the_client_end_says_so_too() {
    let mut facing = Facing::start_with(Stage::set(), &OPTIONS);
    facing.open().await;
    is_live(&facing.connect).await;
    let suspend = json!({"target": {"kind": "tenant", "tenant": "elsewhere"}, "reason": "policy"});
    order(&facing.stage, "/v1/suspensions", &suspend).await;
    is_enforced(&facing.stage, "1:1", 1).await;
}

#[tokio::test]
async fn a_position_is_asked_for_as_it_is_written() {
    let stage = Stage::set();
    enforcement(&stage, &["41"]).failed(2);
    enforcement(&stage, &["1:41"]).failed(3);
    let done = enforcement(&stage, &[]).succeeded();
    assert!(done.contains("0 of 0 followers"), "{done}");
    let mut nobody = stage.world.mcps(&stage.agent);
    run(nobody.args(["feed", "enforcement"])).failed(2);
}
