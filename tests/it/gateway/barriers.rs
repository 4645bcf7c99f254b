//! Calls that are released at one time: whatever the order in which they come, each is judged after those
//! that counted before it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mcps_core::code::Code;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::server::{Server, content, result, tool, usual};
use super::{Gate, at_most_five, call_with, over_http, read_key, send_mail};
use crate::listen::caller::Caller;
use crate::wire::{INITIALIZE, code_of};

/// Calls at a time.
const MANY: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_sent_that_was_asked_for_after_a_key_was_read_at_the_same_time() {
    let was_read = Arc::<AtomicBool>::default();
    let reads = Arc::clone(&was_read);
    let files = Server::saying(move |asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("read_file")]})),
        Some("tools/call") => {
            // What reaches a server was taken in before.
            reads.store(true, Ordering::SeqCst);
            content(asked, "a key")
        }
        _ => usual(asked),
    })
    .await;
    let mail = Server::with(&["send_mail"]).await;
    let config = format!(
        "[tenant.default]\n{}[server.tool.read_file]\nclass = [\"read\"]\n{}[server.tool.send_mail]\nclass = [\"send\"]\n",
        over_http("files", &files),
        over_http("mail", &mail)
    );
    let gate = Gate::open(&config).await;
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    caller.open_session().await;
    caller
        .ask(r#"{"jsonrpc":"2.0","id":999,"method":"tools/list"}"#)
        .await;
    let (caller, barrier) = (Arc::new(caller), Arc::new(Barrier::new(MANY)));
    let mut calls = JoinSet::new();
    for id in 0..u32::try_from(MANY).unwrap() {
        let (caller, barrier) = (Arc::clone(&caller), Arc::clone(&barrier));
        let was_read = Arc::clone(&was_read);
        calls.spawn(async move {
            barrier.wait().await;
            let mut sent = Vec::new();
            if id % 2 == 0 {
                let told = caller.ask(&read_key(id, "files__read_file")).await;
                assert!(told[0].contains("a key"), "{told:?}");
            }
            for turn in 0..3 {
                let late = was_read.load(Ordering::SeqCst);
                let send = send_mail(1000 + id * 10 + turn, "mail__send_mail");
                let told = caller.ask(&send).await.remove(0);
                sent.push((late, told));
            }
            sent
        });
    }
    let sent = calls.join_all().await.concat();
    let gone = sent.iter().filter(|(_, told)| told.contains("send_mail("));
    assert_eq!(gone.count(), mail.seen("tools/call").len());
    let late: Vec<_> = sent.iter().filter(|(late, _)| *late).collect();
    assert!(late.len() >= MANY / 2 * 3, "whoever read sends after it");
    for (_, told) in late {
        assert_eq!(code_of(told), Some(Code::Denied), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_callers_of_a_tenant_do_not_slip_past_its_count_together() {
    let server = Server::with(&["look"]).await;
    let config = format!(
        "[tenant.default]\npolicy = [\"count.toml\"]\n{}",
        over_http("files", &server)
    );
    let stage = crate::wire::Stage::set();
    let count = at_most_five("tenant");
    fs::write(stage.world.dir().join("count.toml"), count).unwrap();
    let second = stage.world.enrol("agent", "second", 2);
    let gate = Gate::open_on(stage, &config).await;
    let homes = [&gate.stage.agent, &second];
    let mut callers = homes.map(|home| Caller::of(home, &gate.at("files")));
    for caller in &mut callers {
        caller.open_session().await;
        let told = caller.ask(&call_with(999, "look", &json!({}))).await;
        assert!(told[0].contains("look("), "{told:?}");
    }
    let (callers, barrier) = (callers.map(Arc::new), Arc::new(Barrier::new(MANY)));
    let mut calls = JoinSet::new();
    for (id, caller) in (0..u32::try_from(MANY).unwrap()).zip(callers.iter().cycle()) {
        let (caller, barrier) = (Arc::clone(caller), Arc::clone(&barrier));
        calls.spawn(async move {
            barrier.wait().await;
            let told = caller.ask(&call_with(id, "look", &json!({}))).await;
            told.into_iter().next().unwrap()
        });
    }
    let told = calls.join_all().await;
    let passed = told.iter().filter(|told| told.contains("look(")).count();
    assert_eq!((passed, server.seen("tools/call").len()), (3, 5));
    let denied = told
        .iter()
        .filter(|told| code_of(told) == Some(Code::Denied));
    assert_eq!(denied.count(), MANY - 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sessions_that_are_begun_at_once_there_are_as_many_as_may_be() {
    let server = Server::with(&["look"]).await;
    let config = format!(
        "max_sessions_per_caller = 4\n[tenant.default]\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let barrier = Arc::new(Barrier::new(MANY));
    let mut calls = JoinSet::new();
    for _ in 0..MANY {
        let (caller, barrier) = (gate.caller("files"), Arc::clone(&barrier));
        calls.spawn(async move {
            barrier.wait().await;
            caller.refused(INITIALIZE).await
        });
    }
    let told = calls.join_all().await;
    let begun = told.iter().filter(|(status, _)| status.is_success());
    assert_eq!(
        (begun.count(), server.seen("initialize").len()),
        (4, 4),
        "{told:?}"
    );
    let stranger = gate.stage.world.enrol("agent", "second", 2);
    let (status, _) = Caller::of(&stranger, &gate.at("files"))
        .refused(INITIALIZE)
        .await;
    assert!(status.is_success(), "{status}: they are one caller's alone");
}
