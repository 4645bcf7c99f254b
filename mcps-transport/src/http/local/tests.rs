use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::{mpsc, watch};

use super::Local;
use crate::http::client::Response;
use crate::http::server::{Endpoint, Post, Reply};
use crate::sse::Event;

/// Answers `json` with the path, `events` with two events, and anything else with its absence.
struct Peer {
    left: watch::Sender<bool>,
}

impl Endpoint for Peer {
    async fn post(&self, post: Post) -> Reply {
        let headers = HeaderMap::new();
        match &post.body[..] {
            b"json" => Reply::Json {
                status: StatusCode::OK,
                headers,
                body: post.path.into(),
            },
            b"events" => {
                let (sender, events) = mpsc::channel(2);
                for data in ["one", "two"] {
                    sender.send(Event::message(data.as_bytes())).await.unwrap();
                }
                Reply::Events { headers, events }
            }
            b"wait" => {
                post.gone.wait().await;
                self.left.send_replace(true);
                Reply::Empty {
                    status: StatusCode::OK,
                    headers,
                }
            }
            _ => Reply::Empty {
                status: StatusCode::NOT_FOUND,
                headers,
            },
        }
    }
}

fn local() -> Local<Peer> {
    let left = watch::Sender::new(false);
    Local::new(Peer { left }, "/mcp/here")
}

async fn post(local: &Local<Peer>, body: &'static str) -> Response {
    let body = Bytes::from_static(body.as_bytes());
    local.post(body, HeaderMap::new()).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_answers_without_a_socket_as_it_would_over_one() {
    let local = local();
    let Response::Json { body, .. } = post(&local, "json").await else {
        panic!("no document");
    };
    assert_eq!(body, "/mcp/here");
    let Response::Events { mut events, .. } = post(&local, "events").await else {
        panic!("no events");
    };
    let mut heard = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        heard.push(String::from_utf8(event.data().unwrap().to_vec()).unwrap());
    }
    assert_eq!(heard, ["one", "two"]);
    let Response::Refused { status, .. } = post(&local, "nothing").await else {
        panic!("no refusal");
    };
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_endpoint_is_told_when_whoever_asked_has_left() {
    let local = local();
    let mut left = local.endpoint().left.subscribe();
    {
        let asked = local.post("wait", HeaderMap::new());
        tokio::pin!(asked);
        // Polled once, so that the call is under way, and then dropped.
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx)));
        assert!(first.await.is_pending());
    }
    left.wait_for(|left| *left).await.unwrap();
}
