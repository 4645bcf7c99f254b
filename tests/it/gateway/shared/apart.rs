//! Gateways that shared, and work by themselves for a while.

use std::fs;
use std::path::Path;

use mcps_core::code::Code;
use mcps_core::message::Message;
use reqwest::StatusCode;

use super::super::redis::Redis;
use super::super::server::Server;
use super::super::{Gate, approving, over_http};
use super::{Office, Other, begin, plain_send, read, send, urls};
use crate::listen::caller::Caller;
use crate::wire::{INITIALIZE, Stage, code_of, eventually};

/// For a gateway that is not to wait until what it may not know of is too old.
fn a_minute_passes(home: &Path) {
    fs::write(home.join("accepted-until"), "2026-01-01T00:00:00Z").unwrap();
}

/// Has the second gateway share, or not.
async fn restart(office: &mut Office, config: &str) {
    let file = office.gate.stage.world.dir().join("gateway.toml");
    fs::write(file, config).unwrap();
    office.other.restart(&office.gate).await;
}

/// The configurations of gateways that share and that do not.
fn configs(office: &Office) -> [String; 2] {
    let dir = office.gate.stage.world.dir();
    let shared = fs::read_to_string(dir.join("gateway.toml")).unwrap();
    let alone = shared.replace(&office.redis.table(dir), "");
    assert_ne!(shared, alone);
    [shared, alone]
}

#[tokio::test]
async fn what_a_gateway_took_by_itself_no_other_takes_when_it_shares_again() {
    let mut office = Office::open(Redis::forgetful()).await;
    let [shared, alone] = configs(&office);
    restart(&mut office, &alone).await;
    a_minute_passes(&office.other.home);
    restart(&mut office, &alone).await;
    let [one, other] = urls(&office).map(|url| Caller::of(&office.gate.stage.agent, url));
    let (text, _) = one
        .link
        .seal_post(Message::parse(INITIALIZE).unwrap(), None)
        .unwrap();
    let taken = other.post(text.clone()).await;
    assert_eq!(taken.status(), StatusCode::OK);
    restart(&mut office, &shared).await;
    let said = one.post(text).await.text().await.unwrap();
    assert_eq!(code_of(&said), Some(Code::OutOfWindow), "{said}");
    // What is signed later both take, and after an ordinary start at once.
    eventually("messages are taken again", async || {
        let (_, code) = begin(&office, &office.gate.url).await;
        code.is_none().then_some(())
    })
    .await;
    office.other.restart(&office.gate).await;
    let begun = begin(&office, &office.other.url).await;
    assert_eq!(begun, (StatusCode::OK, None));
}

#[tokio::test]
async fn what_others_took_is_not_taken_by_one_that_shares_no_more() {
    let mut office = Office::open(Redis::forgetful()).await;
    let [_, alone] = configs(&office);
    let [one, _] = urls(&office).map(|url| Caller::of(&office.gate.stage.agent, url));
    let (text, _) = one
        .link
        .seal_post(Message::parse(INITIALIZE).unwrap(), None)
        .unwrap();
    assert_eq!(one.post(text.clone()).await.status(), StatusCode::OK);
    restart(&mut office, &alone).await;
    let other = Caller::of(&office.gate.stage.agent, &office.other.url);
    for restarts in 0..2 {
        if restarts > 0 {
            restart(&mut office, &alone).await;
        }
        let said = other.post(text.clone()).await.text().await.unwrap();
        assert_eq!(code_of(&said), Some(Code::OutOfWindow), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_of_what_one_did_by_itself_counts_as_lost_for_all() {
    let mut office = Office::open(Redis::forgetful()).await;
    let [shared, alone] = configs(&office);
    restart(&mut office, &alone).await;
    // Refused, since nobody knows what was shared; and written down.
    let said = plain_send(&office.other.url).await;
    assert_eq!(code_of(&said), Some(Code::Denied), "{said}");
    let histories = office.other.home.join("histories");
    let mut bytes = fs::read(&histories).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&histories, bytes).unwrap();
    let said = plain_send(&office.gate.url).await;
    assert!(said.contains("send_mail("), "{said}");
    // While Redis cannot be had it does not start, and that is not forgotten meanwhile.
    office.other.process.kill().await;
    let world = &office.gate.stage.world;
    fs::write(world.dir().join("gateway.toml"), &shared).unwrap();
    fs::write(world.dir().join("redis-password"), "wrong").unwrap();
    let mut program = world.program("mcps-gateway");
    program.arg("--home").arg(&office.other.home).arg("serve");
    program
        .arg("--config")
        .arg(world.dir().join("gateway.toml"));
    let started = program.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!started.status.success());
    office.redis.table(world.dir());
    let (home, url) = (&office.other.home, &office.other.url);
    office.other.process = Other::start(&office.gate, home, url).await;
    let said = plain_send(&office.gate.url).await;
    assert_eq!(code_of(&said), Some(Code::Denied), "{said}");
    let words = office.gate.process.words();
    assert!(words.contains("the shared state was lost"), "{words}");
}

#[tokio::test]
async fn who_shares_no_more_knows_of_nobody_what_they_did_meanwhile() {
    let files = Server::with(&["read_file"]).await;
    let mail = Server::with(&["send_mail"]).await;
    let redis = Redis::durable();
    let stage = Stage::set();
    let file = stage.world.dir().join("gateway.toml");
    let table = redis.table(stage.world.dir());
    let alone = format!(
        "[tenant.default]\n{}[server.tool.read_file]\nclass = [\"read\"]\n{}[server.tool.send_mail]\nclass = [\"send\"]\n",
        over_http("files", &files),
        over_http("mail", &mail)
    );
    let alone = approving(&alone);
    let mut gate = Gate::open_on(stage, &alone).await;
    let session = async |gate: &Gate| {
        eventually("the gateway takes messages again", async || {
            let (_, code) = gate.caller("mail").refused(INITIALIZE).await;
            code.is_none().then_some(())
        })
        .await;
        let mut caller = Caller::of(&gate.stage.agent, &gate.url);
        caller.open_session().await;
        caller
    };
    // By itself it has a history of the agent in which nothing is wrong.
    let caller = session(&gate).await;
    assert!(caller.ask(&send(1)).await[0].contains("send_mail("));
    fs::write(&file, format!("{table}{alone}")).unwrap();
    gate.restart().await;
    let caller = session(&gate).await;
    assert!(caller.ask(&read(2)).await[0].contains("read_file("));
    fs::write(&file, &alone).unwrap();
    gate.restart().await;
    a_minute_passes(&gate.home);
    gate.restart().await;
    let caller = session(&gate).await;
    let told = caller.ask(&send(3)).await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    assert_eq!(mail.seen("tools/call").len(), 1);
}
