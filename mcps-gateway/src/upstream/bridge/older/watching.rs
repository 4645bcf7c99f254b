//! What a caller of the older era hears on its stream of a server of 2026-07-28: one subscription, begun anew
//! whenever the resources that the caller wants to hear of are others.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode};
use mcps_client::listen::Outward;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use mcps_transport::http::headers::McpHeaders;
use tokio::sync::watch;

use super::{Older, too_long};
use crate::upstream::bridge::outlet::Outlet;
use crate::upstream::bridge::wording::{SUBSCRIPTION, quoted, rebuilt};
use crate::upstream::bridge::{document, not_allowed};

/// Resources that one caller hears of.
const MAX_WATCHED: usize = 1024;
/// And how long the address of each may be.
const MAX_URI: usize = 2048;
/// Lists whose changes a server may tell of, and what a subscription calls that.
const LISTS: [(&str, &str); 3] = [
    ("prompts", "promptsListChanged"),
    ("resources", "resourcesListChanged"),
    ("tools", "toolsListChanged"),
];
/// What says which of the things that were asked for will be told.
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// What a caller wants to hear of.
#[derive(Default)]
pub(super) struct Watched {
    resources: watch::Sender<BTreeSet<String>>,
    /// What the server tells of, as members of a subscription.
    lists: Mutex<Vec<&'static str>>,
}

impl Watched {
    /// Takes note of what a server says that it tells of.
    pub(super) fn can(&self, discovered: &Message) {
        let all = discovered
            .result()
            .and_then(|result| result.get("capabilities"));
        let tells = |name: &str| {
            let told = all.and_then(|all| all.get(name)?.get("listChanged")?.as_bool());
            told == Some(true)
        };
        let told = LISTS.iter().filter(|(name, _)| tells(name));
        let told = told.map(|(_, member)| *member).collect();
        *self.lists.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// The request that asks for all of it.
    fn question(&self, number: u64) -> Option<Message> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let mut members: Vec<String> = lists
            .iter()
            .map(|name| format!(r#""{name}":true"#))
            .collect();
        drop(lists);
        let resources: Vec<String> = self
            .resources
            .borrow()
            .iter()
            .map(|uri| quoted(uri))
            .collect();
        if !resources.is_empty() {
            members.push(format!(
                r#""resourceSubscriptions":[{}]"#,
                resources.join(",")
            ));
        }
        let members = members.join(",");
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":"listen-{number}","method":"subscriptions/listen","params":{{"notifications":{{{members}}}}}}}"#
        );
        Message::parse(text).ok()
    }
}

impl Older {
    /// A resource that the caller wants to hear of, or no more.
    pub(super) fn watch(&self, message: &Message, method: &str) -> Option<Message> {
        let uri = message.params().and_then(|params| params.get("uri"));
        let Some(uri) = uri.and_then(Value::as_str) else {
            return document::error(message, -32602, "`uri` is missing");
        };
        let (mut full, ends) = (false, method == "resources/unsubscribe");
        self.watched.resources.send_if_modified(|known| {
            if ends {
                return known.remove(uri.as_ref());
            }
            full = known.len() >= MAX_WATCHED || uri.len() > MAX_URI;
            !full && known.insert(uri.into_owned())
        });
        if full {
            let (server, random) = (&self.common.server, self.common.random.as_ref());
            let why = "the caller hears of too many resources already";
            return document::refusal(message, Code::RateLimited, random, server, why);
        }
        document::answer(message, "{}")
    }

    /// Opens the stream.
    pub(super) async fn stand(
        self: &Arc<Self>,
        headers: HeaderMap,
    ) -> Result<Response, TransportError> {
        let mut changes = self.watched.resources.subscribe();
        changes.mark_unchanged();
        let first = match self.listen(&headers).await? {
            Response::Events { events, .. } => events,
            // It has no subscriptions: so it has no such stream.
            _ => return Ok(not_allowed()),
        };
        let (mut outlet, seat, left) = Outlet::new();
        let older = Arc::clone(self);
        outlet.begin();
        let begun = self.begin(async move {
            let telling = async {
                let mut events = first;
                loop {
                    tokio::select! {
                        message = document::next(&mut events) => {
                            // An answer says that the server has ended it.
                            let Some(message) = message.filter(|message| message.method().is_some()) else {
                                return;
                            };
                            if let Some(message) = told(&message) {
                                outlet.say(&message).await;
                            }
                        }
                        changed = changes.changed() => {
                            if changed.is_err() { return }
                            match older.listen(&headers).await {
                                Ok(Response::Events { events: anew, .. }) => events = anew,
                                _ => return,
                            }
                        }
                    }
                }
            };
            tokio::select! {
                _ = left => {}
                () = telling => {}
            }
        });
        if !begun {
            tracing::warn!(
                server = self.common.server,
                "refused a stream: too much of its caller's is under way"
            );
            return Ok(Response::Refused {
                status: StatusCode::TOO_MANY_REQUESTS,
                headers: McpHeaders::default(),
                body: bytes::Bytes::new(),
            });
        }
        seat.wait().await
    }

    async fn listen(&self, headers: &HeaderMap) -> Result<Response, TransportError> {
        let message = self.watched.question(self.number()).ok_or_else(too_long)?;
        let as_in = Outward {
            message: message.clone(),
            headers: headers.clone(),
            act: None,
        };
        let outward = self.put(&message, &as_in, None).ok_or_else(too_long)?;
        self.reach.post(outward).await
    }
}

/// A message of a subscription as its reader is to have it.
fn told(message: &Message) -> Option<Message> {
    let acknowledges = message.method().as_deref() == Some(ACKNOWLEDGED);
    let told = message.kind() == Kind::Notification && !acknowledges;
    told.then(|| unnumbered(message)).flatten()
}

/// A notification without the name of its subscription.
fn unnumbered(message: &Message) -> Option<Message> {
    let params = message.params()?;
    let meta = rebuilt(params.get("_meta"), &[SUBSCRIPTION], &[]);
    let meta: &[_] = if meta == "{}" {
        &[]
    } else {
        &[("_meta", meta.as_str())]
    };
    let params = rebuilt(Some(params), &["_meta"], meta);
    let params: &[_] = if params == "{}" {
        &[]
    } else {
        &[("params", params.as_str())]
    };
    Message::parse(rebuilt(Some(message.root()), &["params"], params)).ok()
}
