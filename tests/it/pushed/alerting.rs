//! `docs/incident.md` as it stands there: its commands, and a real Alertmanager with its configuration,
//! whose alert suspends an agent at a running wrapper, and takes that back when it is over.

use std::fs;
use std::path::Path;
use std::process::Command;

use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::code::Code;
use serde_json::{Value, json};

use super::{OPTIONS, is_live};
use crate::alertmanager::Alertmanager;
use crate::wire::{Served, Stage, call, eventually};
use crate::world::{Done, bin, run};

const DOCUMENT: &str = include_str!("../../../docs/incident.md");

/// The blocks of the document in one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = DOCUMENT.split(&fence).skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// With the document's configuration, and the authority's true address.
async fn alertmanager(stage: &Stage) -> Alertmanager {
    let config = blocks("yaml").remove(0);
    let config = config.replace("http://127.0.0.1:7300", stage.world.url());
    Alertmanager::start(stage.world.dir(), &config).await
}

/// Runs one block as it stands in the document.
fn block(stage: &Stage, text: &str, known: &[(&str, &str)]) -> Done {
    let programs = bin("mcps");
    let path = format!("{}:/usr/bin:/bin", programs.parent().unwrap().display());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", text])
        .current_dir(stage.world.dir())
        .env_clear()
        .env("PATH", path)
        .env("HOME", stage.world.dir())
        .env("MCPS_HOME", &stage.agent)
        .env("MCPS_AUTHORITY", stage.world.url())
        .env("MCPS_OPERATOR_KEY", stage.world.operator_key())
        .envs(known.iter().copied());
    run(&mut bash)
}

/// The newest incident of the inbox.
async fn newest(stage: &Stage) -> Option<Value> {
    let client = reqwest::Client::builder().build().unwrap();
    let request = client.get(format!("{}/v1/inbox", stage.world.url()));
    let answer = request.bearer_auth(stage.world.operator_key()).send().await;
    let inbox: Value = answer.unwrap().json().await.unwrap();
    inbox["incidents"].as_array().unwrap().first().cloned()
}

fn alert(starts_at: &str, ends_at: Option<&str>) -> Value {
    let labels =
        json!({"alertname": "KeyOnPasteSite", "mcps_name": "agent", "severity": "critical"});
    let annotations = json!({"summary": "its key is on a paste site"});
    let mut alert = json!({"labels": labels, "annotations": annotations, "startsAt": starts_at});
    if let Some(at) = ends_at {
        alert["endsAt"] = at.into();
    }
    alert
}

/// As Alertmanager sends it.
fn sample(folder: &Path) {
    let alert = json!({"status": "firing", "fingerprint": "f", "startsAt": "2026-11-22T12:00:00.000Z",
        "labels": {"alertname": "KeyOnPasteSite", "mcps_name": "agent"}, "annotations": {}});
    let report = json!({"version": "4", "status": "firing", "alerts": [alert]});
    fs::write(folder.join("alert.json"), report.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_alertmanager_suspends_until_it_is_over() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    sample(served.stage.world.dir());
    let [
        add,
        test,
        look,
        enforced,
        into,
        undo,
        revoke,
        proposed,
        evidence,
    ] = <[String; 9]>::try_from(blocks("sh")).unwrap();

    // Before.
    block(&served.stage, &add, &[]).succeeded();
    let alertmanager = alertmanager(&served.stage).await;
    let tested = block(&served.stage, &test, &[]).succeeded();
    assert!(tested.contains("suspend"), "{tested}");
    served.still_serves().await;

    // The alert.
    let began = SystemClock.now().to_string();
    alertmanager.tell(&alert(&began, None)).await;
    let incident = eventually("the alert is in the inbox", async || {
        newest(&served.stage)
            .await
            .filter(|incident| incident["outcome"] == "done")
    })
    .await;
    assert_eq!(incident["action"], "suspend");
    let text = |name: &str| incident[name].as_str().unwrap().to_owned();
    let (id, position) = (text("incident_id"), text("position"));
    let known = [("INCIDENT", id.as_str()), ("POSITION", position.as_str())];
    let shown = block(&served.stage, &look, &known).succeeded();
    assert!(shown.contains("its key is on a paste site"), "{shown}");
    let shown = block(&served.stage, &enforced, &known).succeeded();
    assert!(shown.contains("1 of 1 followers"), "{shown}");
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);

    // Looking into it, and what could be done.
    for text in [&into, &undo, &revoke, &proposed] {
        block(&served.stage, text, &known).succeeded();
    }

    // The alert is over.
    let now = SystemClock.now().to_string();
    alertmanager.tell(&alert(&began, Some(&now))).await;
    let over = eventually("the alert is over", async || {
        newest(&served.stage)
            .await
            .filter(|incident| incident["asked"] == "resolve" && incident["outcome"] != "pending")
    })
    .await;
    assert_eq!(
        (&over["outcome"], &over["action"]),
        (&json!("done"), &json!("reinstate"))
    );
    let position = over["position"].as_str().unwrap();
    block(&served.stage, &enforced, &[("POSITION", position)]).succeeded();
    served.still_serves().await;
    let proven = block(&served.stage, &evidence, &known).succeeded();
    assert!(!proven.contains("edited"), "{proven}");
}
