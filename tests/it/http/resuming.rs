//! Streams that break and go on.

use mcps_client::fetch::Fetch;
use mcps_core::code::Code;

use super::Host;
use super::host::SESSION;
use crate::wire::{call, result};

const PROGRESS: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;

#[tokio::test]
async fn a_stream_with_ids_is_taken_up_where_it_broke() {
    let mut host = Host::opened().await;
    let (asked, mut body) = host.ask(&call(1)).await;
    let mut events = asked.events("").await;
    events.text("id: e1\nretry: 10\ndata:\n\n").await;
    events
        .event_with("e2", &host.seal(&mut body, PROGRESS, false))
        .await;
    assert_eq!(host.connect.read().await, PROGRESS);
    // Cut without the end of the body, inside an event.
    events.text("id: e3\ndata: {").await;
    drop(events);

    let again = host.next().await;
    assert_eq!(again.method, "GET");
    assert_eq!(again.header("last-event-id"), Some("e2"));
    assert_eq!(again.header("mcp-session-id"), Some(SESSION));
    let (fetched, _) = host.read_fetch(&again).await;
    let fetch = Fetch::read(&fetched.message).unwrap();
    assert_eq!(fetch.last_event_id.as_deref(), Some("e2"));
    let mut events = again.events("").await;
    events
        .event_with("e3", &host.seal(&mut body, PROGRESS, false))
        .await;
    assert_eq!(host.connect.read().await, PROGRESS);
    // It ends in order this time, and still not with its answer.
    events.end().await;

    let again = host.next().await;
    assert_eq!(again.header("last-event-id"), Some("e3"));
    let mut events = again.events("").await;
    events
        .event_with("e4", &host.seal(&mut body, &result(1), true))
        .await;
    events.end().await;
    assert_eq!(host.connect.read().await, result(1));
    host.still_delivers(2).await;
}

#[tokio::test]
async fn a_server_may_be_asked_again_and_again_until_it_has_an_answer() {
    let mut host = Host::opened().await;
    let (asked, mut body) = host.ask(&call(1)).await;
    let mut events = asked.events("").await;
    events.text("id: 0\nretry: 10\ndata:\n\n").await;
    events.end().await;
    for turn in 0..8 {
        let again = host.next().await;
        let last = format!("{turn}");
        assert_eq!(again.header("last-event-id"), Some(last.as_str()));
        let mut events = again.events("").await;
        events.text(&format!("id: {}\ndata:\n\n", turn + 1)).await;
        events.end().await;
    }
    let again = host.next().await;
    let mut events = again.events("").await;
    events
        .event_with("9", &host.seal(&mut body, &result(1), true))
        .await;
    events.end().await;
    assert_eq!(host.connect.read().await, result(1));
}

#[tokio::test]
async fn what_is_left_out_of_a_resumed_stream_is_noticed() {
    let mut host = Host::opened().await;
    let (asked, mut body) = host.ask(&call(1)).await;
    let mut events = asked.events("").await;
    events.text("retry: 10\n\n").await;
    events
        .event_with("e1", &host.seal(&mut body, PROGRESS, false))
        .await;
    assert_eq!(host.connect.read().await, PROGRESS);
    drop(events);
    let again = host.next().await;
    let _lost = host.seal(&mut body, PROGRESS, false);
    let mut events = again.events("").await;
    events
        .event_with("e3", &host.seal(&mut body, &result(1), true))
        .await;
    assert_eq!(host.refused(1).await, Code::StreamBroken);
    events.closed().await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_taken_up_fails_its_call() {
    let mut host = Host::opened().await;
    // Without ids there is nothing to ask for.
    let (asked, mut body) = host.ask(&call(1)).await;
    let mut events = asked.events("").await;
    events.event(&host.seal(&mut body, PROGRESS, false)).await;
    assert_eq!(host.connect.read().await, PROGRESS);
    drop(events);
    assert_eq!(host.refused(1).await, Code::StreamBroken);

    // A server that does not resume says so.
    let (asked, mut body) = host.ask(&call(2)).await;
    let mut events = asked.events("").await;
    events.text("retry: 10\n\n").await;
    events
        .event_with("e1", &host.seal(&mut body, PROGRESS, false))
        .await;
    assert_eq!(host.connect.read().await, PROGRESS);
    drop(events);
    host.next().await.empty(405, "").await;
    assert_eq!(host.refused(2).await, Code::StreamBroken);
    host.still_delivers(100).await;
}

#[tokio::test]
async fn the_servers_own_stream_is_opened_again() {
    let mut host = Host::start().await;
    host.open(Some(SESSION)).await;
    host.ready().await;
    let standing = host.next().await;
    let (_, mut own) = host.read_fetch(&standing).await;
    let mut events = standing.events("").await;
    events.text("retry: 10\n\n").await;
    events
        .event_with("o1", &host.seal(&mut own, PROGRESS, false))
        .await;
    assert_eq!(host.connect.read().await, PROGRESS);
    drop(events);
    let again = host.next().await;
    assert_eq!(again.header("last-event-id"), Some("o1"));
    let mut events = again.events("").await;
    events
        .event_with("o2", &host.seal(&mut own, PROGRESS, true))
        .await;
    events.end().await;
    assert_eq!(host.connect.read().await, PROGRESS);
    // It was ended in order; the next is a stream of its own.
    let fresh = host.next().await;
    assert_eq!(fresh.header("last-event-id"), None);
    let (_, mut own) = host.read_fetch(&fresh).await;
    let mut events = fresh.events("").await;
    // Nothing is delivered from one that is not as the server made it.
    let lost = host.seal(&mut own, PROGRESS, false);
    let second = host.seal(&mut own, PROGRESS, false);
    events.event(&second).await;
    events.event(&lost).await;
    events.closed().await;
    host.next().await.empty(405, "").await;
    host.still_delivers(1).await;
}
