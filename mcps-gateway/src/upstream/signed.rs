//! A server behind a `mcps-wrap`: what goes there is signed by us, on behalf of whoever signed it to
//! us, and what comes back is verified before anybody here reads it.

mod stream;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use mcps_client::announce::{self, Announcement};
use mcps_client::fetch::{self, Fetch};
use mcps_client::link::{Body, End, Link, LinkParts, Opened, Plain, Wire};
use mcps_client::listen::{Awaited, Opens, Outward, Reach};
use mcps_client::tools;
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::message::{self, Id, Kind, Message};
use mcps_core::pin::PinStore;
use mcps_core::random::hex16;
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{Client, EventReader, Response};
use mcps_transport::http::headers::{MCP_SESSION_ID, McpHeaders};

use super::Means;
use crate::config::{self, ServerPassport};
use crate::quarantine::{Evidence, Shown};
use stream::{Broken, Verified};

/// A server that signs, and who it must be.
pub(super) struct Signed {
    terms: Arc<Terms>,
    means: Means,
    /// The link of requests that are by themselves: to the server all of them are one run of ours.
    common: Arc<Way>,
}

/// What is held against all that it says.
struct Terms {
    http: Arc<Client>,
    server: String,
    /// The passport that it must show.
    passport: Option<ServerPassport>,
    need: TrustLevel,
    evidence: Arc<Evidence>,
}

impl Signed {
    pub(super) fn new(
        server: &config::Server,
        http: Arc<Client>,
        need: TrustLevel,
        means: Means,
    ) -> Self {
        let terms = Terms {
            http,
            server: server.name.clone(),
            passport: server.passport.clone(),
            need,
            evidence: Arc::clone(&means.evidence),
        };
        let terms = Arc::new(terms);
        // Of requests by themselves no stream can be taken up again.
        let common = Arc::new(Way::new(&terms, &means, None));
        Self {
            terms,
            means,
            common,
        }
    }
}

impl Opens for Signed {
    fn open(&self, _: &Link, stays: bool) -> Arc<dyn Reach> {
        if !stays {
            return Arc::clone(&self.common) as Arc<dyn Reach>;
        }
        let broken = Some(Arc::default());
        Arc::new(Way::new(&self.terms, &self.means, broken))
    }
}

/// One session's link to it.
struct Way {
    terms: Arc<Terms>,
    link: Arc<Link>,
    /// Streams that broke off.
    broken: Option<Arc<Broken>>,
}

impl Way {
    fn new(terms: &Arc<Terms>, means: &Means, broken: Option<Arc<Broken>>) -> Self {
        let link = Link::new(LinkParts {
            end: End::Client,
            wire: Wire::Http(vec![terms.http.audience().to_owned()]),
            carrier: Carrier::Native,
            identity: Arc::clone(&means.identity),
            verifier: means.verifier.clone(),
            clock: Arc::clone(&means.verifier.clock),
            random: Arc::clone(&means.random),
            // Without randomness no nonce can be had either, and nothing is sent.
            session: Some(hex16(means.random.as_ref()).unwrap_or_default()),
        });
        Self {
            terms: Arc::clone(terms),
            link: Arc::new(link),
            broken,
        }
    }
}

/// What is heard of one response.
struct Hearing {
    terms: Arc<Terms>,
    link: Arc<Link>,
    body: Body,
    /// The request that it answers, which is waited for until this is dropped.
    id: Option<Id>,
    over: bool,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            let waited = self.link.abandon(id);
            tracing::trace!(waited, "a response of a signed server is over");
        }
    }
}

/// What one text of a response turned out to be.
enum Heard {
    /// A message of the server's.
    Message(Message),
    /// The server wants to see our passport.
    WantsPassport,
    /// Nothing more is believed: our own error in place of the answer, where somebody waits for it.
    Broken(Option<String>),
    /// Nothing that is passed on.
    Nothing,
}

impl Hearing {
    async fn hear(&mut self, text: Vec<u8>) -> Heard {
        let need = self.terms.need;
        let opened = self
            .link
            .open_from(&mut self.body, text, need, Plain::Refuse)
            .await;
        let passed = match opened {
            Ok(opened) if wants_passport(&opened.message) => return Heard::WantsPassport,
            Ok(opened) => self.pass(opened),
            Err(refused)
                if refused.authentic && refused.message.as_ref().is_some_and(wants_passport) =>
            {
                return Heard::WantsPassport;
            }
            Err(refused) => Err(refused.refusal),
        };
        match passed {
            Ok(Some(message)) => Heard::Message(message),
            Ok(None) => Heard::Nothing,
            Err(refusal) => Heard::Broken(self.broke(&refusal)),
        }
    }

    fn pass(&self, opened: Opened) -> Result<Option<Message>, Refusal> {
        if let Some(wanted) = &self.terms.passport {
            let peer = self.link.peer();
            let fits = peer.as_ref().is_some_and(|peer| {
                let ext = peer.passport.ext();
                let tenant = ext.map(|ext| ext.tenant.as_str());
                wanted.is(tenant, peer.passport.agent_name())
            });
            if !fits {
                return Err(Refusal::Passport(
                    "it is another server's than was configured",
                ));
            }
        }
        let Opened { message, asked, .. } = opened;
        if message.kind() == Kind::Error && message.id().is_none() {
            // It could not make out what was sent.
            return Err(Refusal::Upstream);
        }
        if message.kind() != Kind::Response {
            return Ok(Some(message));
        }
        let (message, _) = announce::take(message)?;
        match (asked, self.link.peer()) {
            (Some(asked), Some(peer)) if asked.method == tools::LIST => {
                // What is pinned here is pinned with all other servers' tools.
                let mut pins = PinStore::default();
                let now = peer.passport.issued_at();
                let checked = tools::check_list(message, &peer.passport, &mut pins, now)?;
                if let Some(shown) = Shown::of(&peer) {
                    self.terms.evidence.show(&self.terms.server, shown);
                }
                for withheld in checked.withheld {
                    tracing::error!(
                        server = self.terms.server, tool = withheld.name, reason = %withheld.refusal,
                        "a tool of {} is not shown: {}", self.terms.server, withheld.refusal
                    );
                }
                Ok(Some(checked.message))
            }
            _ => Ok(Some(message)),
        }
    }

    /// Says why nothing more is believed, and makes the answer to whoever waits.
    fn broke(&mut self, refusal: &Refusal) -> Option<String> {
        self.over = true;
        let (code, decision_id) = (refusal.code(), self.link.decision_id());
        let server = &self.terms.server;
        tracing::error!(
            server, code = code.id(), decision_id, reason = %refusal,
            "refused what {server} sent, {}: {refusal}; {}", code.id(), code.advice()
        );
        let id = self.id.as_ref()?;
        Some(message::error_text(Some(id), code, &decision_id, ""))
    }

    /// The server was lost in the middle of its answer; `None` where it answers nothing.
    fn lost(&mut self, error: &TransportError) -> Option<String> {
        let (id, server) = (self.id.as_ref()?, &self.terms.server);
        self.over = true;
        let (code, decision_id) = (Code::UpstreamUnavailable, self.link.decision_id());
        tracing::error!(
            server, code = code.id(), decision_id, reason = %error,
            "{server} was lost in the middle of an answer: {error}; {}", code.advice()
        );
        Some(message::error_text(Some(id), code, &decision_id, ""))
    }
}

/// Whether a refusal asks for our passport.
fn wants_passport(message: &Message) -> bool {
    let data = message.error().and_then(|error| error.get("data"));
    let want = data
        .and_then(|data| data.get("want"))
        .and_then(Value::as_str);
    want.as_deref() == Some("passport")
}

impl Way {
    fn hearing(&self, body: Body, id: Option<Id>) -> Hearing {
        Hearing {
            terms: Arc::clone(&self.terms),
            link: Arc::clone(&self.link),
            body,
            id,
            over: false,
        }
    }

    async fn send(&self, outward: Outward) -> Result<Response, TransportError> {
        let Outward {
            message,
            headers,
            act,
        } = outward;
        let own = Announcement {
            carrier: Carrier::Native,
            min_level: None,
            max_age_s: None,
        };
        let message = announce::add(message, own).map_err(unsent)?;
        let id = (message.kind() == Kind::Request).then(|| message.id().cloned());
        let id = id.flatten();
        let mut again = true;
        loop {
            let sealed = self.link.seal_post_for(message.clone(), None, act.clone());
            let (text, body) = sealed.map_err(unsent)?;
            let hearing = self.hearing(body, id.clone());
            let response = self.terms.http.post(text, headers.clone()).await?;
            match self.read(response, hearing).await {
                Some(response) => return Ok(response),
                None if again => {
                    self.link.show_passport();
                    again = false;
                }
                None => return Err(unsent(Refusal::PassportWanted)),
            }
        }
    }

    /// Verifies a response; `None` when it asks for our passport.
    async fn read(&self, response: Response, mut hearing: Hearing) -> Option<Response> {
        match response {
            Response::Events { headers, events } => {
                let events = Verified::new(events, hearing, self.broken.clone());
                let events = EventReader::of(events);
                Some(Response::Events { headers, events })
            }
            Response::Json { headers, body } => {
                let text = match hearing.hear(body.to_vec()).await {
                    Heard::WantsPassport => return None,
                    Heard::Message(message) => match hearing.body.finish() {
                        Ok(()) => message.into_text(),
                        Err(refusal) => hearing.broke(&refusal)?,
                    },
                    Heard::Broken(text) => text.unwrap_or_default(),
                    Heard::Nothing => String::new(),
                };
                let body = text.into();
                Some(Response::Json { headers, body })
            }
            // A status without words, as of a wrapper that has restarted and knows the session no more.
            refused @ Response::Refused { .. } if is_silent(&refused) => Some(refused),
            Response::Refused {
                status,
                headers,
                body,
            } => {
                let body = match hearing.hear(body.to_vec()).await {
                    Heard::WantsPassport => return None,
                    Heard::Message(message) => message.into_text(),
                    Heard::Broken(text) => text.unwrap_or_default(),
                    Heard::Nothing => String::new(),
                };
                Some(Response::Refused {
                    status,
                    headers,
                    body: body.into(),
                })
            }
            Response::Accepted { headers } => Some(Response::Accepted { headers }),
        }
    }

    /// What a GET or DELETE says in its header.
    fn fetch(
        &self,
        method: &str,
        last_event_id: Option<&[u8]>,
        headers: &mut HeaderMap,
    ) -> Result<Body, TransportError> {
        let session = headers.get(MCP_SESSION_ID).and_then(|id| id.to_str().ok());
        let last_event_id = last_event_id.map(|id| String::from_utf8_lossy(id).into_owned());
        let fetch = Fetch {
            method: method.to_owned(),
            session: session.unwrap_or_default().to_owned(),
            last_event_id,
        };
        let message = fetch.message().map_err(unsent)?;
        let (text, body) = self.link.seal_post(message, None).map_err(unsent)?;
        let value = HeaderValue::try_from(URL_SAFE_NO_PAD.encode(text));
        let value = value.map_err(|_| unsent(Refusal::Envelope("it is too long for a header")))?;
        headers.insert(HeaderName::from_static(fetch::HEADER), value);
        Ok(body)
    }
}

/// A message that could not be signed never went out.
fn unsent(refusal: Refusal) -> TransportError {
    let code: Code = refusal.code();
    tracing::error!(code = code.id(), reason = %refusal, "nothing was sent to a signed server: {refusal}");
    TransportError::Exchange(Arc::new(refusal))
}

impl Reach for Way {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.send(outward))
    }

    fn get<'a>(&'a self, last_event_id: Option<&'a [u8]>, mut headers: HeaderMap) -> Awaited<'a> {
        Box::pin(async move {
            let body = self.fetch("GET", last_event_id, &mut headers)?;
            match self.terms.http.get(last_event_id, headers).await? {
                Response::Events { headers, events } => {
                    // A stream that broke off goes on as what it was.
                    let after = last_event_id.unwrap_or_default();
                    let before = self.broken.as_ref().and_then(|broken| broken.take(after));
                    let hearing = before.unwrap_or_else(|| self.hearing(body, None));
                    let events = Verified::new(events, hearing, self.broken.clone()).after(after);
                    let events = EventReader::of(events);
                    Ok(Response::Events { headers, events })
                }
                other => Ok(other),
            }
        })
    }

    fn delete(&self, mut headers: HeaderMap) -> Awaited<'_> {
        Box::pin(async move {
            self.fetch("DELETE", None, &mut headers)?;
            let response = self.terms.http.delete(headers).await?;
            Ok(match response {
                Response::Refused { status, .. } => Response::Refused {
                    status,
                    headers: McpHeaders::default(),
                    body: bytes::Bytes::new(),
                },
                other => other,
            })
        })
    }
}

fn is_silent(response: &Response) -> bool {
    matches!(response, Response::Refused { body, .. } if body.is_empty())
}
