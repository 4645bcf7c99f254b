//! Subscriptions of the newer era, as far as they are to resources: each is decided as
//! `resources/subscribe` of the older era is, whichever of the two the server then hears of.

use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::Message;

use super::Gateway;
use super::stages::Seated;
use super::weight::Weight;
use crate::call::{Call, Target};
use crate::judge::{Denial, Permit};
use crate::record::Outcome;
use crate::routes::Route;

/// What may be to resources, and what each of those counts as.
const LISTEN: &str = "subscriptions/listen";
const SUBSCRIBE: &str = "resources/subscribe";
/// Resources of one subscription.
const MAX_SUBSCRIBED: usize = 256;

impl Gateway {
    /// Whether a caller may subscribe to each resource that it names. It is one that it may not which the
    /// call is refused for, and no server hears of the others either.
    pub(super) async fn subscribes(
        &self,
        route: &Route,
        seated: &mut Seated,
    ) -> Result<(), Denial> {
        let mut permitted = Vec::new();
        for uri in wanted(&seated.call)? {
            let call = self.subscription(route, seated, &uri)?;
            let decided = match call.target.server {
                Some(_) => self.judge().decide(&call).await,
                None => Err(Denial::new(
                    Code::UnknownServer,
                    "server",
                    "no server that the caller may reach offers what it subscribes to".to_owned(),
                )),
            };
            match decided {
                Ok(permit) => permitted.push((call, permit)),
                Err(denial) => {
                    seated.call = call;
                    return Err(denial);
                }
            }
        }
        for (call, permit) in &permitted {
            self.noted(call, permit).await?;
        }
        Ok(())
    }

    /// The call that a subscription to one resource counts as.
    fn subscription(&self, route: &Route, seated: &Seated, uri: &str) -> Result<Call, Denial> {
        let call = &seated.call;
        let id = call.message.id().map_or("null", |id| id.as_str());
        let quoted = serde_json::Value::from(uri);
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{SUBSCRIBE}","params":{{"uri":{quoted}}}}}"#
        );
        let message = Message::parse(text).map_err(|_| malformed())?;
        let owner = match &route.server {
            Some(server) => Some((server.clone(), uri.to_owned())),
            None => {
                let passage = seated.entered.passage();
                passage.and_then(|passage| passage.reach().leads("resources", uri))
            }
        };
        let owner = owner.filter(|(server, _)| self.reaches(&call.caller.tenant, server));
        let (server, name) = owner.unzip();
        Ok(Call {
            decision_id: self.decision_id(),
            method: SUBSCRIBE.to_owned(),
            target: Target { server, name },
            message,
            ..call.clone()
        })
    }

    /// Puts on record that a subscription was permitted, or it goes no further.
    async fn noted(&self, call: &Call, permit: &Permit) -> Result<(), Denial> {
        let weight = Weight::of(&self.parts.config.load(), &self.parts.levels, call);
        let written = self.recorder().decision(call, Ok(permit), weight.need());
        match written.await {
            Ok(()) => self.recorder().outcome(call, &Outcome::PassedOn),
            Err(error) if weight.is_optional() => {
                tracing::error!(decision_id = call.decision_id, error = %error, "goes on though {error}");
            }
            Err(error) => {
                let (code, rule) = (Code::RecordUnavailable, "record");
                return Err(Denial::new(code, rule, error.to_string()));
            }
        }
        Ok(())
    }
}

/// The resources that a subscription is to.
fn wanted(call: &Call) -> Result<Vec<String>, Denial> {
    let params = call.message.params().filter(|_| call.method == LISTEN);
    let wanted =
        params.and_then(|params| params.get("notifications")?.get("resourceSubscriptions"));
    let Some(wanted) = wanted else {
        return Ok(Vec::new());
    };
    let all = wanted.as_array().ok_or_else(malformed)?;
    let mut uris = Vec::new();
    for uri in all {
        if uris.len() >= MAX_SUBSCRIBED {
            return Err(malformed());
        }
        let uri = Value::as_str(uri).ok_or_else(malformed)?;
        uris.push(uri.into_owned());
    }
    Ok(uris)
}

fn malformed() -> Denial {
    let reason = format!("it names no list of at most {MAX_SUBSCRIBED} resources");
    Denial::new(Code::Malformed, "message.subscription", reason)
}
