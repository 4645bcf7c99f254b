//! `mcps hook`, `mcps incident` and `mcps webhook`.

use std::fs;

use serde_json::{Value, json};

use super::{assert_one_line, mcps};
use crate::world::{Done, World, run};

pub(super) fn ask(world: &World, words: &[&str]) -> Done {
    let file = world.operator_key_file();
    let asking = [
        "--authority",
        world.url(),
        "--operator-key-file",
        file.to_str().unwrap(),
    ];
    let home = world.home("operator");
    run(&mut mcps(world, &home, &[words, &asking].concat()))
}

fn report(world: &World, token: &str, name: &str) -> Value {
    let target = json!({"kind": "agent", "tenant": "default", "name": name});
    let body = json!({"id": name, "action": "suspend", "target": target});
    let url = format!("{}/v1/hooks/alerts", world.url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().build().unwrap();
        let sent = client.post(url).bearer_auth(token).json(&body).send().await;
        sent.unwrap().json().await.unwrap()
    })
}

#[test]
fn a_source_is_set_up_tried_and_its_proposals_are_decided() {
    let world = World::start();
    world.enrol("agent", "bot", 1);
    world.enrol("agent", "other", 1);
    let nobody = ask(&world, &["hook", "list"]).succeeded();
    assert!(nobody.contains("mcps hook add --help"), "{nobody}");
    let weak = [
        "hook",
        "add",
        "alerts",
        "--proof",
        "bearer",
        "--ceiling",
        "revoke",
    ];
    assert_one_line(&ask(&world, &weak).failed(2), "Set the ceiling to suspend");
    let secret = world.dir().join("token");
    let add = [
        "hook",
        "add",
        "alerts",
        "--proof",
        "bearer",
        "--ceiling",
        "suspend",
        "--per-hour",
        "1",
        "--save-secret",
        secret.to_str().unwrap(),
    ];
    let added = ask(&world, &add).succeeded();
    let token = fs::read_to_string(&secret).unwrap().trim().to_owned();
    assert!(
        !added.contains(&token) && added.contains("/v1/hooks/alerts"),
        "{added}"
    );
    let listed = ask(&world, &["hook", "list"]).succeeded();
    assert!(
        listed.contains("bearer") && listed.contains("suspend"),
        "{listed}"
    );

    let sample = world.dir().join("report.json");
    let target = json!({"kind": "agent", "tenant": "default", "name": "bot"});
    let body = json!({"action": "suspend", "target": target}).to_string();
    fs::write(&sample, body).unwrap();
    let test = [
        "hook",
        "test",
        "alerts",
        "--report",
        sample.to_str().unwrap(),
    ];
    let tested = ask(&world, &test).succeeded();
    assert!(tested.contains("agent bot of default"), "{tested}");
    let empty = ask(&world, &["incident", "list"]).succeeded();
    assert!(empty.contains("Nothing was reported"), "{empty}");

    let done = report(&world, &token, "bot");
    let proposed = report(&world, &token, "other");
    let id = |reported: &Value| {
        let id = reported["incidents"][0]["incident_id"].as_str();
        id.unwrap().to_owned()
    };
    let listed = ask(&world, &["incident", "list", "--outcome", "proposed"]).succeeded();
    assert!(
        listed.contains(&id(&proposed)) && !listed.contains(&id(&done)),
        "{listed}"
    );
    let shown = ask(&world, &["incident", "show", &id(&proposed)]).succeeded();
    assert!(
        shown.contains("may reach 1") && shown.contains("mcps incident approve"),
        "{shown}"
    );
    let approved = ask(
        &world,
        &["incident", "approve", &id(&proposed), "--note", "seen"],
    );
    assert!(approved.succeeded().contains("feed position"));
    let again = ask(&world, &["incident", "dismiss", &id(&proposed)]);
    assert_ne!(again.code, 0);
    let foreseen = ask(&world, &["incident", "undo", &id(&done), "--dry-run"]).succeeded();
    assert!(foreseen.contains("would"), "{foreseen}");
    let undone = ask(&world, &["incident", "undo", &id(&done)]).succeeded();
    assert!(
        undone.contains("reinstate agent bot of default"),
        "{undone}"
    );

    ask(&world, &["hook", "disable", "alerts"]).succeeded();
    assert_eq!(report(&world, &token, "bot")["status"], 401);
    let shown = ask(&world, &["hook", "show", "alerts"]).succeeded();
    assert!(shown.contains("disabled since"), "{shown}");
    ask(&world, &["hook", "enable", "alerts"]).succeeded();
    ask(&world, &["hook", "show", "nobody"]).failed(3);
    ask(
        &world,
        &["incident", "show", &format!("inc_{}", "0".repeat(32))],
    )
    .failed(3);
    assert_eq!(ask(&world, &["incident", "show", "inc_0"]).code, 2);
    assert_eq!(ask(&world, &["hook", "show", "a/b"]).code, 2);
}

#[test]
fn an_address_is_shown_whole_once() {
    let world = World::start();
    let add = [
        "hook",
        "add",
        "splunk",
        "--adapter",
        "splunk",
        "--proof",
        "url",
        "--ceiling",
        "suspend",
        "--suspend-for",
        "1h",
    ];
    let added = ask(&world, &add).succeeded();
    let address = format!("{}/v1/hooks/splunk/", world.url());
    let (_, secret) = added.split_once(&address).unwrap();
    let secret = secret.split_whitespace().next().unwrap();
    assert_eq!(secret.len(), 43);
    let shown = ask(&world, &["hook", "show", "splunk"]).succeeded();
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn who_is_told_is_added_tried_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start_in(folder, &["--allow-local-origins"]);
    let nobody = ask(&world, &["webhook", "list"]).succeeded();
    assert!(nobody.contains("mcps webhook add --help"), "{nobody}");
    // Nobody listens there.
    let add = [
        "webhook",
        "add",
        "http://127.0.0.1:9/hook",
        "--event",
        "suspend",
        "-o",
        "json",
    ];
    let added = ask(&world, &add).succeeded();
    let added: Value = serde_json::from_str(&added).unwrap();
    let id = added["webhook_id"].as_str().unwrap();
    let listed = ask(&world, &["webhook", "list"]).succeeded();
    assert!(
        listed.contains(id) && listed.contains("ed25519"),
        "{listed}"
    );
    let tested = ask(&world, &["webhook", "test", id]).succeeded();
    assert!(tested.contains("mcps webhook show"), "{tested}");
    let shown = ask(&world, &["webhook", "show", id]).succeeded();
    assert!(shown.contains("whpk_") && shown.contains("tst_"), "{shown}");
    let dead = ask(&world, &["webhook", "dead"]).succeeded();
    assert!(dead.contains("Everything was delivered"), "{dead}");
    let replayed = ask(&world, &["webhook", "replay", id]).succeeded();
    assert!(replayed.contains("0 messages"), "{replayed}");
    ask(&world, &["webhook", "remove", id]).succeeded();
    ask(&world, &["webhook", "show", id]).failed(3);
    let refused = ["webhook", "add", "ftp://example.com/"];
    assert_one_line(&ask(&world, &refused).failed(2), "only https://");
}
