//! A client that gives up on a request, as each era says.

use super::Host;
use crate::wire::{call, result};

const CANCEL: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;

#[tokio::test]
async fn until_2025_11_25_the_server_is_told_and_may_answer_all_the_same() {
    let mut host = Host::opened().await;
    let (first, mut body) = host.ask(&call(1)).await;
    let (cancelled, _) = host.ask(CANCEL).await;
    cancelled.empty(202, "").await;
    first
        .json(200, "", &host.seal(&mut body, &result(1), true))
        .await;
    assert_eq!(host.connect.read().await, result(1));

    // One that ends without an answer is nothing to tell the client of.
    let (second, _) = host.ask(&call(2)).await;
    let (cancelled, _) = host.ask(&CANCEL.replace(":1}", ":2}")).await;
    cancelled.empty(202, "").await;
    second.events("").await.end().await;
    host.still_delivers(3).await;
}

#[tokio::test]
async fn since_2026_07_28_its_response_is_closed_and_nothing_is_sent() {
    let mut host = Host::start().await;
    host.open(None).await;
    let modern = call(1).replacen(
        r#""params":{"#,
        r#""params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"#,
        1,
    );
    let (asked, mut body) = host.ask(&modern).await;
    let mut events = asked.events("").await;
    events.text(": alive\n\n").await;
    host.connect.write(CANCEL).await;
    let late = host.seal(&mut body, &result(1), true);
    events.closed().await;
    drop(late);

    // The same while nothing was answered yet.
    let (asked, _) = host.ask(&modern.replace("\"id\":1", "\"id\":2")).await;
    host.connect.write(&CANCEL.replace(":1}", ":2}")).await;
    let events = asked.events("").await;
    events.closed().await;
    // What is asked next is the next that the server hears.
    host.still_delivers(3).await;
}
