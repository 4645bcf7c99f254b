//! A wrapper whose way to the authority is in somebody else's hands: old frames, another
//! authority's, two histories by the real key, and a line that is slow.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::ledger::frames;
use crate::wire::{Meddler, Rule, Served, Stage, call};
use crate::world::{Authority, World};

const OPTIONS: [&str; 4] = ["--status-refresh", "1h", "--log-level", "debug"];
/// A wrapper that follows through the meddler.
async fn live(stage: Stage) -> (Served, Meddler) {
    let meddler = Meddler::start(&stage.world);
    meddler.let_feed_through();
    meddler.stand_before(&stage.server);
    honest(&meddler, stage.world.url());
    let mut served = Served::start_with(stage, &OPTIONS);
    served.open().await;
    served.wrap.says("the revocation feed is live").await;
    served.still_serves().await;
    (served, meddler)
}

/// What is asked for of the feed comes from there, and everything else from the authority.
fn honest(meddler: &Meddler, url: &str) {
    let url = url.to_owned();
    meddler.rule(move |path| on_the_stream(path, |after| events(&fetch(&url, after))));
}

/// Decides what a stream brings; `trick` is given the position that it is to begin after.
fn on_the_stream(path: &str, trick: impl FnOnce(&str) -> Rule) -> Rule {
    if let Some(after) = path.strip_prefix("/v1/feed?after=") {
        trick(after)
    } else if path == "/v1/feed" {
        trick("")
    } else {
        Rule::Pass
    }
}

/// What the authority there has after a position, as it answers a long poll of a second.
fn fetch(url: &str, after: &str) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let after = match after {
        "" => String::new(),
        after => format!("after={after}&"),
    };
    let mut stream = TcpStream::connect(host).unwrap();
    let path = format!("/v1/feed/frames?{after}wait_s=1");
    let request = format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    // At the end of a test the authority may be gone in the middle of it.
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    body.to_owned()
}

/// The same as a stream.
fn events(polled: &str) -> Rule {
    let frames = frames(polled);
    let event = |frame: String| format!("data: {frame}\n\n");
    Rule::Events(frames.into_iter().map(event).collect())
}

async fn suspend(url: &str, operator: &str, target: &Value) {
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("{url}/v1/suspensions"))
        .bearer_auth(operator)
        .json(&json!({"target": target, "reason": "policy"}))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
}

fn tenant(name: &str) -> Value {
    json!({"kind": "tenant", "tenant": name})
}

/// The agent is revoked, and the wrapper hears of it and refuses it.
async fn refuses_the_revoked(mut served: Served) {
    served.stage.revoke(&served.stage.agent);
    crate::wire::eventually("the revocation", async || {
        let words = served.wrap.words();
        words.contains("the last one revoke").then_some(())
    })
    .await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
}

/// Everything is passed on again, and the wrapper comes round.
async fn recovers(mut served: Served, meddler: &Meddler) {
    honest(meddler, served.stage.world.url());
    served.wrap.says("the revocation feed is live again").await;
    served.still_serves().await;
    refuses_the_revoked(served).await;
}

#[tokio::test]
async fn old_frames_are_seen_for_what_they_are() {
    let (served, meddler) = live(Stage::set()).await;
    let url = served.stage.world.url().to_owned();
    let operator = served.stage.world.operator_key().to_owned();
    suspend(&url, &operator, &tenant("first")).await;
    let old = fetch(&url, "1:0");
    suspend(&url, &operator, &tenant("second")).await;
    crate::wire::eventually("both events", async || {
        let words = served.wrap.words();
        words.contains("position=\"1:2\"").then_some(())
    })
    .await;
    meddler.rule(move |path| on_the_stream(path, |_| events(&old)));
    served.wrap.says("an old frame again").await;
    recovers(served, &meddler).await;
}

#[tokio::test]
async fn frames_of_another_authority_move_nothing() {
    let other = World::start();
    let (served, meddler) = live(Stage::set()).await;
    let all = json!({"kind": "all"});
    suspend(other.url(), other.operator_key(), &tenant("theirs")).await;
    let stop = reqwest::Client::builder().build().unwrap();
    let stop = stop.post(format!("{}/v1/stops", other.url()));
    let stop = stop.bearer_auth(other.operator_key());
    let stop = stop.json(&json!({"target": all, "reason": "policy"}));
    assert!(stop.send().await.unwrap().status().is_success());
    let theirs = other.url().to_owned();
    meddler.rule(move |path| on_the_stream(path, |after| events(&fetch(&theirs, after))));
    served.wrap.says("not a frame of this authority").await;
    // Their stop stops nobody here.
    let mut served = served;
    served.still_serves().await;
    recovers(served, &meddler).await;
}

/// A second authority with the keys and the past of the first: a backup that somebody started.
fn twin(world: &World, folder: &Path) -> Authority {
    let from = world.dir().join("authority");
    fs::create_dir_all(folder.join("keys")).unwrap();
    for part in [from.clone(), from.join("keys")] {
        for entry in fs::read_dir(&part).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let to = folder.join(entry.path().strip_prefix(&from).unwrap());
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    Authority::start_at("127.0.0.1:0", folder, &folder.join("operator.key"), &[])
}

#[tokio::test]
async fn two_histories_by_the_real_key_only_ever_add() {
    let stage = Stage::set();
    let folder = tempfile::tempdir().unwrap();
    let second = twin(&stage.world, folder.path());
    let there = second.url().to_owned();
    let operator = stage.world.operator_key().to_owned();
    let (mut served, meddler) = live(stage).await;
    let here = served.stage.world.url().to_owned();
    suspend(&here, &operator, &tenant("here")).await;
    crate::wire::eventually("its event", async || {
        let words = served.wrap.words();
        words.contains("position=\"1:1\"").then_some(())
    })
    .await;
    let agent = mcps_client::home::Home::new(&served.stage.agent);
    let agent = json!({"kind": "passport", "id": agent.passport().unwrap().id().as_str()});
    suspend(&there, &operator, &agent).await;
    meddler.rule(move |path| on_the_stream(path, |_| events(&fetch(&there, "1:0"))));
    served.wrap.says("two histories").await;
    // Signed by the real key, so it counts, whichever history is the right one.
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
}

#[tokio::test]
async fn a_slow_line_is_late_and_loses_nothing() {
    let (served, meddler) = live(Stage::set()).await;
    let seen = Arc::new(AtomicUsize::new(0));
    let (counted, url) = (Arc::clone(&seen), served.stage.world.url().to_owned());
    meddler.rule(move |path| {
        on_the_stream(path, |after| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_secs(2));
            events(&fetch(&url, after))
        })
    });
    crate::wire::eventually("a slow answer", async || {
        (seen.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    refuses_the_revoked(served).await;
}
