//! What a link remembers between messages.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mcps_core::binding::{Pending, Req};
use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Id, Kind, Message};
use mcps_core::passport::{Passport, PassportId};
use mcps_core::refusal::Refusal;
use mcps_core::stream::Stream;

use super::MAX_IN_FLIGHT;

/// Cancelled requests, per direction, whose answer may still come.
const MAX_CANCELLED: usize = 1024;
/// Longest id, in bytes of its JSON: it is kept as long as its request is in flight.
const MAX_ID: usize = 1024;
/// Longest name that is kept as it is written.
const MAX_NOTE: usize = 256;

/// Whom the other end has proven to be.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The passport it last signed with.
    pub passport: Arc<Passport>,
    /// Its effective level at that message.
    pub level: TrustLevel,
    /// Whether an authority that is believed here vouches for the passport.
    pub recognised: bool,
}

impl Peer {
    /// Whether `passport` is of the same subject: renewal changes the id, nothing else. Where no
    /// authority vouches for a name or an id, only the very same passport is.
    pub(super) fn is_same_subject(&self, passport: &Passport, recognised: bool) -> bool {
        let own = &self.passport;
        own.signed_digest() == passport.signed_digest()
            || (self.recognised
                && recognised
                && own.issuer() == passport.issuer()
                && own.agent_name() == passport.agent_name()
                && own.ext().is_some_and(|ext| Some(ext) == passport.ext()))
    }
}

/// A request of ours that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// The name of the tool, prompt or resource that was asked for, if any.
    pub name: Option<String>,
    /// Whether the request asked for a later page of a list.
    pub paged: bool,
    pub(super) token: Option<String>,
}

impl Asked {
    pub(super) fn of(message: &Message) -> Self {
        let param = |name: &str| message.params().and_then(|params| params.get(name));
        let text = |name: &str| {
            param(name)
                .and_then(Value::as_str)
                .map(|text| text.into_owned())
        };
        Self {
            method: message
                .method()
                .map(|method| note(method.into_owned()))
                .unwrap_or_default(),
            name: text("name").or_else(|| text("uri")).map(note),
            paged: param("cursor").is_some(),
            token: progress_token(message),
        }
    }
}

/// `params._meta.progressToken` of a request, canonical.
fn progress_token(message: &Message) -> Option<String> {
    message
        .meta()
        .and_then(|meta| meta.get("progressToken"))
        .map(|token| note(jcs::to_string(token)))
}

/// `params.progressToken` of a progress notification, canonical.
pub(super) fn progress_of(message: &Message) -> Option<String> {
    let progress = message.method().as_deref() == Some("notifications/progress");
    let token = message
        .params()
        .and_then(|params| params.get("progressToken"))
        .map(|token| note(jcs::to_string(token)));
    token.filter(|_| progress)
}

/// The other end's requests that wait for our answer.
#[derive(Debug, Default)]
pub(super) struct Serving {
    requests: HashMap<Id, (Option<Req>, Asked)>,
}

impl Serving {
    /// Notes a request; `req` is absent when it came unsigned.
    pub(super) fn insert(&mut self, message: &Message, req: Option<Req>) -> Result<(), Refusal> {
        let Some(id) = message.id() else {
            return Ok(());
        };
        keepable(id)?;
        if self.requests.len() >= MAX_IN_FLIGHT {
            return Err(Refusal::Full("the table of requests in flight"));
        }
        if self.requests.contains_key(id) {
            return Err(Refusal::Message(
                "a request with this `id` is still in flight",
            ));
        }
        self.requests.insert(id.clone(), (req, Asked::of(message)));
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<(Option<Req>, Asked)> {
        self.requests.remove(id)
    }

    pub(super) fn get(&self, id: &Id) -> Option<&(Option<Req>, Asked)> {
        self.requests.get(id)
    }

    pub(super) fn ids(&self) -> Vec<Id> {
        self.requests.keys().cloned().collect()
    }

    /// The request whose progress a notification of ours tells.
    pub(super) fn with_token_of(&self, message: &Message) -> Option<Id> {
        let token = progress_of(message)?;
        let mut all = self.requests.iter();
        let found = all.find(|(_, (_, asked))| asked.token.as_ref() == Some(&token));
        found.map(|(id, _)| id.clone())
    }

    /// The request that a notification or request of ours belongs to: by progress token, else the
    /// only one there is.
    pub(super) fn behind(&self, message: &Message) -> Option<Req> {
        if let Some(token) = progress_of(message) {
            let same = |(_, asked): &&(Option<Req>, Asked)| asked.token.as_ref() == Some(&token);
            return self
                .requests
                .values()
                .find(same)
                .and_then(|(req, _)| req.clone());
        }
        let mut all = self.requests.values();
        match (all.next(), all.next()) {
            (Some((req, _)), None) if message.id().is_some() => req.clone(),
            _ => None,
        }
    }
}

/// All that a link remembers.
#[derive(Debug)]
pub(super) struct State {
    pub(super) peer: Option<Peer>,
    /// Who signed what was refused before there was a peer: whom to address a next try to.
    pub(super) stranger: Option<PassportId>,
    /// The agent's run: told to us or learnt from the first message that was accepted.
    pub(super) session: Option<String>,
    /// The run of the messages in `incoming` as long as none was accepted.
    pub(super) refused_session: Option<String>,
    pub(super) incoming: Stream,
    pub(super) outgoing: Stream,
    pub(super) asked: Pending<Asked>,
    pub(super) serving: Serving,
    /// The passport the other end was last shown.
    pub(super) shown: Option<PassportId>,
    /// The other end speaks plain MCP, and that was admitted.
    pub(super) plain: bool,
    /// The other end binds its messages to this connection, and so must go on doing.
    pub(super) bound: bool,
    cancelled: Cancelled,
}

/// Cancelled requests by who asked.
#[derive(Debug, Default)]
struct Cancelled {
    ours: Given,
    theirs: Given,
}

/// Requests that may stay unanswered, so that only so many are waited for.
#[derive(Debug, Default)]
struct Given(VecDeque<Id>);

impl Given {
    /// Adds one and returns the one that is not waited for any more.
    fn push(&mut self, id: Option<Id>) -> Option<Id> {
        self.0.extend(id);
        let full = self.0.len() > MAX_CANCELLED;
        full.then(|| self.0.pop_front()).flatten()
    }
}

/// The request that a notification cancels.
pub(super) fn cancelled_by(message: &Message) -> Option<Id> {
    if message.method().as_deref() != Some("notifications/cancelled") {
        return None;
    }
    let id = message.params()?.get("requestId").and_then(Id::from_value);
    id.filter(|id| keepable(id).is_ok())
}

/// Whether an id is one that can be kept.
///
/// # Errors
/// [`Refusal::Message`].
pub(super) fn keepable(id: &Id) -> Result<(), Refusal> {
    if id.as_str().len() > MAX_ID {
        return Err(Refusal::Message("`id` is longer than 1024 bytes"));
    }
    Ok(())
}

/// A name to compare with; of one without end, its digest.
fn note(text: String) -> String {
    if text.len() > MAX_NOTE {
        Digest::of(text.as_bytes()).to_string()
    } else {
        text
    }
}

impl State {
    pub(super) fn new(session: Option<String>) -> Self {
        Self {
            peer: None,
            stranger: None,
            session,
            refused_session: None,
            incoming: Stream::new(),
            outgoing: Stream::new(),
            asked: Pending::new(MAX_IN_FLIGHT),
            serving: Serving::default(),
            shown: None,
            plain: false,
            bound: false,
            cancelled: Cancelled::default(),
        }
    }

    /// Takes note of a message that goes out.
    pub(super) fn sent(&mut self, kind: Kind, id: Option<Id>, cancels: Option<Id>) {
        if let (Kind::Response | Kind::Error, Some(id)) = (kind, id) {
            self.serving.remove(&id);
        }
        if let Some(oldest) = self.cancelled.ours.push(cancels) {
            self.asked.remove(&oldest);
        }
    }

    /// Takes note of a message that came in.
    pub(super) fn received(&mut self, message: &Message) {
        if let Some(oldest) = self.cancelled.theirs.push(cancelled_by(message)) {
            self.serving.remove(&oldest);
        }
    }

    /// The stream that a message of `session` continues. Before any message was accepted nobody
    /// knows the agent's run, and one that was refused must not keep out another.
    pub(super) fn incoming_of(&mut self, session: &str) -> &mut Stream {
        if self.session.is_none() && self.refused_session.as_deref() != Some(session) {
            self.refused_session = Some(session.to_owned());
            self.incoming = Stream::new();
        }
        &mut self.incoming
    }
}
