//! The stages, and the evidence that each leaves.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use mcps_client::link::Peer;
use mcps_client::listen::{Admitted, Entered, Fetched};
use mcps_client::tools;
use mcps_core::code::Code;
use mcps_core::level::Effective;
use mcps_core::message::{self, Kind};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::{Post, Reply};
use tokio::time::timeout;

use super::Gateway;
use super::discovery::PATIENCE;
use super::target::{nameless, target};
use super::weight::Weight;
use crate::asking;
use crate::call::{Call, Caller, Principal, SessionKey, Stages, Target};
use crate::callers::Known;
use crate::catalogue::Inquiry;
use crate::discovery::FIND_TOOLS;
use crate::judge::{Denial, Permit};
use crate::outcome::{Answering, Reader};
use crate::routes::Route;

/// A request whose caller is known and belongs to a tenant that may reach the server.
pub(super) struct Identified {
    admitted: Admitted,
    caller: Caller,
    stages: Stages,
}

/// One whose caller has the level that tenant and server ask for.
pub(super) struct Trusted(Identified);

/// One in its session.
pub(super) struct Seated {
    pub(super) entered: Entered,
    pub(super) call: Call,
}

/// One whose target is known, and that has the level that the target asks for.
pub(super) struct Placed(Seated);

/// One whose tool is the one that was seen first.
pub(super) struct Intact(Seated);

/// One that whoever decides has permitted.
pub(super) struct Judged {
    seated: Seated,
    permit: Option<Permit>,
}

/// One that may be forwarded: every check was passed, and the decision is on record.
pub(super) struct Cleared {
    entered: Entered,
    /// Absent for what nobody answers.
    call: Option<Arc<Call>>,
    caller: Caller,
}

impl Gateway {
    /// The endpoint behind a path. A server that nobody registered is refused, whoever asks.
    pub(super) fn route(&self, path: &str) -> Result<Arc<Route>, Box<Reply>> {
        self.routes.find(path).ok_or_else(|| {
            let (code, decision_id) = (Code::UnknownServer, self.decision_id());
            tracing::warn!(
                code = code.id(), decision_id, path = %path.escape_debug(),
                "refused with {}: no server is registered at this path; {}", code.id(), code.advice()
            );
            // Who asks is not known, and what they asked was not read.
            nobodys(StatusCode::NOT_FOUND, code, &decision_id)
        })
    }

    /// Whose a request is: of the tenant that the passport names, or the key or the token that came
    /// instead, or of the one whose callers need not say who they are.
    pub(super) async fn authenticate(
        &self,
        route: &Route,
        admitted: Admitted,
        (known, mut stages): (Option<Known>, Stages),
    ) -> Result<Identified, Box<Reply>> {
        stages.end("verified");
        let peer = admitted.caller();
        let unvouched = peer.as_ref().is_some_and(|peer| !peer.recognised);
        let guest = known.as_ref().map(Known::guest);
        let (tenant, principal) = self.who(peer.as_ref(), known);
        // Nobody vouches for what an unknown issuer says of its tenants.
        let tenant = tenant.filter(|_| !unvouched);
        let caller = Caller {
            tenant: tenant.clone().unwrap_or_default(),
            principal,
            trust: admitted.trust(),
        };
        let server = route.server.as_deref();
        let denial = match (&tenant, &guest) {
            (Some(tenant), None) if self.serves(tenant, server) => None,
            (Some(tenant), Some(guest)) if self.serves(tenant, server) => {
                self.stands(guest).await.err()
            }
            _ => Some(belongs_nowhere(&caller, tenant.as_deref())),
        };
        let Some(denial) = denial else {
            return Ok(Identified {
                admitted,
                caller,
                stages,
            });
        };
        let code = denial.code;
        let foreign = guest.is_some() && !self.serves(&caller.tenant, None);
        if unvouched || foreign || caller.principal.is_none() {
            // What anybody can send is not to fill the record.
            let decision_id = self.refused(&caller, route, &denial);
            return Err(route.hub.deny(admitted, code, &decision_id));
        }
        let call = self.call(route, &admitted, (caller, stages));
        self.put(&call, &denial).await;
        Err(route.hub.deny(admitted, code, &call.decision_id))
    }

    /// The tenant and the name of whoever has signed or came with something else; of all others the
    /// tenant that has such callers.
    fn who(
        &self,
        peer: Option<&Peer>,
        known: Option<Known>,
    ) -> (Option<String>, Option<Principal>) {
        match (peer, known) {
            (Some(peer), _) => {
                let tenant = peer.passport.ext().map(|ext| ext.tenant.clone());
                (tenant, Some(Principal::of(peer)))
            }
            (None, Some(known)) => (Some(known.tenant), Some(known.principal)),
            (None, None) => (self.anonymous(), None),
        }
    }

    /// Whether a tenant is one of those here, and its callers may reach that server.
    fn serves(&self, tenant: &str, server: Option<&str>) -> bool {
        let known = self.parts.config.load().tenant.contains_key(tenant);
        known && server.is_none_or(|server| self.reaches(tenant, server))
    }

    /// Minimum level of the tenant and, where there is one, of the server: whoever lacks it begins
    /// no session.
    pub(super) async fn trust(
        &self,
        route: &Route,
        identified: Identified,
    ) -> Result<Trusted, Box<Reply>> {
        let target = Target {
            server: route.server.clone(),
            name: None,
        };
        let sets = self.parts.sets.load_full();
        sets.settled(&identified.caller.tenant).await;
        let required = self.parts.levels.require(&identified.caller, &target);
        let Err(denial) = required else {
            return Ok(Trusted(identified));
        };
        let Identified {
            admitted,
            caller,
            stages,
        } = identified;
        let mut call = self.call(route, &admitted, (caller, stages));
        call.target = target;
        self.put(&call, &denial).await;
        Err(route.hub.deny(admitted, denial.code, &call.decision_id))
    }

    /// Its session, which the first request begins. No server hears of it yet.
    pub(super) async fn enter(
        &self,
        route: &Route,
        trusted: Trusted,
    ) -> Result<Seated, Box<Reply>> {
        let Trusted(Identified {
            admitted,
            caller,
            mut stages,
        }) = trusted;
        stages.end("identified");
        let call = self.call(route, &admitted, (caller, stages));
        self.seat(route, admitted, call).await
    }

    /// What it is about, and the minimum level of that.
    pub(super) async fn place(
        &self,
        route: &Route,
        mut seated: Seated,
    ) -> Result<Placed, Box<Reply>> {
        if let Err(denial) =
            notifies(&seated.call).and_then(|()| nameless(&seated.call, seated.entered.era()))
        {
            return Err(self.deny(route, seated, denial).await);
        }
        let tenant = &seated.call.caller.tenant;
        let reached = |target: &Target| {
            let server = target.server.as_deref();
            server.is_none_or(|server| self.reaches(tenant, server))
        };
        match target(route, &seated).filter(reached) {
            Some(target) => seated.call.target = target,
            None => {
                let reason = "no server that the caller may reach offers what it names".to_owned();
                let denial = Denial::new(Code::UnknownServer, "server", reason);
                return Err(self.deny(route, seated, denial).await);
            }
        }
        let required = self
            .parts
            .levels
            .require(&seated.call.caller, &seated.call.target);
        match required {
            Ok(()) => Ok(Placed(seated)),
            Err(denial) => Err(self.deny(route, seated, denial).await),
        }
    }

    /// Whether the tool is the one that was seen first. A server whose tools are not known is asked
    /// for them.
    pub(super) async fn integrity(
        &self,
        route: &Route,
        placed: Placed,
        post: &Post,
    ) -> Result<Intact, Box<Reply>> {
        let Placed(mut seated) = placed;
        let calls = seated.call.method == tools::CALL && asks(&seated);
        if !calls || seated.call.via == Some(FIND_TOOLS) {
            return Ok(Intact(seated));
        }
        let target = seated.call.target.clone();
        let (Some(server), Some(tool)) = (target.server, target.name) else {
            let denial = Denial::unlisted("it names no tool of any server".to_owned());
            return Err(self.deny(route, seated, denial).await);
        };
        self.catalogue().glance();
        let mut definition = self.catalogue().definition(&server, &tool);
        if let (None, Some(passage)) = (&definition, seated.entered.passage()) {
            let inquiry = Inquiry {
                passage,
                message: &seated.call.message,
                headers: &post.headers,
            };
            let inquired = self.catalogue().inquire(&server, &inquiry);
            // A server that does not answer is one whose tools are not known.
            drop(timeout(PATIENCE, inquired).await);
            definition = self.catalogue().definition(&server, &tool);
        }
        let heard = definition.is_some();
        let definition = definition.unwrap_or_else(|| self.catalogue().unheard(&server, &tool));
        let named = (server.as_str(), tool.as_str());
        let pinned = match self.standing(&mut seated.call, named, definition).await {
            Ok(pinned) => pinned,
            Err(denial) => return Err(self.deny(route, seated, denial).await),
        };
        if let Some(denial) = self.unfit(named, pinned, heard) {
            return Err(self.deny(route, seated, denial).await);
        }
        match super::mirrored::agrees(&seated.call, &post.headers, seated.entered.era()) {
            Ok(()) => Ok(Intact(seated)),
            Err(denial) => Err(self.mismatched(route, seated, denial).await),
        }
    }

    /// Whether whoever decides permits it. Answers and notifications belong to what was permitted.
    pub(super) async fn judged(&self, route: &Route, intact: Intact) -> Result<Judged, Box<Reply>> {
        let Intact(mut seated) = intact;
        seated.call.stages.end("intact");
        if !asks(&seated) {
            let permit = None;
            return Ok(Judged { seated, permit });
        }
        if let Err(denial) = self.subscribes(route, &mut seated).await {
            return Err(self.deny(route, seated, denial).await);
        }
        match self.judge().decide(&seated.call).await {
            Ok(permit) => Ok(Judged {
                seated,
                permit: Some(permit),
            }),
            Err(denial) => Err(self.deny(route, seated, denial).await),
        }
    }

    /// The decision goes on record, or the request goes no further.
    pub(super) async fn recorded(
        &self,
        route: &Route,
        judged: Judged,
    ) -> Result<Cleared, Box<Reply>> {
        let Judged { seated, permit } = judged;
        let Seated { entered, mut call } = seated;
        call.stages.end("judged");
        let Some(permit) = permit else {
            return Ok(Cleared {
                entered,
                caller: call.caller,
                call: None,
            });
        };
        let weight = Weight::of(&self.parts.config.load(), &self.parts.levels, &call);
        let need = weight.need();
        if let Err(error) = self.recorder().decision(&call, Ok(&permit), need).await {
            let (id, code) = (&call.decision_id, Code::RecordUnavailable);
            if !weight.is_optional() {
                tracing::error!(
                    decision_id = id, code = code.id(), error = %error,
                    "refused with {}: {error}; {}", code.id(), code.advice()
                );
                return Err(route.hub.deny_entered(entered, code, id));
            }
            tracing::error!(decision_id = id, error = %error, "goes on though {error}");
        }
        call.stages.end("recorded");
        Ok(Cleared {
            entered,
            caller: call.caller.clone(),
            call: Some(Arc::new(call)),
        })
    }

    /// Forwards it and answers with what comes back, as far as that may be told.
    pub(super) async fn forward(
        self: &Arc<Self>,
        route: &Route,
        cleared: Cleared,
        mut post: Post,
    ) -> Result<Reply, Box<Reply>> {
        let Cleared {
            entered,
            call,
            caller,
        } = cleared;
        let answering = call.clone().zip(entered.passage()).map(|(call, passage)| {
            let reader = Reader {
                gateway: Arc::clone(self),
                caller,
                session: call.session.clone(),
                server: route.server.clone(),
                reach: Arc::clone(passage.reach()),
                back: asking::back(passage.onward(&post.headers)),
            };
            Answering::new(reader, call)
        });
        if let (Some(call), Some(answering)) = (&call, answering) {
            return match self.own(route, call) {
                Some(own) => {
                    let answering = answering.of_ours();
                    Ok(*self
                        .answered(route, entered, (own, call), &post, answering)
                        .await)
                }
                None => {
                    super::mirrored::put(call, &mut post);
                    let watch = Box::new(answering);
                    route.hub.hand_on(entered, post, Some(watch)).await
                }
            };
        }
        route.hub.hand_on(entered, post, None).await
    }

    /// Whoever listens to what a session's server says by itself: only as long as they may call it.
    pub(super) fn reader(
        self: &Arc<Self>,
        route: &Route,
        fetched: &Fetched,
        (headers, known): (&McpHeaders, Option<Known>),
    ) -> Result<Reader, Box<Reply>> {
        let passage = fetched.passage().ok_or_else(|| {
            let (status, headers) = (StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new());
            Box::new(Reply::Empty { status, headers })
        })?;
        let peer = fetched.caller();
        let (tenant, principal) = self.who(peer.as_ref(), known);
        let caller = Caller {
            tenant: tenant.clone().unwrap_or_default(),
            principal,
            trust: peer.as_ref().map(|peer| Effective {
                passport: peer.level,
                cap: peer.level,
                channel: peer.level,
            }),
        };
        let target = Target {
            server: route.server.clone(),
            name: None,
        };
        let denial = match self.serves(&caller.tenant, route.server.as_deref()) {
            true => self.parts.levels.require(&caller, &target).err(),
            false => Some(belongs_nowhere(&caller, tenant.as_deref())),
        };
        if let Some(denial) = denial {
            let decision_id = self.refused(&caller, route, &denial);
            // A stream has no id to answer to.
            return Err(nobodys(StatusCode::FORBIDDEN, denial.code, &decision_id));
        }
        let principal = caller.principal.as_ref();
        let session = SessionKey {
            tenant: caller.tenant.clone(),
            principal: principal.map(|who| (who.name.clone(), who.issuer.clone())),
            session: fetched.session().map(str::to_owned),
            route: route.name().to_owned(),
        };
        Ok(Reader {
            gateway: Arc::clone(self),
            caller,
            session,
            server: route.server.clone(),
            reach: Arc::clone(passage.reach()),
            back: asking::back(passage.onward(headers)),
        })
    }

    fn call(&self, route: &Route, admitted: &Admitted, (caller, stages): (Caller, Stages)) -> Call {
        let message = admitted.message().clone();
        let principal = caller.principal.as_ref();
        let principal = principal.map(|who| (who.name.clone(), who.issuer.clone()));
        Call {
            decision_id: self.decision_id(),
            session: SessionKey {
                tenant: caller.tenant.clone(),
                principal,
                session: admitted.session(),
                route: route.name().to_owned(),
            },
            caller,
            at: self.clock().now(),
            method: message.method().unwrap_or_default().into_owned(),
            target: Target::default(),
            message,
            definition: None,
            signed: admitted.signed(),
            via: None,
            by_server: false,
            stages,
        }
    }
}

/// A refusal that answers no request.
fn nobodys(status: StatusCode, code: Code, decision_id: &str) -> Box<Reply> {
    Box::new(Reply::Json {
        status,
        headers: HeaderMap::new(),
        body: message::error_text(None, code, decision_id, "").into(),
    })
}

/// Why somebody is of no tenant that may reach what they ask for.
fn belongs_nowhere(caller: &Caller, tenant: Option<&str>) -> Denial {
    let (code, reason) = match (&caller.principal, tenant) {
        (None, _) => (
            Code::SignatureRequired,
            "it is not signed, and no tenant that may reach this takes such callers".to_owned(),
        ),
        (Some(_), Some(tenant)) => (
            Code::Denied,
            format!("tenant `{tenant}` of the caller may not reach this"),
        ),
        (Some(_), None) => (
            Code::InvalidPassport,
            "nobody who is trusted here says which tenant the caller is of".to_owned(),
        ),
    };
    Denial::new(code, "tenant", reason)
}

/// A notification is not judged, so that it must be none that a server could take for a call.
fn notifies(call: &Call) -> Result<(), Denial> {
    if call.message.kind() != Kind::Notification || call.method.starts_with("notifications/") {
        return Ok(());
    }
    let method = call.method.escape_debug();
    let reason = format!("{method} is no notification, and a request for it needs an id");
    Err(Denial::new(Code::Malformed, "message.notification", reason))
}

/// Whether somebody waits for an answer.
fn asks(seated: &Seated) -> bool {
    seated.call.message.kind() == Kind::Request
}
