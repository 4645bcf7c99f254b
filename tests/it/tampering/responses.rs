//! Responses that are exchanged, kept, made shorter or left out as a whole.

use mcps_core::code::Code;

use super::Scene;
use super::proxy::data;
use crate::wire::result;

#[tokio::test]
async fn exchanged_responses_of_two_requests_are_both_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (one_asked, one) = client.recorded(1).await;
    let (two_asked, two) = client.recorded(2).await;
    let one: Vec<&str> = one.iter().map(String::as_str).collect();
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    let code = client.breaks(one_asked, &two, 1, 0).await;
    assert_eq!(code, Code::NotBound);
    let code = client.breaks(two_asked, &one, 2, 0).await;
    assert_eq!(code, Code::NotBound);
    client.still_works().await;
}

#[tokio::test]
async fn an_earlier_response_to_a_request_of_the_same_id_is_refused() {
    let (mut scene, mut client) = Scene::opened().await;
    let (asked, old) = client.recorded(1).await;
    let old: Vec<&str> = old.iter().map(String::as_str).collect();
    client.play(asked, &old).await.end().await;
    client.hears(1).await;
    let (asked, _kept) = client.recorded(1).await;
    let code = client.breaks(asked, &old, 1, 0).await;
    assert_eq!(code, Code::Replayed);
    client.still_works().await;
    // Another run of the agent has not read it, and refuses it because it is not its own.
    let mut later = scene.client();
    later.open().await;
    let (asked, _kept) = later.recorded(1).await;
    let code = later.breaks(asked, &old, 1, 0).await;
    assert_eq!(code, Code::NotBound);
    later.still_works().await;
}

#[tokio::test]
async fn a_stream_reduced_to_a_document_with_its_answer_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    asked.json(200, "", data(&e[3])).await;
    assert_eq!(client.refused(1).await, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn an_answer_that_is_kept_back_fails_the_call() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, _kept) = client.recorded(1).await;
    asked.empty(202, "").await;
    assert_eq!(client.refused(1).await, Code::StreamBroken);
    let (asked, _kept) = client.recorded(2).await;
    asked.json(200, "", "").await;
    assert_eq!(client.refused(2).await, Code::StreamBroken);
    let (asked, _kept) = client.recorded(3).await;
    asked.events("").await.end().await;
    assert_eq!(client.refused(3).await, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn a_success_of_another_call_in_place_of_an_error_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (other_asked, other) = client.recorded(1).await;
    let (asked, sent) = client.ask(2).await;
    let error = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"No such note"}}"#;
    client.behind.write(error).await;
    let e = sent.reply().await.events().await;
    assert!(data(&e[1]).contains("-32602"), "{e:?}");
    // As it is it would be the third of its stream, so another one that is the first as this is.
    let code = client.breaks(asked, &[&e[0], &other[3]], 2, 0).await;
    assert_eq!(code, Code::NotBound);
    drop(other_asked);
    assert!(matches!(client.refused(1).await, Code::UpstreamUnavailable));

    let (kept, sent) = client.ask(3).await;
    client.behind.write(&result(3)).await;
    let success = sent.reply().await.events().await;
    let (asked, sent) = client.ask(4).await;
    client
        .behind
        .write(&error.replace(r#""id":2"#, r#""id":4"#))
        .await;
    let e = sent.reply().await.events().await;
    let code = client.breaks(asked, &[&e[0], &success[1]], 4, 0).await;
    assert_eq!(code, Code::NotBound);
    drop(kept);
    assert!(matches!(client.refused(3).await, Code::UpstreamUnavailable));
    client.still_works().await;
}
