//! A Redis that forgot, and what takes its place.

use mcps_core::code::Code;
use mcps_core::message::Message;
use reqwest::StatusCode;

use super::super::redis::Redis;
use super::{Office, Other, begin, look, plain_send, read, send, urls};
use crate::listen::caller::Caller;
use crate::wire::{INITIALIZE, Process, code_of, eventually};

fn signal(process: &Process, name: &str) {
    let id = process.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &id])
        .status();
    assert!(sent.unwrap().success());
}

/// Has Redis do something with every history.
fn on_each_history(office: &Office, script: &str) -> String {
    let text = "for _, key in ipairs(redis.call('KEYS', 'mcps:h:*')) do SCRIPT end";
    let text = text.replace("SCRIPT", script);
    office.redis.say(&format!("EVAL \"{text}\" 0"))
}

#[tokio::test]
async fn a_redis_that_forgot_is_not_taken_for_one_in_which_nothing_happened() {
    let office = Office::open(Redis::forgetful()).await;
    let [one, other] = urls(&office).map(|url| Caller::of(&office.gate.stage.agent, url));
    let (text, _) = one
        .link
        .seal_post(Message::parse(INITIALIZE).unwrap(), None)
        .unwrap();
    assert_eq!(one.post(text.clone()).await.status(), StatusCode::OK);
    let said = plain_send(&office.gate.url).await;
    assert!(said.contains("send_mail("), "{said}");
    office.redis.say("FLUSHALL");

    // What was signed before may have been used before.
    let said = other.post(text).await.text().await.unwrap();
    assert_eq!(code_of(&said), Some(Code::OutOfWindow), "{said}");
    let (_, code) = begin(&office, &office.gate.url).await;
    assert_eq!(code, Some(Code::OutOfWindow));

    // And whoever does not sign may have read anything before.
    let said = plain_send(&office.other.url).await;
    assert_eq!(code_of(&said), Some(Code::Denied), "{said}");
    assert_eq!(office.mail.seen("tools/call").len(), 1);
    let words = office.other.process.words() + &office.gate.process.words();
    assert!(words.contains("the shared state was lost"), "{words}");
}

#[tokio::test]
async fn a_redis_that_fell_back_to_an_older_state_counts_as_one_that_forgot() {
    let mut office = Office::open(Redis::forgetful()).await;
    office.redis.say("SAVE");
    let [one, _] = office.callers().await;
    assert!(one.ask(&read(1)).await[0].contains("read_file("));
    office.redis.stop();
    office.redis.start();
    eventually("it is noticed", async || {
        let (_, code) = begin(&office, &office.gate.url).await;
        (code == Some(Code::OutOfWindow)).then_some(())
    })
    .await;
    assert!(
        office
            .gate
            .process
            .words()
            .contains("the shared state was lost")
    );
}

#[tokio::test]
async fn a_new_store_takes_nothing_that_was_signed_before_it() {
    let office = Office::open(Redis::empty()).await;
    for url in urls(&office) {
        let (_, code) = begin(&office, url).await;
        assert_eq!(code, Some(Code::OutOfWindow));
    }
    assert!(office.is_untouched());
    let words = office.gate.process.words();
    assert!(words.contains("the shared state is new"), "{words}");
    assert!(!office.other.process.words().contains("is new"));
    // Nothing is held against those who have no session to be known by.
    let said = plain_send(&office.other.url).await;
    assert!(said.contains("send_mail("), "{said}");
}

#[tokio::test]
async fn a_redis_that_forgot_is_noticed_though_a_gateway_that_is_new_asks_it_first() {
    let office = Office::open(Redis::forgetful()).await;
    let [one, _] = urls(&office).map(|url| Caller::of(&office.gate.stage.agent, url));
    let (text, _) = one
        .link
        .seal_post(Message::parse(INITIALIZE).unwrap(), None)
        .unwrap();
    assert_eq!(one.post(text.clone()).await.status(), StatusCode::OK);
    for process in [&office.gate.process, &office.other.process] {
        signal(process, "STOP");
    }
    office.redis.say("FLUSHALL");
    let new = Other::beside(&office.gate, "gateway-3").await;
    // What was used before is not used again there.
    let third = Caller::of(&office.gate.stage.agent, &new.url);
    let said = third.post(text).await.text().await.unwrap();
    assert_eq!(code_of(&said), Some(Code::OutOfWindow), "{said}");
    let words = new.process.words();
    assert!(words.contains("the shared state is new"), "{words}");
    for process in [&office.gate.process, &office.other.process] {
        signal(process, "CONT");
    }
    // The older ones notice, whether or not somebody calls, and it follows.
    eventually("everything is assumed", async || {
        let said = plain_send(&new.url).await;
        (code_of(&said) == Some(Code::Denied)).then_some(())
    })
    .await;
    eventually("all say so", async || {
        let words = office.gate.process.words() + &office.other.process.words();
        let said = words.matches("the shared state was lost").count();
        (said >= 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_history_that_is_another_under_the_same_number_is_not_written_over() {
    let office = Office::open(Redis::forgetful()).await;
    let [one, other] = office.callers().await;
    let each = |script: &str| on_each_history(&office, script);
    assert!(other.ask(&look(1)).await[0].contains("look("));
    each("redis.call('HSET', 'numbers', key, redis.call('GETRANGE', key, 32, 47))");
    assert!(one.ask(&read(2)).await[0].contains("read_file("));
    // As if a replica had taken over that did not have what the second wrote last, so that what the first
    // wrote then was counted as that was.
    let said = each(
        "local n = redis.call('HGET', 'numbers', key) if n then redis.call('SETRANGE', key, 32, n) end",
    );
    assert!(!said.contains("-ERR"), "{said}");
    let told = other.ask(&send(3)).await;
    assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    assert_eq!(office.mail.seen("tools/call").len(), 0);
}

#[tokio::test]
async fn a_history_is_kept_for_as_long_as_the_policies_of_any_gateway_ask() {
    let office = Office::open(Redis::forgetful()).await;
    let [one, other] = office.callers().await;
    assert!(other.ask(&look(1)).await[0].contains("look("));
    // As one would whose sequences reach back for a month.
    on_each_history(&office, "redis.call('PEXPIRE', key, 2592000000)");
    assert!(one.ask(&look(2)).await[0].contains("look("));
    let said = on_each_history(
        &office,
        "if redis.call('PTTL', key) > 2500000000 then redis.call('INCR', 'kept') end",
    );
    assert!(!said.contains("-ERR"), "{said}");
    // Each its session, and the caller and the tenant of both.
    let kept = office.redis.say("GET kept");
    assert!(kept.contains("\r\n4\r\n"), "{kept}");
}
