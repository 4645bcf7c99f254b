//! What is changed, doubled or led astray on its way to the server.

use std::path::Path;

use mcps_core::code::Code;

use super::proxy::{Letter, Proxy};
use super::scene::{free_address, listening};
use super::{Client, Scene, asking};
use crate::wire::{Puppet, code_of, result};

/// A request of 2026-07-28.
fn modern(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}},"name":"note","arguments":{{}}}}}}"#
    )
}

/// One more call of 2026-07-28 passes untouched, the next thing that the server and the client see.
async fn still_works_statelessly(client: &mut Client, id: u32) {
    client.connect.write(&modern(id)).await;
    let asked = client.proxy.next().await;
    let sent = client.proxy.forward(&asked);
    assert_eq!(client.behind.read().await, modern(id));
    client.behind.write(&result(id)).await;
    let answer = sent.reply().await.document().await;
    asked.json(200, "", &answer).await;
    assert_eq!(client.connect.read().await, result(id));
}

#[tokio::test]
async fn a_header_that_was_changed_is_refused_before_the_server_sees_the_request() {
    let mut scene = Scene::set().await;
    let mut client = scene.client();
    client.connect.write(&modern(1)).await;
    // The client's end asks who is there before anything of the client's leaves.
    let probe = client.proxy.next().await;
    let sent = client.proxy.forward(&probe);
    let discover: serde_json::Value = serde_json::from_str(&client.behind.read().await).unwrap();
    assert_eq!(discover["method"], "server/discover");
    let unknown = format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":"Method not found"}}}}"#,
        discover["id"]
    );
    client.behind.write(&unknown).await;
    let reply = sent.reply().await;
    let status = reply.status().as_u16();
    probe.json(status, "", &reply.document().await).await;

    let mut asked = client.proxy.next().await;
    for (id, header, other) in [
        (1, "mcp-name", "another"),
        (2, "mcp-method", "tools/list"),
        (3, "mcp-protocol-version", "2025-11-25"),
    ] {
        let mut letter = Letter::of(&asked);
        letter.set(header, other);
        let reply = client.proxy.send(letter).reply().await;
        assert_eq!(reply.status(), 400, "{header}");
        asked.json(400, "", &reply.document().await).await;
        let line = client.connect.read().await;
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["id"], id, "{line}");
        assert_eq!(told["error"]["code"], -32020, "{line}");
        client.connect.write(&modern(id + 1)).await;
        asked = client.proxy.next().await;
    }
    // It is the first that the server sees.
    let sent = client.proxy.forward(&asked);
    assert_eq!(client.behind.read().await, modern(4));
    client.behind.write(&result(4)).await;
    asked
        .json(200, "", &sent.reply().await.document().await)
        .await;
    assert_eq!(client.connect.read().await, result(4));
    still_works_statelessly(&mut client, 5).await;
}

#[tokio::test]
async fn a_request_that_was_changed_is_refused_and_does_not_reach_the_server() {
    let (_scene, mut client) = Scene::opened().await;
    client.connect.write(&asking(1)).await;
    let asked = client.proxy.next().await;
    let mut letter = Letter::of(&asked);
    let body = String::from_utf8(letter.body).unwrap();
    letter.body = crate::wire::changed(&body, r#""name":"note""#, r#""name":"nope""#).into();
    let reply = client.proxy.send(letter).reply().await;
    let status = reply.status().as_u16();
    assert_eq!(status, 401);
    asked.json(status, "", &reply.document().await).await;
    assert_eq!(client.refused(1).await, Code::InvalidSignature);
    client.still_works().await;
}

#[tokio::test]
async fn a_request_that_is_delivered_twice_is_served_once() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, sent) = client.ask(1).await;
    let again = client.proxy.forward(&asked).reply().await;
    assert_eq!(again.status(), 409);
    let refusal = again.document().await;
    assert_eq!(code_of(&refusal), Some(Code::Replayed));
    client.behind.write(&result(1)).await;
    let e = sent.reply().await.events().await;
    let stream = client.play(asked, &[&e[0], &e[1]]).await;
    stream.end().await;
    assert_eq!(client.connect.read().await, result(1));
    // The refusal of the copy in place of the answer is the wrapper's word too.
    let (asked, _kept) = client.ask(2).await;
    let again = client.proxy.forward(&asked).reply().await;
    asked.json(409, "", &again.document().await).await;
    assert_eq!(client.refused(2).await, Code::Replayed);
    client.behind.write(&result(2)).await;
    client.still_works().await;
}

#[tokio::test]
async fn a_request_that_is_led_to_another_wrapper_is_refused_there() {
    let (scene, mut client) = Scene::opened().await;
    let stage = &scene.stage;
    let home = stage.world.enrol("server", "other", 2);
    let address = free_address().await;
    let url = format!("http://{address}/mcp");
    // Its own proxy is never asked; it only gives it another name.
    let name = Proxy::bind(url.clone()).await.url();
    let behind = [Puppet::new(&stage.world)];
    let _other = listening(stage, &home, &address, &name, &behind).await;
    client.connect.write(&asking(1)).await;
    let asked = client.proxy.next().await;
    let mut letter = Letter::of(&asked);
    letter.set("host", name.split('/').nth(2).unwrap());
    // It knows nothing of the session, so the wrapper gets it without.
    letter.headers.retain(|(name, _)| name != "mcp-session-id");
    let reply = client.proxy.send_to(&url, letter).reply().await;
    let status = reply.status().as_u16();
    let refusal = reply.document().await;
    assert_eq!(
        (status, code_of(&refusal)),
        (403, Some(Code::WrongAudience))
    );
    asked.json(status, "", &refusal).await;
    // It does not know whom it refuses, so that its refusal is addressed to nobody in particular.
    assert_eq!(client.refused(1).await, Code::WrongAudience);
    client.still_works().await;
    // Nor was a server started for it.
    assert!(!Path::new(&behind[0].command()[3]).join("taken").exists());
}
