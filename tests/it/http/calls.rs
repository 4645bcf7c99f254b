//! What works: both kinds of answer, both directions, both eras.

use std::time::Duration;

use mcps_client::fetch::Fetch;
use serde_json::Value;

use super::Host;
use super::host::{READY, SESSION, announced};
use crate::wire::{INITIALIZE, INITIALIZED, call, result};

const PROGRESS: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
const SAMPLING: &str =
    r#"{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"n":1.0}}"#;
const SAMPLED: &str = r#"{"jsonrpc":"2.0","id":"s1","result":{"role":"assistant"}}"#;

#[tokio::test]
async fn a_session_from_its_opening_to_its_end() {
    let mut host = Host::start().await;
    host.open(Some(SESSION)).await;
    host.ready().await;
    let standing = host.next().await;
    assert_eq!(standing.method, "GET");
    assert_eq!(standing.header("mcp-session-id"), Some(SESSION));
    assert_eq!(standing.header("mcp-protocol-version"), Some("2025-11-25"));
    let (fetched, mut own) = host.read_fetch(&standing).await;
    let fetch = Fetch {
        method: "GET".to_owned(),
        session: SESSION.to_owned(),
        last_event_id: None,
    };
    assert_eq!(Fetch::read(&fetched.message), Some(fetch));
    let mut own_events = standing.events("").await;

    // One call is answered in JSON, the next with events that come before its answer.
    let (asked, mut body) = host.ask(&call(1)).await;
    assert_eq!(asked.header("mcp-session-id"), Some(SESSION));
    assert_eq!(asked.header("mcp-protocol-version"), Some("2025-11-25"));
    assert_eq!(asked.header("mcp-method"), None);
    asked
        .json(200, "", &host.seal(&mut body, &result(1), true))
        .await;
    assert_eq!(host.connect.read().await, result(1));
    let (asked, mut body) = host.ask(&call(2)).await;
    let mut events = asked.events("").await;
    events.text(": alive\n\n").await;
    events.event(&host.seal(&mut body, PROGRESS, false)).await;
    assert_eq!(host.connect.read().await, PROGRESS);

    // The server asks on the way, and the client answers with a message of its own.
    events.event(&host.seal(&mut body, SAMPLING, false)).await;
    assert_eq!(host.connect.read().await, SAMPLING);
    let (answered, _) = host.ask(SAMPLED).await;
    answered.empty(202, "").await;

    // Meanwhile the server says something unasked, and asks.
    own_events
        .event(&host.seal(&mut own, PROGRESS, false))
        .await;
    assert_eq!(host.connect.read().await, PROGRESS);
    let again = SAMPLING.replace("s1", "s2");
    own_events.event(&host.seal(&mut own, &again, false)).await;
    assert_eq!(host.connect.read().await, again);
    let (answered, _) = host.ask(&SAMPLED.replace("s1", "s2")).await;
    answered.empty(202, "").await;

    events.event(&host.seal(&mut body, &result(2), true)).await;
    events.end().await;
    assert_eq!(host.connect.read().await, result(2));

    host.connect.close_input();
    let ended = host.next().await;
    assert_eq!(ended.method, "DELETE");
    assert_eq!(ended.header("mcp-session-id"), Some(SESSION));
    let (fetched, _) = host.read_fetch(&ended).await;
    let fetch = Fetch::read(&fetched.message).unwrap();
    assert_eq!([fetch.method, fetch.session], ["DELETE", SESSION]);
    ended.empty(200, "").await;
    assert_eq!(host.connect.exit().await, 0, "{}", host.connect.words());
}

#[tokio::test]
async fn calls_are_answered_side_by_side_and_in_any_order() {
    let mut host = Host::opened().await;
    let mut waiting = Vec::new();
    for id in 1..=8 {
        waiting.push((id, host.ask(&call(id)).await));
    }
    for (id, (asked, mut body)) in waiting.into_iter().rev() {
        asked
            .json(200, "", &host.seal(&mut body, &result(id), true))
            .await;
        assert_eq!(host.connect.read().await, result(id));
    }
}

#[tokio::test]
async fn what_follows_a_notification_waits_until_that_was_accepted() {
    let mut host = Host::start().await;
    host.open(None).await;
    host.connect.write(READY).await;
    host.connect.write(&call(1)).await;
    let notified = host.next().await;
    host.read(&notified).await;
    assert!(host.nobody_asks(Duration::from_millis(300)).await);
    notified.empty(202, "").await;
    // The call, and the question for the server's own stream, in whichever order.
    let mut methods = Vec::new();
    for _ in 0..2 {
        let asked = host.next().await;
        methods.push(asked.method.clone());
        if asked.method == "GET" {
            asked.empty(405, "").await;
        } else {
            let (_, mut body) = host.read(&asked).await;
            asked
                .json(200, "", &host.seal(&mut body, &result(1), true))
                .await;
        }
    }
    methods.sort();
    assert_eq!(methods, ["GET", "POST"]);
    assert_eq!(host.connect.read().await, result(1));
}

#[tokio::test]
async fn what_is_written_before_the_opening_is_answered_waits_for_its_session() {
    let mut host = Host::start().await;
    host.connect.write(INITIALIZE).await;
    host.connect.write(&call(1)).await;
    let asked = host.next().await;
    let (_, mut body) = host.read(&asked).await;
    let session = format!("Mcp-Session-Id: {SESSION}\r\n");
    let mut events = asked.events(&session).await;
    // By now the server is known, but not the session.
    events.event(&host.seal(&mut body, PROGRESS, false)).await;
    assert_eq!(host.connect.read().await, PROGRESS);
    events
        .event(&host.seal(&mut body, &announced(), true))
        .await;
    events.end().await;
    assert_eq!(host.connect.read().await, INITIALIZED);
    let asked = host.next().await;
    assert_eq!(asked.header("mcp-session-id"), Some(SESSION));
    let (_, mut body) = host.read(&asked).await;
    asked
        .json(200, "", &host.seal(&mut body, &result(1), true))
        .await;
    assert_eq!(host.connect.read().await, result(1));
}

fn modern(text: &str) -> String {
    let meta = r#""params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"#;
    let text = text.replacen(r#""params":{"#, meta, 1);
    text.replace(",}", "}")
}

#[tokio::test]
async fn a_modern_client_needs_no_opening_and_its_headers_mirror_its_messages() {
    let mut host = Host::start().await;
    let listing = modern(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#);
    host.connect.write(&listing).await;
    // Nothing of the client's leaves before the server has proven itself.
    let probe = host.next().await;
    let (opened, mut body) = host.read(&probe).await;
    assert_eq!(opened.message.method().unwrap(), "server/discover");
    assert_eq!(probe.header("mcp-method"), Some("server/discover"));
    assert_eq!(probe.header("mcp-protocol-version"), Some("2026-07-28"));
    let id = opened.message.id().unwrap().clone();
    let refused = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"Method not found"}}}}"#
    );
    probe
        .json(404, "", &host.seal(&mut body, &refused, true))
        .await;

    let asked = host.next().await;
    let (opened, mut body) = host.read(&asked).await;
    assert!(opened.message.text().contains("dev.mcps/signing"));
    assert_eq!(asked.header("mcp-method"), Some("tools/list"));
    assert_eq!(asked.header("mcp-name"), None);
    assert_eq!(asked.header("mcp-session-id"), None);
    let tools = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"note","inputSchema":{"type":"object","properties":{"n":{"type":"number","x-mcp-header":"Count"}}}}]}}"#;
    let home = mcps_client::home::Home::new(&host.stage.server);
    let signed = mcps_client::tools::sign_list(
        mcps_core::message::Message::parse(tools).unwrap(),
        &home.passport().unwrap(),
        &home.key().unwrap(),
        mcps_core::clock::Clock::now(&mcps_core::clock::SystemClock),
    )
    .unwrap();
    let answer = host.seal(&mut body, signed.text(), true);
    asked.json(200, "", &answer).await;
    assert_eq!(host.connect.read().await, tools);

    host.connect.write(&modern(&call(2))).await;
    let asked = host.next().await;
    let (_, mut body) = host.read(&asked).await;
    assert_eq!(asked.header("mcp-method"), Some("tools/call"));
    assert_eq!(asked.header("mcp-name"), Some("note"));
    assert_eq!(asked.header("mcp-param-count"), Some("1.50"));
    // Line ends between tokens do not survive, so that it stays one line.
    let sealed = host.seal(&mut body, &result(2), true);
    asked.json(200, "", &sealed.replacen('{', "{\r\n", 1)).await;
    let line = host.connect.read().await;
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told, serde_json::from_str::<Value>(&result(2)).unwrap());

    // There is nothing to end.
    host.connect.close_input();
    assert_eq!(host.connect.exit().await, 0);
}
