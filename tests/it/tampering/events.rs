//! Events that are dropped, moved, doubled or put in.

use mcps_core::code::Code;

use super::proxy::data;
use super::{Scene, progress};
use crate::wire::result;

#[tokio::test]
async fn an_event_dropped_in_the_middle_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let code = client.breaks(asked, &[&e[0], &e[1], &e[3]], 1, 1).await;
    assert_eq!(code, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn a_servers_own_request_that_is_dropped_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, sent) = client.ask(1).await;
    let ping = r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;
    for line in [&progress(1, 1), ping, &progress(1, 2), &result(1)] {
        client.behind.write(line).await;
    }
    let e = sent.reply().await.events().await;
    assert!(data(&e[2]).contains("ping"), "{e:?}");
    let code = client
        .breaks(asked, &[&e[0], &e[1], &e[3], &e[4]], 1, 1)
        .await;
    assert_eq!(code, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn a_first_event_that_is_dropped_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let code = client.breaks(asked, &[&e[0], &e[2], &e[3]], 1, 0).await;
    assert_eq!(code, Code::StreamBroken);
    // Nor without the event that has no message.
    let (asked, e) = client.recorded(2).await;
    let code = client.breaks(asked, &[&e[2], &e[3]], 2, 0).await;
    assert_eq!(code, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn a_last_event_that_is_cut_off_fails_the_call() {
    let (_scene, mut client) = Scene::opened().await;
    for (id, in_order) in [(1, true), (2, false)] {
        let (asked, e) = client.recorded(id).await;
        let stream = client.play(asked, &[&e[0], &e[1], &e[2]]).await;
        if in_order {
            stream.end().await;
        } else {
            drop(stream);
        }
        for so_far in [1, 2] {
            assert_eq!(client.connect.read().await, progress(id, so_far));
        }
        // Nor is it given out when the client asks for it again.
        let again = client.proxy.next().await;
        assert_eq!(again.method, "GET");
        again.empty(405, "").await;
        assert_eq!(client.refused(id).await, Code::StreamBroken);
    }
    client.still_works().await;
}

#[tokio::test]
async fn events_that_changed_places_end_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let code = client
        .breaks(asked, &[&e[0], &e[2], &e[1], &e[3]], 1, 0)
        .await;
    assert_eq!(code, Code::StreamBroken);
    let (asked, e) = client.recorded(2).await;
    let code = client
        .breaks(asked, &[&e[0], &e[1], &e[3], &e[2]], 2, 1)
        .await;
    assert_eq!(code, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn a_doubled_event_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let code = client
        .breaks(asked, &[&e[0], &e[1], &e[1], &e[2], &e[3]], 1, 1)
        .await;
    assert_eq!(code, Code::Replayed);
    client.still_works().await;
}

#[tokio::test]
async fn an_event_of_another_response_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    // One that nobody has read yet, of a request that is still in flight.
    let (other_asked, other) = client.recorded(1).await;
    let (asked, e) = client.recorded(2).await;
    let code = client
        .breaks(asked, &[&e[0], &e[1], &other[1], &e[2], &e[3]], 2, 1)
        .await;
    assert_eq!(code, Code::NotBound);
    // Its own response may have lost by that, but nothing is delivered that is not in order.
    let code = client
        .breaks(other_asked, &[&other[0], &other[1], &other[2]], 1, 0)
        .await;
    assert_eq!(code, Code::Replayed);
    // One that was delivered long ago.
    let (asked, old) = client.recorded(3).await;
    let whole: Vec<&str> = old.iter().map(String::as_str).collect();
    client.play(asked, &whole).await.end().await;
    client.hears(3).await;
    let (asked, e) = client.recorded(4).await;
    let code = client
        .breaks(asked, &[&e[0], &e[1], &old[2], &e[2], &e[3]], 4, 1)
        .await;
    assert_eq!(code, Code::Replayed);
    client.still_works().await;
}

#[tokio::test]
async fn an_event_of_another_session_of_the_agent_ends_the_response() {
    let (mut scene, mut client) = Scene::opened().await;
    let mut other = scene.client();
    other.open().await;
    // The same call with the same id, and the same place in the stream.
    let (_kept, theirs) = other.recorded(1).await;
    let (asked, e) = client.recorded(1).await;
    let code = client
        .breaks(asked, &[&e[0], &e[1], &theirs[2], &e[2], &e[3]], 1, 1)
        .await;
    assert_eq!(code, Code::NotBound);
    client.still_works().await;
    other.still_works().await;
}

#[tokio::test]
async fn an_event_that_nobody_signed_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    for (id, made_up) in [(1, progress(1, 9)), (2, result(2))] {
        let (asked, e) = client.recorded(id).await;
        let made_up = format!("data: {made_up}\n\n");
        let code = client
            .breaks(asked, &[&e[0], &e[1], &made_up, &e[2], &e[3]], id, 1)
            .await;
        assert_eq!(code, Code::SignatureRequired);
    }
    client.still_works().await;
}

#[tokio::test]
async fn nothing_is_delivered_of_what_the_server_says_after_the_break() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, sent) = client.ask(1).await;
    let mut reply = sent.reply().await;
    let mut stream = client.play(asked, &[]).await;
    stream.text(&reply.event().await.unwrap()).await;
    client.behind.write(&progress(1, 1)).await;
    stream.text(&reply.event().await.unwrap()).await;
    assert_eq!(client.connect.read().await, progress(1, 1));
    client.behind.write(&progress(1, 2)).await;
    let _dropped = reply.event().await.unwrap();
    for line in [progress(1, 3), result(1)] {
        client.behind.write(&line).await;
        stream.text(&reply.event().await.unwrap()).await;
    }
    assert_eq!(client.refused(1).await, Code::StreamBroken);
    stream.closed().await;
    client.still_works().await;
}

#[tokio::test]
async fn an_event_dropped_from_the_servers_own_stream_ends_that_stream() {
    let mut scene = Scene::set().await;
    let mut client = scene.client();
    let standing = client.begin().await;
    let mut reply = client.proxy.forward(&standing).reply().await;
    let said = |number: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":{number}}}}}"#
        )
    };
    let mut e = vec![reply.event().await.unwrap()];
    for number in 1..=3 {
        client.behind.write(&said(number)).await;
        e.push(reply.event().await.unwrap());
    }
    let stream = client.play(standing, &[&e[0], &e[1], &e[3]]).await;
    assert_eq!(client.connect.read().await, said(1));
    stream.closed().await;
    // What comes next is a stream of its own, and the calls go on.
    let fresh = client.proxy.next().await;
    assert_eq!(fresh.method, "GET");
    assert_eq!(fresh.header("last-event-id"), None);
    fresh.empty(405, "").await;
    client.still_works().await;
}
