//! What a link remembers between messages.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mcps_core::binding::{Pending, Req};
use mcps_core::jcs;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Id, Message};
use mcps_core::passport::{Passport, PassportId};
use mcps_core::refusal::Refusal;
use mcps_core::stream::Stream;

use super::MAX_IN_FLIGHT;

/// Cancelled requests whose answer may still come.
const MAX_CANCELLED: usize = 1024;

/// Whom the other end has proven to be.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The passport it last signed with.
    pub passport: Arc<Passport>,
    /// Its effective level at that message.
    pub level: TrustLevel,
}

impl Peer {
    /// Whether `passport` is of the same subject: renewal changes the id, nothing else.
    pub(super) fn is_same_subject(&self, passport: &Passport) -> bool {
        let own = &self.passport;
        own.id() == passport.id()
            || (own.issuer() == passport.issuer()
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
                .map(|method| method.into_owned())
                .unwrap_or_default(),
            name: text("name").or_else(|| text("uri")),
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
        .map(jcs::to_string)
}

/// `params.progressToken` of a progress notification, canonical.
pub(super) fn progress_of(message: &Message) -> Option<String> {
    let progress = message.method().as_deref() == Some("notifications/progress");
    let token = message
        .params()
        .and_then(|params| params.get("progressToken"))
        .map(jcs::to_string);
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
    pub(super) session: Option<String>,
    /// The session was told to us, not learnt: another is refused from the first message on.
    pub(super) incoming: Stream,
    pub(super) outgoing: Stream,
    pub(super) asked: Pending<Asked>,
    pub(super) serving: Serving,
    /// The passport the other end was last shown.
    pub(super) shown: Option<PassportId>,
    /// The other end speaks plain MCP, and that was admitted.
    pub(super) plain: bool,
    cancelled: VecDeque<Id>,
}

impl State {
    pub(super) fn new(session: Option<String>) -> Self {
        Self {
            peer: None,
            session,
            incoming: Stream::new(),
            outgoing: Stream::new(),
            asked: Pending::new(MAX_IN_FLIGHT),
            serving: Serving::default(),
            shown: None,
            plain: false,
            cancelled: VecDeque::new(),
        }
    }

    /// A cancelled request may stay unanswered, so that only so many are waited for.
    pub(super) fn cancelled(&mut self, message: &Message, ours: bool) {
        if message.method().as_deref() != Some("notifications/cancelled") {
            return;
        }
        let named = message
            .params()
            .and_then(|params| params.get("requestId"))
            .and_then(Id::from_value);
        let Some(id) = named else { return };
        self.cancelled.push_back(id);
        if self.cancelled.len() > MAX_CANCELLED
            && let Some(oldest) = self.cancelled.pop_front()
        {
            if ours {
                self.asked.remove(&oldest);
            } else {
                self.serving.remove(&oldest);
            }
        }
    }
}
