//! One client of many: a link and a session of its own, over the transport's own client, and an eye
//! on every word that comes back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_client::fetch::{self, Fetch};
use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::{Body, End, Link, LinkParts, Plain, Wire};
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_core::clock::{SystemClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::replay::ReplayGuard;
use mcps_transport::http::client::{Client, ClientLimits, EventReader, Response};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::era::Era;
use crate::wire::{INITIALIZE, PATIENCE};

const READY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// Why something did not come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// A signed error of ours.
    Code(Code),
    /// A status without a word.
    Status(StatusCode),
    /// The connection, or the response before its end.
    Broken(String),
}

/// Who all clients are, and whom they call.
pub(crate) struct Crew {
    identity: Arc<Identity>,
    trust: Arc<TrustSource>,
    url: String,
}

impl Crew {
    pub(crate) fn of(home: &Path, url: &str) -> Self {
        let home = Home::new(home);
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let trust = TrustSource::load(&home, Freshness::default(), clock, random);
        Self {
            identity: Arc::new(Identity::load(&home, End::Client).unwrap()),
            trust: Arc::new(trust.unwrap()),
            url: url.to_owned(),
        }
    }

    /// A client before its first word.
    pub(crate) fn member(&self, era: Era) -> Member {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let window = Window::default();
        let replay = ReplayGuard::since(window.replay_limits(), Timestamp::from_millis(0));
        Member {
            link: Link::new(LinkParts {
                end: End::Client,
                wire: Wire::Http(vec![self.url.clone()]),
                carrier: Carrier::Native,
                identity: Arc::clone(&self.identity),
                verifier: Verifier {
                    trust: Arc::clone(&self.trust),
                    replay: Arc::new(replay),
                    clock: clock.clone(),
                    window,
                },
                clock,
                random: random.clone(),
                session: Some(hex16(random.as_ref()).unwrap()),
            }),
            http: Client::new(&self.url, ClientLimits::default(), None).unwrap(),
            era,
            headers: HeaderMap::new(),
            requests: AtomicU64::new(0),
        }
    }

    /// The same after its opening.
    pub(crate) async fn join(&self, era: Era) -> Result<Member, Failed> {
        let mut member = self.member(era);
        member.open().await?;
        Ok(member)
    }
}

/// A client.
pub(crate) struct Member {
    link: Link,
    http: Client,
    era: Era,
    headers: HeaderMap,
    requests: AtomicU64,
}

/// A message as it is posted, once and perhaps again.
#[derive(Clone)]
pub(crate) struct Posted {
    pub(crate) text: String,
    pub(crate) headers: HeaderMap,
}

impl Member {
    async fn open(&mut self) -> Result<(), Failed> {
        if self.era == Era::Modern {
            let id = self.next_id();
            let discover = self.era.request(id, "server/discover", "");
            return self.ask(&discover).await.map(drop);
        }
        let mut answer = self.begin(INITIALIZE).await?;
        let session = answer.session.take().expect("a session");
        answer.last(self).await?;
        self.headers.insert("mcp-session-id", session);
        let version = HeaderValue::from_static("2025-11-25");
        self.headers.insert("mcp-protocol-version", version);
        let (posted, _) = self.seal(READY);
        match self.post(&posted).await? {
            Response::Accepted { .. } => Ok(()),
            // Its server has died meanwhile.
            Response::Refused { status, .. } => Err(Failed::Status(status)),
            other => panic!("accepted with {other:?}"),
        }
    }

    fn next_id(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The text of a call. Whoever wants word of its progress names it by its id.
    pub(crate) fn call(&self, tool: &str, text: &str) -> String {
        let id = self.next_id();
        self.era.call(id, tool, text)
    }

    /// Shows its passport with the next message.
    pub(crate) fn introduce(&self) {
        self.link.show_passport();
    }

    /// What goes out for a message.
    pub(crate) fn seal(&self, text: &str) -> (Posted, Body) {
        let message = Message::parse(text).unwrap();
        let mut headers = self.headers.clone();
        let method = message.method().unwrap_or_default();
        let name = message.params().and_then(|params| params.get("name"));
        let name = name.and_then(|name| name.as_str());
        for (header, value) in self.era.mirrored(&method, name.as_deref()) {
            headers.insert(header, HeaderValue::from_str(value).unwrap());
        }
        let (text, body) = self.link.seal_post(message, None).unwrap();
        (Posted { text, headers }, body)
    }

    /// Posts what was sealed, now or before.
    pub(crate) async fn post(&self, posted: &Posted) -> Result<Response, Failed> {
        let text = posted.text.clone();
        let answer = self.http.post(text, posted.headers.clone());
        in_time(answer).await.map_err(broken)
    }

    /// Posts a request; its answer is still to come.
    pub(crate) async fn begin(&self, text: &str) -> Result<Answer, Failed> {
        let (posted, body) = self.seal(text);
        Answer::of(self.post(&posted).await?, body, self).await
    }

    /// Posts a request and waits for the last message of its answer.
    pub(crate) async fn ask(&self, text: &str) -> Result<Value, Failed> {
        self.begin(text).await?.last(self).await
    }

    /// Calls a tool and returns what it says. The oracle: that is an answer to this very request.
    pub(crate) async fn use_tool(&self, tool: &str, text: &str) -> Result<String, Failed> {
        let call = self.call(tool, text);
        let asked: Value = serde_json::from_str(&call).unwrap();
        let answer = self.ask(&call).await?;
        assert_eq!(answer["id"], asked["id"], "{answer}");
        let told = answer["result"]["content"][0]["text"].as_str();
        Ok(told.unwrap_or_else(|| panic!("{answer}")).to_owned())
    }

    /// Says something that nobody else says and must hear it again.
    pub(crate) async fn echo(&self, text: &str) -> Result<(), Failed> {
        let told = self.use_tool("echo", text).await?;
        assert_eq!(told, text, "somebody else's answer");
        Ok(())
    }

    /// Begins to hear of a resource.
    pub(crate) async fn subscribe(&self, uri: &str) -> Result<Answer, Failed> {
        let id = self.next_id();
        if self.era == Era::Modern {
            let wanted = format!(r#""notifications":{{"resourceSubscriptions":["{uri}"]}},"#);
            let listen = self.era.request(id, "subscriptions/listen", &wanted);
            let mut answer = self.begin(&listen).await?;
            let first = answer.next(self).await?.unwrap();
            let acknowledged = "notifications/subscriptions/acknowledged";
            assert_eq!(first["method"], acknowledged, "{first}");
            return Ok(answer);
        }
        let standing = self.stand().await?;
        let params = format!(r#""uri":"{uri}","#);
        self.ask(&self.era.request(id, "resources/subscribe", &params))
            .await?;
        Ok(standing)
    }

    /// Opens the stream of what the server says by itself.
    async fn stand(&self) -> Result<Answer, Failed> {
        let session = self.headers["mcp-session-id"].to_str().unwrap();
        let fetch = Fetch {
            method: "GET".to_owned(),
            session: session.to_owned(),
            last_event_id: None,
        };
        let (sealed, body) = self.link.seal_post(fetch.message().unwrap(), None).unwrap();
        let value = HeaderValue::from_str(&URL_SAFE_NO_PAD.encode(sealed)).unwrap();
        let mut headers = self.headers.clone();
        headers.insert(fetch::HEADER, value);
        let answer = in_time(self.http.get(None, headers)).await;
        Answer::of(answer.map_err(broken)?, body, self).await
    }
}

/// The response to one request, message by message.
pub(crate) struct Answer {
    body: Body,
    came: Came,
    session: Option<HeaderValue>,
}

enum Came {
    Json(Option<Vec<u8>>),
    Events(Box<EventReader>),
}

impl Answer {
    pub(crate) async fn of(
        response: Response,
        mut body: Body,
        member: &Member,
    ) -> Result<Self, Failed> {
        let session = match &response {
            Response::Json { headers, .. } | Response::Events { headers, .. } => {
                headers.raw().get("mcp-session-id").cloned()
            }
            _ => None,
        };
        let came = match response {
            Response::Json { body, .. } => Came::Json(Some(body.to_vec())),
            Response::Events { events, .. } => Came::Events(Box::new(events)),
            Response::Accepted { .. } => return Err(Failed::Status(StatusCode::ACCEPTED)),
            Response::Refused {
                status, body: text, ..
            } => {
                let told =
                    member
                        .link
                        .open_from(&mut body, text.to_vec(), TrustLevel::L1, Plain::Refuse);
                let told = told
                    .await
                    .ok()
                    .and_then(|told| crate::wire::code_of(told.message.text()));
                return Err(told.map_or(Failed::Status(status), Failed::Code));
            }
        };
        Ok(Self {
            body,
            came,
            session,
        })
    }

    /// The next message, verified; `None` behind the last one. A refusal is a failure.
    pub(crate) async fn next(&mut self, member: &Member) -> Result<Option<Value>, Failed> {
        let text = match &mut self.came {
            Came::Json(text) => text.take(),
            Came::Events(events) => loop {
                let Some(event) = in_time(events.next()).await.map_err(broken)? else {
                    break None;
                };
                // Comments and the event before all others have no message.
                if let Some(data) = event.data().filter(|data| !data.is_empty()) {
                    break Some(data.to_vec());
                }
            },
        };
        let Some(text) = text else {
            let whole = self.body.finish();
            return whole
                .map(|()| None)
                .map_err(|cut| Failed::Broken(cut.to_string()));
        };
        let opened = member
            .link
            .open_from(&mut self.body, text, TrustLevel::L1, Plain::Refuse);
        let opened = opened
            .await
            .unwrap_or_else(|refused| panic!("{}", refused.refusal));
        let text = opened.message.text();
        match crate::wire::code_of(text) {
            Some(code) => Err(Failed::Code(code)),
            None => Ok(Some(serde_json::from_str(text).unwrap())),
        }
    }

    /// The message that answers, which is the last.
    pub(crate) async fn last(&mut self, member: &Member) -> Result<Value, Failed> {
        while let Some(message) = self.next(member).await? {
            if message.get("method").is_none() {
                // The connection is good for the next request once its end was read.
                assert!(
                    self.next(member).await?.is_none(),
                    "something behind the answer"
                );
                return Ok(message);
            }
        }
        Err(Failed::Broken("it ended without an answer".to_owned()))
    }
}

async fn in_time<T>(waited: impl Future<Output = T>) -> T {
    // What takes longer than anything may is a hang.
    let done = tokio::time::timeout(PATIENCE, waited).await;
    done.unwrap_or_else(|_| panic!("nothing came within {PATIENCE:?}"))
}

fn broken(error: impl std::error::Error) -> Failed {
    Failed::Broken(error.to_string())
}
