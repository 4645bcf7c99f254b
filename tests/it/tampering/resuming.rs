//! Streams of 2025-11-25 that break and are taken up with something else.

use mcps_core::code::Code;

use super::proxy::Letter;
use super::{Client, Scene, progress};
use crate::wire::Asked;
use crate::wire::result;

/// A call whose stream breaks behind its first message: what the client asks for the rest with,
/// and what the wrapper has of the rest.
async fn broken(client: &mut Client, id: u32) -> (Asked, Vec<String>) {
    let (asked, e) = client.recorded(id).await;
    drop(client.play(asked, &[&e[0], &e[1]]).await);
    assert_eq!(client.connect.read().await, progress(id, 1));
    let again = client.proxy.next().await;
    assert_eq!(again.method, "GET");
    let wanted = again.header("last-event-id").unwrap();
    assert!(e[1].contains(&format!("id: {wanted}\n")), "{e:?}");
    let rest = client.proxy.forward(&again).reply().await.events().await;
    assert_eq!(rest, e[2..]);
    (again, rest)
}

#[tokio::test]
async fn a_stream_that_is_taken_up_untouched_is_whole() {
    let (_scene, mut client) = Scene::opened().await;
    let (again, rest) = broken(&mut client, 1).await;
    let stream = client.play(again, &[&rest[0], &rest[1]]).await;
    stream.end().await;
    assert_eq!(client.connect.read().await, progress(1, 2));
    assert_eq!(client.connect.read().await, result(1));
    client.still_works().await;
}

#[tokio::test]
async fn a_resumed_stream_that_skips_an_event_ends() {
    let (_scene, mut client) = Scene::opened().await;
    let (again, rest) = broken(&mut client, 1).await;
    let code = client.breaks(again, &[&rest[1]], 1, 0).await;
    assert_eq!(code, Code::StreamBroken);
    client.still_works().await;
}

#[tokio::test]
async fn a_resumed_stream_that_repeats_an_event_ends() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    drop(client.play(asked, &[&e[0], &e[1]]).await);
    assert_eq!(client.connect.read().await, progress(1, 1));
    let again = client.proxy.next().await;
    let code = client.breaks(again, &[&e[1], &e[2], &e[3]], 1, 0).await;
    assert_eq!(code, Code::Replayed);
    client.still_works().await;
}

#[tokio::test]
async fn a_stream_resumed_with_the_events_of_another_ends() {
    let (_scene, mut client) = Scene::opened().await;
    let (other_asked, other) = client.recorded(1).await;
    let (again, _rest) = broken(&mut client, 2).await;
    // They have the same places in their stream, and their own is still under way.
    let code = client.breaks(again, &[&other[2], &other[3]], 2, 0).await;
    assert_eq!(code, Code::NotBound);
    drop(other_asked);
    assert_eq!(client.refused(1).await, Code::UpstreamUnavailable);
    client.still_works().await;
}

#[tokio::test]
async fn a_question_for_the_rest_of_a_stream_is_not_led_to_another() {
    let (_scene, mut client) = Scene::opened().await;
    let (other_asked, other) = client.recorded(1).await;
    let (asked, e) = client.recorded(2).await;
    drop(client.play(asked, &[&e[0], &e[1]]).await);
    assert_eq!(client.connect.read().await, progress(2, 1));
    let again = client.proxy.next().await;
    let mut letter = Letter::of(&again);
    let id = other[1].lines().find_map(|line| line.strip_prefix("id: "));
    letter.set("last-event-id", id.unwrap());
    // What is asked for is signed.
    let reply = client.proxy.send(letter).reply().await;
    assert_eq!(reply.status(), 400);
    again.json(400, "", &reply.document().await).await;
    assert_eq!(client.refused(2).await, Code::StreamBroken);
    drop(other_asked);
    assert_eq!(client.refused(1).await, Code::UpstreamUnavailable);
    client.still_works().await;
}
