//! What is held against the server, as over pipes: its passport, its tools, what it said before.

use mcps_client::home::Home;
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::code::Code;
use mcps_core::message::Message;

use super::Host;
use crate::wire::{call, code_of};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"note","description":"Keeps a note.","inputSchema":{"type":"object"}}]}}"#;

fn signed(host: &Host, list: &str) -> String {
    let home = Home::new(&host.stage.server);
    let list = mcps_client::tools::sign_list(
        Message::parse(list).unwrap(),
        &home.passport().unwrap(),
        &home.key().unwrap(),
        SystemClock.now(),
    );
    list.unwrap().into_text()
}

#[tokio::test]
async fn a_tool_that_changed_is_withheld_and_not_called() {
    let mut host = Host::opened().await;
    let (asked, mut body) = host.ask(LIST).await;
    let answer = host.seal(&mut body, &signed(&host, TOOLS), true);
    asked.json(200, "", &answer).await;
    assert_eq!(host.connect.read().await, TOOLS);
    host.still_delivers(2).await;

    let (asked, mut body) = host.ask(&LIST.replace(":1,", ":3,")).await;
    let other = TOOLS.replace(":1,", ":3,").replace("Keeps", "Sells");
    let answer = host.seal(&mut body, &signed(&host, &other), true);
    asked.json(200, "", &answer).await;
    let told = host.connect.read().await;
    assert_eq!(told, r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[]}}"#);
    let refused = host.connect.refuses(&call(4)).await;
    assert_eq!(refused, Code::ToolIntegrity);

    // The call was not sent, and the tool stays withheld however it looks now.
    let (asked, mut body) = host.ask(&LIST.replace(":1,", ":5,")).await;
    let back = TOOLS.replace(":1,", ":5,");
    let answer = host.seal(&mut body, &signed(&host, &back), true);
    asked.json(200, "", &answer).await;
    assert_eq!(host.connect.read().await, told.replace(":3,", ":5,"));
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_that_was_revoked() {
    let mut host = Host::opened().await;
    host.still_delivers(1).await;
    let (waiting, mut body) = host.ask(&call(2)).await;
    host.stage.revoke(&host.stage.server);
    let refused = host.connect.refuses(&call(3)).await;
    assert_eq!(refused, Code::PassportRevoked);
    // Nor is what it still says believed.
    let answer = host.seal(&mut body, &crate::wire::result(2), true);
    waiting.json(200, "", &answer).await;
    assert_eq!(host.refused(2).await, Code::PassportRevoked);
}

#[tokio::test]
async fn an_opening_without_the_announcement_is_refused() {
    let mut host = Host::start().await;
    host.connect.write(crate::wire::INITIALIZE).await;
    let asked = host.next().await;
    let (_, mut body) = host.read(&asked).await;
    let silent = host.seal(&mut body, crate::wire::INITIALIZED, true);
    asked.json(200, "", &silent).await;
    assert_eq!(host.refused(0).await, Code::NoMutualVersion);
}

#[tokio::test]
async fn the_server_is_told_of_an_answer_that_cannot_be_sent() {
    let mut host = Host::opened().await;
    let (asked, mut body) = host.ask(&call(1)).await;
    let mut events = asked.events("").await;
    let question = r#"{"jsonrpc":"2.0","id":"s","method":"roots/list"}"#;
    events.event(&host.seal(&mut body, question, false)).await;
    assert_eq!(host.connect.read().await, question);
    let wrong = r#"{"jsonrpc":"2.0","id":"s","result":{"roots":[],"roots":[]}}"#;
    host.connect.write(wrong).await;
    let told = host.next().await;
    let (opened, _) = host.read(&told).await;
    assert_eq!(code_of(opened.message.text()), Some(Code::Malformed));
    told.empty(202, "").await;
    events
        .event(&host.seal(&mut body, &crate::wire::result(1), true))
        .await;
    events.end().await;
    assert_eq!(host.connect.read().await, crate::wire::result(1));
}

#[tokio::test]
async fn a_server_that_accepts_nothing_holds_up_only_so_long() {
    let mut host = Host::opened().await;
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    let (slow, _) = host.ask(notice).await;
    host.still_delivers(1).await;
    slow.empty(202, "").await;
    host.still_delivers(2).await;
}
