//! A subscription of the newer era at a server of the older: a session of its own, whose stream it is.

use std::sync::Arc;

use mcps_client::listen::Outward;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, Response};

use super::session::Session;
use super::{Newer, told};
use crate::upstream::bridge::document;
use crate::upstream::bridge::outlet::Outlet;
use crate::upstream::bridge::wording::{SUBSCRIPTION, Said, quoted, rebuilt};

/// Resources of one subscription.
const MAX_WATCHED: usize = 256;
/// What a subscription may be to, whose lists that are, and what tells of them.
const LISTS: [(&str, &str, &str); 3] = [
    (
        "promptsListChanged",
        "prompts",
        "notifications/prompts/list_changed",
    ),
    (
        "resourcesListChanged",
        "resources",
        "notifications/resources/list_changed",
    ),
    (
        "toolsListChanged",
        "tools",
        "notifications/tools/list_changed",
    ),
];
/// What tells of one resource.
const UPDATED: &str = "notifications/resources/updated";

/// What a caller hears of.
#[derive(Default)]
struct Heard {
    /// As its subscription calls it, and what tells of it.
    lists: Vec<(&'static str, &'static str)>,
    resources: Vec<String>,
}

impl Heard {
    fn acknowledged(&self, id: &str) -> Option<Message> {
        let mut members: Vec<_> = self
            .lists
            .iter()
            .map(|(name, _)| format!(r#""{name}":true"#))
            .collect();
        if !self.resources.is_empty() {
            let all: Vec<_> = self.resources.iter().map(|uri| quoted(uri)).collect();
            members.push(format!(r#""resourceSubscriptions":[{}]"#, all.join(",")));
        }
        let members = members.join(",");
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{{{members}}},"_meta":{{"{SUBSCRIPTION}":{id}}}}}}}"#
        );
        Message::parse(text).ok()
    }

    /// What the server says, as the caller is to have it.
    fn told(&self, message: &Message, id: &str) -> Option<Message> {
        let method = message.method()?;
        let wanted = self.lists.iter().any(|(_, tells)| *tells == method);
        if message.kind() != Kind::Notification || !(wanted || method == UPDATED) {
            return None;
        }
        let params = message.params();
        let meta = rebuilt(
            params.and_then(|params| params.get("_meta")),
            &[],
            &[(SUBSCRIPTION, id)],
        );
        let params = rebuilt(params, &["_meta"], &[("_meta", &meta)]);
        Message::parse(rebuilt(
            Some(message.root()),
            &["params"],
            &[("params", &params)],
        ))
        .ok()
    }
}

impl Newer {
    /// Opens a subscription, as far as the server tells of what it is to.
    pub(super) async fn listen(
        self: &Arc<Self>,
        outward: Outward,
    ) -> Result<Response, TransportError> {
        let place = match self.place() {
            Ok(place) => place,
            Err(unopened) => return Ok(self.unopened(&outward.message, unopened)),
        };
        let (mut outlet, seat, left) = Outlet::new();
        let (newer, asked) = (Arc::clone(self), outward.message.clone());
        // Beside whoever asks, so that the session ends at the server even if they leave at once.
        let begun = self.begin(&asked, async move {
            let said = Said::each(&outward.message);
            match Session::open(&newer.reach, place, &said, &outward.headers).await {
                Ok(session) => {
                    tokio::select! {
                        _ = left => {}
                        () = newer.tell(&session, &outward, &mut outlet) => {}
                    }
                    session.close(&newer.reach).await;
                }
                Err(unopened) => outlet.give(newer.unopened(&outward.message, unopened)),
            }
        });
        match begun {
            Ok(()) => seat.wait().await,
            Err(refused) => Ok(*refused),
        }
    }

    /// Tells a caller of what its subscription is to, until the server ends the stream.
    async fn tell(&self, session: &Session, outward: &Outward, outlet: &mut Outlet) {
        let asked = &outward.message;
        let heard = self.subscribe(session, outward).await;
        let headers = session.headers(&outward.headers);
        let Ok(Response::Events { mut events, .. }) = self.reach.get(None, headers).await else {
            let why = "the server tells nothing by itself";
            return outlet.give(told(document::error(asked, -32601, why)));
        };
        let id = asked.id().map(|id| id.as_str()).unwrap_or_default();
        pass_on(&heard, id, &mut events, outlet).await;
    }

    /// What of a subscription the server does.
    async fn subscribe(&self, session: &Session, outward: &Outward) -> Heard {
        let wanted = outward
            .message
            .params()
            .and_then(|params| params.get("notifications"));
        let wants = |name: &str| wanted.and_then(|all| all.get(name)?.as_bool()) == Some(true);
        let mut heard = Heard::default();
        for (name, capability, tells) in LISTS {
            if wants(name) && session.tells(capability, "listChanged") {
                heard.lists.push((name, tells));
            }
        }
        let resources = wanted.and_then(|all| all.get("resourceSubscriptions")?.as_array());
        let resources = resources.into_iter().flatten().filter_map(Value::as_str);
        let resources = resources.filter(|_| session.subscribes()).take(MAX_WATCHED);
        for uri in resources {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":"subscribe","method":"resources/subscribe","params":{{"uri":{}}}}}"#,
                quoted(&uri)
            );
            let Ok(message) = Message::parse(text) else {
                continue;
            };
            let response = self
                .reach
                .post(session.outward(message, &outward.headers))
                .await;
            let Ok(response) = response else { continue };
            let answer = document::whole(response).await;
            if answer.is_some_and(|answer| answer.result().is_some()) {
                heard.resources.push(uri.into_owned());
            }
        }
        heard
    }
}

async fn pass_on(heard: &Heard, id: &str, events: &mut EventReader, outlet: &mut Outlet) {
    let Some(acknowledged) = heard.acknowledged(id) else {
        return;
    };
    outlet.say(&acknowledged).await;
    while let Some(message) = document::next(events).await {
        if let Some(message) = heard.told(&message, id) {
            outlet.say(&message).await;
        }
    }
}
