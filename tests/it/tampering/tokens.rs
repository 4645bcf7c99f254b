//! Access tokens that are put in, taken away or exchanged on the way.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use serde_json::Value;

use super::proxy::Letter;
use super::{Client, Scene, asking};
use crate::wire::Asked;
use crate::wire::code_of;

const NAME: &str = "authorization";
const TOKEN: &str = "token-of-the-agent";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A file with a token.
fn file(scene: &Scene) -> PathBuf {
    let path = scene.stage.world.dir().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    path
}

/// A client that has a token, before its first message.
fn tokened(scene: &mut Scene) -> Client {
    let path = file(scene);
    scene.client_with(&["--access-token-file", path.to_str().unwrap()])
}

/// What a message says of a token.
fn ath(text: &[u8]) -> Option<String> {
    let message: Value = serde_json::from_str(std::str::from_utf8(text).unwrap()).unwrap();
    let ath = &message["params"]["_meta"]["dev.mcps/envelope"]["ath"];
    ath.as_str().map(str::to_owned)
}

/// It came with that token, and is bound to it.
#[track_caller]
fn is_bound(asked: &Asked, token: &str) {
    assert_eq!(asked.header(NAME), Some(bearer(token).as_str()));
    let signed = match asked.header("mcps-envelope") {
        Some(envelope) => URL_SAFE_NO_PAD.decode(envelope).unwrap(),
        None => asked.body.clone(),
    };
    assert_eq!(ath(&signed), Some(Digest::of(token.as_bytes()).to_string()));
}

/// What is sent in place of a request: all `Authorization` that there is.
fn with(asked: &Asked, values: &[&str]) -> Letter {
    let mut letter = Letter::of(asked);
    letter.headers.retain(|(name, _)| name != NAME);
    let values = values.iter().map(|value| (*value).to_owned());
    letter
        .headers
        .extend(values.map(|value| (NAME.to_owned(), value)));
    letter
}

#[tokio::test]
async fn a_token_passes_untouched_with_everything_that_is_sent() {
    let mut scene = Scene::set().await;
    let mut client = tokened(&mut scene);
    let standing = client.begin().await;
    is_bound(&standing, TOKEN);
    let events = client.proxy.forward(&standing).reply().await;
    assert_eq!(events.status(), 200);
    standing.empty(405, "").await;
    let (asked, events) = client.recorded(1).await;
    is_bound(&asked, TOKEN);
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    client.play(asked, &events).await.end().await;
    client.hears(1).await;
    client.connect.close_input();
    let farewell = client.proxy.next().await;
    assert_eq!(farewell.method, "DELETE");
    is_bound(&farewell, TOKEN);
    let ended = client.proxy.forward(&farewell).reply().await;
    assert_eq!(ended.status(), 204);
    farewell.empty(204, "").await;
    assert_eq!(client.connect.exit().await, 0);
}

#[tokio::test]
async fn a_token_that_was_swapped_removed_or_doubled_is_refused() {
    let mut scene = Scene::set().await;
    let mut client = tokened(&mut scene);
    client.open().await;
    let (own, other) = (bearer(TOKEN), bearer("token-of-another"));
    let cases: [&[&str]; 7] = [
        &[&other],
        &[],
        &[&own, &own],
        &[&own, &other],
        &[&other, &own],
        &[&format!("{own}, {other}")],
        &["Basic dTpw"],
    ];
    for (id, values) in (1..).zip(cases) {
        client.connect.write(&asking(id)).await;
        let asked = client.proxy.next().await;
        let reply = client.proxy.send(with(&asked, values)).reply().await;
        assert_eq!(reply.status(), 403, "{values:?}");
        asked.json(403, "", &reply.document().await).await;
        assert_eq!(client.refused(id).await, Code::TranscriptBinding);
    }
    // Nothing of all that reached the server, nor was it used up by that.
    client.connect.write(&asking(100)).await;
    let asked = client.proxy.next().await;
    let refused = client.proxy.send(with(&asked, &[&other])).reply().await;
    let refusal = refused.document().await;
    assert_eq!(code_of(&refusal), Some(Code::TranscriptBinding));
    let sent = client.proxy.forward(&asked);
    assert_eq!(client.behind.read().await, asking(100));
    let answer = crate::wire::result(100);
    client.behind.write(&answer).await;
    let events = sent.reply().await.events().await;
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    client.play(asked, &events).await.end().await;
    assert_eq!(client.connect.read().await, answer);
    client.still_works().await;
}

#[tokio::test]
async fn a_token_that_was_put_in_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    for (id, token) in [(1, bearer(TOKEN)), (2, "Bearer".to_owned())] {
        client.connect.write(&asking(id)).await;
        let asked = client.proxy.next().await;
        assert_eq!((asked.header(NAME), ath(&asked.body)), (None, None));
        let reply = client.proxy.send(with(&asked, &[&token])).reply().await;
        assert_eq!(reply.status(), 403);
        asked.json(403, "", &reply.document().await).await;
        assert_eq!(client.refused(id).await, Code::TranscriptBinding);
    }
    // What is no access token is nobody's business.
    client.connect.write(&asking(3)).await;
    let asked = client.proxy.next().await;
    let sent = client.proxy.send(with(&asked, &["Basic dTpw"]));
    assert_eq!(client.behind.read().await, asking(3));
    let answer = crate::wire::result(3);
    client.behind.write(&answer).await;
    let events = sent.reply().await.events().await;
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    client.play(asked, &events).await.end().await;
    assert_eq!(client.connect.read().await, answer);
    client.still_works().await;
}

#[tokio::test]
async fn neither_a_stream_nor_a_farewell_is_taken_with_another_token() {
    let mut scene = Scene::set().await;
    let mut client = tokened(&mut scene);
    let standing = client.begin().await;
    let other = bearer("token-of-another");
    for values in [&[other.as_str()][..], &[], &[&other, &other]] {
        let reply = client.proxy.send(with(&standing, values)).reply().await;
        assert_eq!(reply.status(), 403, "{values:?}");
        let refusal = reply.document().await;
        assert_eq!(code_of(&refusal), Some(Code::TranscriptBinding));
    }
    standing.empty(405, "").await;
    client.still_works().await;
    client.connect.close_input();
    let farewell = client.proxy.next().await;
    let reply = client.proxy.send(with(&farewell, &[&other])).reply().await;
    assert_eq!(reply.status(), 403);
    let refusal = reply.document().await;
    assert_eq!(code_of(&refusal), Some(Code::TranscriptBinding));
    farewell.empty(403, "").await;
    assert_eq!(client.connect.exit().await, 0);
}

#[tokio::test]
async fn a_token_is_the_one_that_the_file_holds_at_that_moment() {
    let mut scene = Scene::set().await;
    let mut client = tokened(&mut scene);
    client.open().await;
    let path = file(&scene);
    client.connect.write(&asking(1)).await;
    let asked = client.proxy.next().await;
    is_bound(&asked, TOKEN);
    asked.empty(503, "").await;
    client.refused(1).await;
    std::fs::write(&path, "token-of-later").unwrap();
    client.connect.write(&asking(2)).await;
    let asked = client.proxy.next().await;
    is_bound(&asked, "token-of-later");
    asked.empty(503, "").await;
    client.refused(2).await;
    // Without a token nothing is sent, and what stands in its place is told to nobody.
    for bad in [Some("hunter2 hunter2"), Some(""), None] {
        match bad {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        client.connect.write(&asking(3)).await;
        assert_eq!(client.refused(3).await, Code::UpstreamUnavailable);
    }
    let words = client.connect.words();
    assert!(words.contains(path.to_str().unwrap()), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
    std::fs::write(&path, TOKEN).unwrap();
    client.still_works().await;
}
