use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::HeaderMap;
use mcps_client::listen::{Awaited, Outward, Reach};
use mcps_core::message::Message;
use mcps_core::random::SystemRandom;
use mcps_transport::http::client::{EventReader, EventSource, Next, Response};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::sse::Event;

use super::{Minted, Strays};

/// Events that were written before.
struct Script(std::vec::IntoIter<Event>);

impl EventSource for Script {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async { Ok(self.0.next()) })
    }
}

/// What a server says to a request with that id: ids of events, and their texts.
type Says = fn(&str) -> Vec<(Option<&'static str>, String)>;

/// A server that answers with what a function makes of the request's id.
struct Peer {
    asked: Mutex<Vec<Message>>,
    says: Says,
    /// What the stream has that is taken up again.
    rest: fn(&str) -> Vec<String>,
}

fn events(events: Vec<Event>) -> Response {
    Response::Events {
        headers: McpHeaders::default(),
        events: EventReader::of(Script(events.into_iter())),
    }
}

impl Reach for Peer {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(async move {
            let id = outward.message.id().map(|id| id.as_str().to_owned());
            self.asked.lock().unwrap().push(outward.message);
            let Some(id) = id else {
                let headers = McpHeaders::default();
                return Ok(Response::Accepted { headers });
            };
            let said = (self.says)(&id).into_iter().map(|(name, text)| {
                let event = Event::message(text.as_bytes());
                match name {
                    Some(name) => event.with_id(name).unwrap(),
                    None => event,
                }
            });
            Ok(events(said.collect()))
        })
    }

    fn get<'a>(&'a self, _: Option<&'a [u8]>, _: HeaderMap) -> Awaited<'a> {
        Box::pin(async move {
            let id = self.asked.lock().unwrap()[0]
                .id()
                .unwrap()
                .as_str()
                .to_owned();
            let rest = (self.rest)(&id);
            let said = rest.iter().map(|text| Event::message(text.as_bytes()));
            Ok(events(said.collect()))
        })
    }

    fn delete(&self, _: HeaderMap) -> Awaited<'_> {
        Box::pin(async {
            let (headers, body) = (McpHeaders::default(), Bytes::new());
            Ok(Response::Json { headers, body })
        })
    }
}

fn minted(says: Says, rest: fn(&str) -> Vec<String>) -> (Minted, Arc<Peer>, Arc<Strays>) {
    let asked = Mutex::default();
    let peer = Arc::new(Peer { asked, says, rest });
    let strays = Arc::<Strays>::default();
    let inner = Arc::clone(&peer) as Arc<dyn Reach>;
    (
        Minted::new(inner, &SystemRandom, Arc::clone(&strays)),
        peer,
        strays,
    )
}

async fn ask(way: &Minted, text: &str) -> Response {
    let message = Message::parse(text).unwrap();
    let headers = HeaderMap::new();
    let act = None;
    let outward = Outward {
        message,
        headers,
        act,
    };
    way.post(outward).await.unwrap()
}

async fn heard(response: Response) -> Vec<String> {
    let Response::Events { mut events, .. } = response else {
        return Vec::new();
    };
    let mut heard = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        heard.push(String::from_utf8(event.data().unwrap().to_vec()).unwrap());
    }
    heard
}

fn answer(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#;

#[tokio::test]
async fn only_the_first_answer_to_what_was_asked_is_one() {
    let says = |id: &str| {
        ["1", r#""mcps-0""#, id, id]
            .map(|id| (None, answer(id)))
            .to_vec()
    };
    let (way, peer, strays) = minted(says, |_| Vec::new());
    assert_eq!(heard(ask(&way, CALL).await).await, [answer("1")]);
    assert_eq!(strays.count(), 3);
    assert_ne!(peer.asked.lock().unwrap()[0].id().unwrap().as_str(), "1");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_the_answer_to_the_next_of_its_id() {
    // The second request is answered with the id of the first.
    let says = |id: &str| {
        let late = id.replace("-2\"", "-1\"");
        vec![(None, answer(&late))]
    };
    let (way, _, strays) = minted(says, |_| Vec::new());
    assert_eq!(heard(ask(&way, CALL).await).await, [answer("1")]);
    assert!(heard(ask(&way, CALL).await).await.is_empty());
    assert_eq!(strays.count(), 1);
}

#[tokio::test]
async fn the_answer_to_a_stream_that_broke_comes_where_it_is_taken_up_again_and_once() {
    let says = |_: &str| {
        let primer = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
        vec![(Some("e1"), primer.to_owned())]
    };
    let (way, _, strays) = minted(says, |id| vec![answer(id), answer(id)]);
    drop(heard(ask(&way, CALL).await).await);
    let rest = way.get(Some(b"e1"), HeaderMap::new()).await.unwrap();
    assert_eq!(heard(rest).await, [answer("1")]);
    assert_eq!(strays.count(), 1);
}

#[tokio::test]
async fn what_gives_up_nothing_that_is_under_way_goes_no_further() {
    let (way, peer, _) = minted(|id| vec![(None, answer(id))], |_| Vec::new());
    drop(ask(&way, CALL).await);
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    drop(ask(&way, cancel).await);
    assert_eq!(peer.asked.lock().unwrap().len(), 1);
}
