//! Somebody between the two ends changes what a response is made of.

use mcps_core::code::Code;

use super::Host;
use crate::wire::{call, changed, result};

const PROGRESS: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;

/// What reaches the client of the three messages of a response, by their numbers.
struct Case {
    order: &'static [usize],
    delivered: usize,
    code: Code,
}

#[tokio::test]
async fn a_response_that_was_cut_lengthened_or_reordered_is_refused_from_there_on() {
    let cases = [
        // Cut at the start, inside and at the end.
        Case {
            order: &[1, 2],
            delivered: 0,
            code: Code::StreamBroken,
        },
        Case {
            order: &[0, 2],
            delivered: 1,
            code: Code::StreamBroken,
        },
        Case {
            order: &[0, 1],
            delivered: 2,
            code: Code::StreamBroken,
        },
        Case {
            order: &[],
            delivered: 0,
            code: Code::StreamBroken,
        },
        Case {
            order: &[1, 0, 2],
            delivered: 0,
            code: Code::StreamBroken,
        },
        Case {
            order: &[0, 0, 1, 2],
            delivered: 1,
            code: Code::Replayed,
        },
    ];
    let mut host = Host::opened().await;
    for (id, case) in (1..).zip(cases) {
        let (asked, mut body) = host.ask(&call(id)).await;
        let messages = [
            host.seal(&mut body, PROGRESS, false),
            host.seal(&mut body, PROGRESS, false),
            host.seal(&mut body, &result(id), true),
        ];
        let mut events = asked.events("").await;
        for index in case.order {
            events.event(&messages[*index]).await;
        }
        events.end().await;
        for _ in 0..case.delivered {
            assert_eq!(host.connect.read().await, PROGRESS);
        }
        assert_eq!(host.refused(id).await, case.code, "{:?}", case.order);
    }
    // Others are not affected.
    host.still_delivers(100).await;
}

#[tokio::test]
async fn what_was_changed_or_made_up_is_refused_and_nothing_follows_it() {
    let mut host = Host::opened().await;
    let (asked, mut body) = host.ask(&call(1)).await;
    let forged = changed(
        &host.seal(&mut body, PROGRESS, false),
        "\"data\":1",
        "\"data\":2",
    );
    let answer = host.seal(&mut body, &result(1), true);
    let mut events = asked.events("").await;
    events.event(&forged).await;
    events.event(&answer).await;
    assert_eq!(host.refused(1).await, Code::InvalidSignature);
    events.closed().await;

    let (asked, mut body) = host.ask(&call(2)).await;
    let mut events = asked.events("").await;
    events.event(PROGRESS).await;
    events.event(&host.seal(&mut body, &result(2), true)).await;
    assert_eq!(host.refused(2).await, Code::SignatureRequired);
    events.closed().await;

    let (asked, _) = host.ask(&call(3)).await;
    let mut events = asked.events("").await;
    events.event("{\"jsonrpc\":\"2.0\",\"jsonrpc\":1}").await;
    assert_eq!(host.refused(3).await, Code::Malformed);
    events.closed().await;
    host.still_delivers(100).await;
}

#[tokio::test]
async fn a_response_is_good_for_its_own_request_alone() {
    let mut host = Host::opened().await;
    let (one, mut one_body) = host.ask(&call(1)).await;
    let (two, mut two_body) = host.ask(&call(2)).await;
    let for_one = host.seal(&mut one_body, &result(1), true);
    let for_two = host.seal(&mut two_body, &result(2), true);
    one.json(200, "", &for_two).await;
    assert_eq!(host.refused(1).await, Code::NotBound);
    two.json(200, "", &for_one).await;
    // The first was spent already where it was put in... or names another request: not its own.
    assert_eq!(host.refused(2).await, Code::NotBound);

    // Nor may its body be kept and answered with later.
    let (asked, mut body) = host.ask(&call(3)).await;
    let old = host.seal(&mut body, &result(3), true);
    asked.json(200, "", &old).await;
    assert_eq!(host.connect.read().await, result(3));
    let (asked, _) = host.ask(&call(4)).await;
    asked.json(200, "", &old).await;
    let code = host.refused(4).await;
    assert!(matches!(code, Code::Replayed | Code::NotBound), "{code:?}");
    host.still_delivers(100).await;
}

#[tokio::test]
async fn an_answer_may_not_be_swallowed() {
    let mut host = Host::opened().await;
    let (asked, _) = host.ask(&call(1)).await;
    asked.empty(202, "").await;
    assert_eq!(host.refused(1).await, Code::StreamBroken);
    // What comes after the last message is not delivered.
    let (asked, mut body) = host.ask(&call(2)).await;
    let answer = host.seal(&mut body, &result(2), true);
    let more = host.seal(&mut body, PROGRESS, false);
    let mut events = asked.events("").await;
    events.event(&answer).await;
    events.event(&more).await;
    assert_eq!(host.connect.read().await, result(2));
    events.closed().await;
    host.still_delivers(100).await;
}
