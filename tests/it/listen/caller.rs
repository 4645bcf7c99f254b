//! Somebody who calls a listening `mcps-wrap`, by hand: each post sealed by a link, each response
//! read event by event.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_client::fetch::Fetch;
use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::{Body, End, Link, LinkParts, Opened, Plain, Refused, Wire};
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_core::clock::{SystemClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::replay::ReplayGuard;
use mcps_transport::sse::{Decoder, EventLimits};
use reqwest::{Client, Method, Response, StatusCode};

/// A client's end over HTTP.
pub(crate) struct Caller {
    pub(crate) link: Link,
    http: Client,
    url: String,
    /// The access token in use, whose hash is signed; sending it is up to `headers`.
    pub(crate) token: Option<&'static str>,
    /// Sent with each request.
    pub(crate) headers: Vec<(String, String)>,
}

impl Caller {
    pub(crate) fn of(home: &Path, url: &str) -> Self {
        let home = Home::new(home);
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let trust = TrustSource::load(&home, Freshness::default(), clock.clone(), random.clone());
        let window = Window::default();
        let link = Link::new(LinkParts {
            end: End::Client,
            wire: Wire::Http(vec![url.to_owned()]),
            carrier: Carrier::Native,
            identity: Arc::new(Identity::load(&home, End::Client).unwrap()),
            verifier: Verifier {
                trust: Arc::new(trust.unwrap()),
                replay: Arc::new(ReplayGuard::since(
                    window.replay_limits(),
                    Timestamp::from_millis(0),
                )),
                clock: clock.clone(),
                window,
            },
            clock,
            random: random.clone(),
            session: Some(hex16(random.as_ref()).unwrap()),
        });
        Self {
            link,
            http: Client::builder().build().unwrap(),
            url: url.to_owned(),
            token: None,
            headers: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(
        &self,
        method: Method,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response {
        let mut request = self.http.request(method, &self.url).body(body);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Posts bytes as they are.
    pub(crate) async fn post(&self, body: String) -> Response {
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        self.send(Method::POST, &headers, body).await
    }

    /// Posts a message, signed.
    pub(crate) async fn tell(&self, text: &str) -> (Response, Body) {
        let message = Message::parse(text).unwrap();
        let (text, body) = self.link.seal_post(message, self.ath()).unwrap();
        (self.post(text).await, body)
    }

    fn ath(&self) -> Option<Digest> {
        self.token.map(|token| Digest::of(token.as_bytes()))
    }

    /// Verifies one text of a response.
    pub(crate) async fn open(
        &self,
        body: &mut Body,
        text: Vec<u8>,
    ) -> Result<Opened, Box<Refused>> {
        let need = TrustLevel::L1;
        self.link.open_from(body, text, need, Plain::Refuse).await
    }

    /// Posts a request and returns what came back, verified to the last message.
    pub(crate) async fn ask(&self, text: &str) -> Vec<String> {
        let (response, mut body) = self.tell(text).await;
        let status = response.status();
        let mut texts = Vec::new();
        for text in messages(response).await {
            let opened = self.open(&mut body, text).await;
            let opened = opened.unwrap_or_else(|refused| panic!("{status}: {}", refused.refusal));
            texts.push(opened.message.into_text());
        }
        body.finish().unwrap();
        texts
    }

    /// Posts a request to somebody who may be gone; `None` when nothing came back.
    pub(crate) async fn try_ask(&self, text: &str) -> Option<()> {
        let message = Message::parse(text).unwrap();
        let (text, _) = self.link.seal_post(message, self.ath()).unwrap();
        let mut request = self.http.post(&self.url).body(text);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        request.send().await.ok()?.bytes().await.ok().map(drop)
    }

    /// Posts a request that is refused: status and code of the signed refusal.
    pub(crate) async fn refused(&self, text: &str) -> (StatusCode, Option<Code>) {
        let (response, mut body) = self.tell(text).await;
        let status = response.status();
        let texts = messages(response).await;
        let [text] = texts.as_slice() else {
            return (status, None);
        };
        match self.open(&mut body, text.clone()).await {
            Ok(opened) => (status, crate::wire::code_of(opened.message.text())),
            Err(refused) => panic!("{status}: {}", refused.refusal),
        }
    }

    /// Opens a session of the era that has them.
    pub(crate) async fn open_session(&mut self) {
        let (response, mut body) = self.tell(crate::wire::INITIALIZE).await;
        assert_eq!(response.status(), StatusCode::OK);
        let session = response.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        for text in messages(response).await {
            self.open(&mut body, text).await.unwrap();
        }
        self.headers.push(("mcp-session-id".to_owned(), session));
        self.headers
            .push(("mcp-protocol-version".to_owned(), "2025-11-25".to_owned()));
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(self.tell(ready).await.0.status(), StatusCode::ACCEPTED);
    }

    /// The session's id.
    pub(crate) fn session(&self) -> &str {
        &self.headers[0].1
    }

    /// GET or DELETE, signed as such.
    pub(crate) async fn fetch(&self, method: Method, session: &str) -> (Response, Body) {
        self.fetch_after(method, session, None).await
    }

    /// The same to go on behind an event.
    pub(crate) async fn fetch_after(
        &self,
        method: Method,
        session: &str,
        last_event_id: Option<&str>,
    ) -> (Response, Body) {
        let fetch = Fetch {
            method: method.to_string(),
            session: session.to_owned(),
            last_event_id: last_event_id.map(str::to_owned),
        };
        let (text, body) = self
            .link
            .seal_post(fetch.message().unwrap(), self.ath())
            .unwrap();
        let envelope = URL_SAFE_NO_PAD.encode(text);
        let mut headers = vec![
            ("accept", "text/event-stream"),
            ("mcps-envelope", envelope.as_str()),
        ];
        headers.extend(last_event_id.map(|id| ("last-event-id", id)));
        (self.send(method, &headers, String::new()).await, body)
    }
}

/// The messages of a response, whichever way it came.
pub(crate) async fn messages(response: Response) -> Vec<Vec<u8>> {
    let events = response
        .headers()
        .get("content-type")
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    let bytes = response.bytes().await.unwrap();
    if !events {
        return if bytes.is_empty() {
            vec![]
        } else {
            vec![bytes.to_vec()]
        };
    }
    let mut decoder = Decoder::new(EventLimits::default());
    let (mut rest, mut texts) = (&bytes[..], Vec::new());
    while let Some(event) = decoder.next(&mut rest).unwrap() {
        // The first event of a stream that can be resumed has no message.
        let data = event.data().filter(|data| !data.is_empty());
        texts.extend(data.map(|data| data.to_vec()));
    }
    texts
}
