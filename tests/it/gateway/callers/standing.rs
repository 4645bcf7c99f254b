//! Streams that end by nothing else: no longer than what their caller came with is good.

use std::time::{Duration, Instant};

use mcps_core::code::Code;
use reqwest::{Method, Response};
use serde_json::json;
use tokio::time::timeout;

use super::bearer::{Bearer, call};
use super::issuer::{Issuer, Signer, now_s};
use super::{key, order};
use crate::gateway::server::{Says, Server, content, result, tool, usual};
use crate::gateway::{Gate, over_http};
use crate::listen::modern;
use crate::wire::{Stage, code_of};

/// A server whose streams stay, in both eras.
async fn server() -> Server {
    let acknowledged = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}}"#;
    Server::standing(Some(Vec::new()), move |asked| {
        match asked["method"].as_str() {
            Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
            Some("tools/call") => content(asked, "seen"),
            Some("subscriptions/listen") => Says::Stays(vec![acknowledged.to_owned()]),
            _ => usual(asked),
        }
    })
    .await
}

/// Opens the stream of a session.
async fn stand(caller: &Bearer) -> Response {
    let response = caller.send(Method::GET, &[], "").await;
    assert_eq!(response.status(), 200);
    response
}

/// Asks to be told of changes in the era without sessions.
async fn listen(url: &str, token: &str) -> Response {
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let text = modern(1, "subscriptions/listen", r#""notifications":{},"#);
    let caller = Bearer::with(url, token);
    let response = caller.send(Method::POST, &headers, &text).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response
}

/// All that comes on a stream until it ends, which it does soon.
async fn ended(response: &mut Response) -> String {
    let mut text = String::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            text.push_str(str::from_utf8(&chunk).unwrap());
        }
    };
    let reading = timeout(Duration::from_secs(20), reading).await;
    reading.expect("the stream goes on");
    text
}

/// Whether a stream goes on.
async fn goes_on(response: &mut Response) -> bool {
    timeout(Duration::from_secs(3), async {
        while let Ok(Some(_)) = response.chunk().await {}
    })
    .await
    .is_err()
}

#[tokio::test]
async fn the_streams_of_a_token_end_with_it_and_its_session_goes_on_with_the_next() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let server = server().await;
    let config = format!(
        "[tenant.acme]\n{}{}",
        issuer.stanza("tenant = \"acme\"\nskew_s = 1"),
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    for url in [gate.at("files"), gate.url.clone()] {
        let mut claims = issuer.claims();
        let mut ann = Bearer::with(&url, &signer.token(&claims));
        ann.open().await;
        claims["exp"] = json!(now_s() + 4);
        let short = signer.token(&claims);
        ann.credential = format!("Bearer {short}");
        let since = Instant::now();
        let (mut standing, mut listening) = tokio::join!(stand(&ann), listen(&url, &short));
        ended(&mut standing).await;
        let told = ended(&mut listening).await;
        assert!(
            since.elapsed() > Duration::from_secs(3),
            "the token was good"
        );
        let last = told
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .next_back();
        assert_eq!(
            code_of(last.unwrap()),
            Some(Code::InvalidCredential),
            "{told}"
        );
        let refused = ann.refused(&call(1, "look")).await;
        assert_eq!(refused.code, Some(Code::InvalidCredential), "{refused:?}");

        claims["exp"] = json!(now_s() + 300);
        ann.credential = format!("Bearer {}", signer.token(&claims));
        let mut standing = stand(&ann).await;
        assert!(goes_on(&mut standing).await, "it is another token's");
    }
}

#[tokio::test]
async fn the_streams_of_a_key_end_when_it_is_taken_out_though_its_session_goes_on() {
    let server = server().await;
    let stage = Stage::set();
    let (old, first) = key(&stage, "ci", &["--tenant", "acme"]);
    let (new, second) = key(&stage, "ci", &["--tenant", "acme"]);
    let base = format!("[tenant.acme]\n{}", over_http("files", &server));
    let gate = Gate::open_on(stage, &format!("{first}{second}{base}")).await;
    let url = gate.at("files");
    let mut ci = Bearer::with(&url, &old);
    ci.open().await;
    let (mut by_old, mut listens_by_old) = tokio::join!(stand(&ci), listen(&url, &old));
    ci.credential = format!("Bearer {new}");
    let (mut by_new, mut listens_by_new) = tokio::join!(stand(&ci), listen(&url, &new));
    gate.reconfigure(
        &format!("{second}{base}#"),
        "the configuration was exchanged",
    )
    .await;
    ended(&mut by_old).await;
    let told = ended(&mut listens_by_old).await;
    assert!(told.contains(Code::InvalidCredential.id()), "{told}");
    let (one, other) = tokio::join!(goes_on(&mut by_new), goes_on(&mut listens_by_new));
    assert!(one && other, "they are the other key's");
    assert_eq!(
        ci.call(1, "look").await,
        "seen",
        "the session is the caller's"
    );
}

#[tokio::test]
async fn the_streams_of_those_without_a_name_end_when_a_name_is_asked_for() {
    let server = server().await;
    let base = over_http("files", &server);
    let gate = Gate::open(&format!("[tenant.acme]\nanonymous = true\n{base}")).await;
    let mut nobody = Bearer::saying(&gate.at("files"), "");
    nobody.open().await;
    let mut standing = stand(&nobody).await;
    gate.reconfigure(
        &format!("[tenant.acme]\n{base}"),
        "the configuration was exchanged",
    )
    .await;
    ended(&mut standing).await;
}

#[tokio::test]
async fn whom_the_authority_holds_back_listens_no_more_however_they_came() {
    let server = server().await;
    let stage = Stage::set();
    let (ci, stanza) = key(&stage, "ci", &["--tenant", "acme"]);
    let config = format!(
        "[tenant.acme]\n[tenant.default]\n{stanza}{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let url = gate.at("files");
    let mut plain = listen(&url, &ci).await;
    let mut agent = gate.stateless("files", "");
    agent.headers.truncate(2);
    agent.headers[1].1 = "subscriptions/listen".to_owned();
    let text = modern(1, "subscriptions/listen", r#""notifications":{},"#);
    let (mut signed, _) = agent.tell(&text).await;
    assert_eq!(signed.headers()["content-type"], "text/event-stream");
    for (tenant, name) in [("acme", "ci"), ("default", "agent")] {
        let target = json!({"kind": "agent", "tenant": tenant, "name": name});
        let body = json!({"target": target, "reason": "policy"});
        order(&gate, "/v1/suspensions", body).await;
    }
    let told = ended(&mut plain).await;
    assert!(told.contains(Code::PassportRevoked.id()), "{told}");
    ended(&mut signed).await;
}
