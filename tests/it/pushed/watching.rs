//! `mcps feed`.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{OPTIONS, has_heard, is_live, order};
use crate::wire::{Process, Served, Stage};
use crate::world::{run, run_with_input};

fn feed(stage: &Stage, words: &[&str]) -> Command {
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.arg("feed").args(words);
    mcps
}

fn suspension(tenant: &str) -> Value {
    json!({"target": {"kind": "tenant", "tenant": tenant}, "reason": "policy"})
}

#[tokio::test]
async fn events_are_printed_as_they_happen() {
    let stage = Stage::set();
    let words = ["watch", "--count", "2", "--for", "60s"];
    let mut watch = Process::start(&stage.world, feed(&stage, &words));
    loop {
        if watch.read().await.contains("  live  at 1:0") {
            break;
        }
    }
    for tenant in ["elsewhere", "nowhere"] {
        order(&stage, "/v1/suspensions", &suspension(tenant)).await;
    }
    let first = watch.read().await;
    assert!(
        first.contains("event 1:1  suspend tenant elsewhere  reason: policy  ")
            && first.ends_with(" ms"),
        "{first}"
    );
    assert!(
        watch
            .read()
            .await
            .contains("event 1:2  suspend tenant nowhere")
    );
    assert_eq!(watch.exit().await, 0);
}

#[tokio::test]
async fn a_recording_is_proven_offline_and_a_change_is_found() {
    let mut stage = Stage::set();
    let mut watch = feed(
        &stage,
        &["watch", "-o", "json", "--count", "2", "--for", "60s"],
    );
    watch.stdout(Stdio::piped());
    let mut watch = Process::start(&stage.world, watch);
    watch.says("live").await;
    for tenant in ["elsewhere", "nowhere"] {
        order(&stage, "/v1/suspensions", &suspension(tenant)).await;
    }
    let mut recording = String::new();
    while let Some(line) = watch.read_to_end().await {
        recording.push_str(&line);
        recording.push('\n');
    }
    assert_eq!(watch.exit().await, 0);
    stage.world.stop_authority();

    let proven = run_with_input(
        &mut feed(&stage, &["verify", "-", "-o", "json"]),
        &recording,
    );
    let proven: Value = serde_json::from_str(&proven.succeeded()).unwrap();
    assert_eq!(
        (
            &proven["holds"],
            &proven["from"],
            &proven["to"],
            &proven["events"]
        ),
        (&json!(true), &json!("1:0"), &json!("1:2"), &json!(2))
    );
    let edited = recording.replace("nowhere", "somewhere");
    let line = 1 + edited
        .lines()
        .position(|line| line.contains("somewhere"))
        .unwrap();
    let done = run_with_input(&mut feed(&stage, &["verify", "-"]), &edited);
    assert!(done.stdout.contains("holds      no"), "{}", done.stdout);
    let why = done.failed(6);
    assert!(
        why.contains(&format!("line {line}: ")) && why.contains("signature does not verify"),
        "{why}"
    );
    // The key set by itself, without this home's pin.
    let file = stage.world.dir().join("recording");
    fs::write(&file, &recording).unwrap();
    let trust = stage.agent.join("trust.json");
    let mut alone = stage.world.mcps(&stage.world.home("nobody"));
    alone
        .args(["feed", "verify"])
        .arg(&file)
        .arg("--trust")
        .arg(&trust);
    run(&mut alone).succeeded();
    run(&mut feed(&stage, &["verify", "no-such-file"])).failed(3);
}

#[tokio::test]
async fn what_a_home_knows_is_shown() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    let show = |stage: &Stage, words: &[&str]| {
        let mut mcps = stage.world.mcps(&stage.server);
        mcps.args(["feed", "show"]).args(words);
        run(&mut mcps)
    };
    served.open().await;
    is_live(&served.wrap).await;
    order(&served.stage, "/v1/suspensions", &suspension("elsewhere")).await;
    has_heard(&served.wrap, 1).await;
    served.wrap.close_input();
    served.wrap.exit().await;
    let shown: Value =
        serde_json::from_str(&show(&served.stage, &["-o", "json"]).succeeded()).unwrap();
    assert_eq!(shown["position"], "1:1");
    assert_eq!(shown["in_force"]["suspended"], 1);
    assert!(
        show(&served.stage, &[])
            .succeeded()
            .contains("position     1:1")
    );
    // The agent's home was never used.
    run(&mut feed(&served.stage, &["show"])).failed(3);
}

#[tokio::test]
async fn without_an_authority_watching_ends_as_stale() {
    let mut stage = Stage::set();
    stage.world.stop_authority();
    let done = run(&mut feed(&stage, &["watch", "--for", "1s"]));
    assert!(done.stdout.contains("no feed"), "{}", done.stdout);
    done.failed(5);
}
