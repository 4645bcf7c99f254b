//! All servers as one: a caller's session here has one with each of them, tools and prompts are
//! `server__name`, and what a server asks by itself reaches the caller under an id of ours.

mod gather;
mod member;
mod opening;
mod streams;

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use http::header::HeaderValue;
use http::{HeaderMap, StatusCode};
use mcps_client::link::Link;
use mcps_client::listen::{Awaited, Opens, Outward, Reach};
use mcps_client::tools;
use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Id, Kind, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use mcps_transport::http::headers::{MCP_NAME, McpHeaders, value};
use tokio::task::JoinSet;

use crate::call::Target;
use crate::catalogue::Catalogue;
use crate::config::{Config, SEPARATOR};
use crate::judge::Levels;
use crate::quarantine::Rulings;
use member::{Member, Way};
use streams::Asked;

/// The ways to all servers, by their names.
pub(crate) type Ways = ArcSwap<BTreeMap<String, Arc<dyn Opens>>>;

/// What sessions with all servers are made of.
pub(crate) struct Aggregate {
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) levels: Levels,
    pub(crate) ways: Arc<Ways>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) rulings: Arc<Rulings>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Opens for Aggregate {
    fn open(&self, link: &Link, stays: bool) -> Arc<dyn Reach> {
        let peer = link.peer();
        let config = self.config.load();
        let tenant = match (&peer, link.guest()) {
            (Some(peer), _) => peer.passport.ext().map(|ext| ext.tenant.clone()),
            (None, Some(guest)) => Some(guest.tenant.clone()),
            (None, None) => {
                let open = config.tenant.iter().find(|(_, tenant)| tenant.anonymous);
                open.map(|(name, _)| name.clone())
            }
        };
        let tenant = tenant.unwrap_or_default();
        let level = peer.map(|peer| peer.level).unwrap_or(TrustLevel::L0);
        let ways = self.ways.load();
        let mut members = BTreeMap::new();
        for server in config.server.iter().filter(|server| server.admits(&tenant)) {
            let target = Target {
                server: Some(server.name.clone()),
                name: None,
            };
            // Who may not call it at all is none of its callers.
            let admitted = self.levels.admits(&tenant, level, &target).is_ok();
            if let Some(way) = ways.get(&server.name).filter(|_| admitted) {
                let reach = way.open(link, stays);
                let way = Way {
                    made: Arc::clone(way),
                    all: Arc::clone(&self.ways),
                };
                let member = Member::new(&server.name, reach, way, Arc::clone(&self.clock));
                members.insert(server.name.clone(), Arc::new(member));
            }
        }
        Arc::new(All {
            members,
            catalogue: Arc::clone(&self.catalogue),
            rulings: Arc::clone(&self.rulings),
            tenant,
            level,
            flights: Mutex::default(),
            offers: Mutex::default(),
            opening: Mutex::default(),
            asked: Arc::default(),
        })
    }
}

/// One caller's way to all servers.
struct All {
    members: BTreeMap<String, Arc<Member>>,
    catalogue: Arc<Catalogue>,
    rulings: Arc<Rulings>,
    /// The caller's tenant and level, when the session began.
    tenant: String,
    level: TrustLevel,
    /// Requests under way, by their ids, and who has them.
    flights: Mutex<HashMap<String, String>>,
    /// Who offers a resource, or resources that begin so.
    offers: Mutex<Offers>,
    /// How the caller opened its session (until 2025-11-25).
    opening: Mutex<Option<Message>>,
    /// What servers have asked by themselves.
    asked: Arc<Asked>,
}

/// Who offers what, by its address.
#[derive(Default)]
struct Offers {
    resources: HashMap<String, String>,
    /// The part of a template before its first variable.
    templates: BTreeMap<String, String>,
}

/// Something that is forgotten when it is over.
struct Flight<'a> {
    all: &'a All,
    id: String,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.all.flights().remove(&self.id);
    }
}

impl All {
    fn flights(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opening(&self) -> Option<Message> {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.clone()
    }

    async fn send(&self, outward: Outward) -> Result<Response, TransportError> {
        let method = outward.message.method().map(std::borrow::Cow::into_owned);
        match (outward.message.kind(), method.as_deref()) {
            (Kind::Request, Some("initialize")) => self.initialize(outward).await,
            (Kind::Request, Some("server/discover")) => self.discover(outward).await,
            (Kind::Request, Some(method @ ("ping" | "logging/setLevel")))
                if is_modern(&outward.message) =>
            {
                let error = format!(
                    r#"{{"code":-32601,"message":"Method not found","data":{}}}"#,
                    quoted(method)
                );
                Ok(failure(&outward.message, &error))
            }
            (Kind::Request, Some("ping")) => Ok(answer(&outward.message, "{}")),
            (Kind::Request, Some("logging/setLevel")) => {
                self.tell_all(&outward).await;
                Ok(answer(&outward.message, "{}"))
            }
            (Kind::Request, Some("subscriptions/listen")) => self.listen(outward).await,
            (Kind::Request, Some(method)) => match gather::list(method) {
                Some(list) => Ok(self.gather(outward, list).await),
                None => self.route(outward).await,
            },
            (Kind::Notification, Some("notifications/cancelled")) => {
                let id = outward.message.params();
                let id = id.and_then(|params| params.get("requestId"));
                let server = id.and_then(|id| self.flights().get(id.raw()).cloned());
                self.tell(outward, server).await
            }
            (Kind::Notification, Some("notifications/progress")) => {
                let token = outward.message.params();
                let token = token.and_then(|params| params.get("progressToken"));
                let server = token.and_then(|token| self.asked.owner(token.raw()));
                self.tell(outward, server).await
            }
            (Kind::Notification | Kind::Request, _) => {
                self.tell_all(&outward).await;
                Ok(accepted())
            }
            (Kind::Response | Kind::Error, _) => {
                let Some((server, message)) = self.asked.answered(&outward.message) else {
                    tracing::warn!("dropped an answer of a caller to nothing that a server asked");
                    return Ok(accepted());
                };
                let outward = Outward { message, ..outward };
                self.tell(outward, Some(server)).await
            }
        }
    }

    /// Sends a request to the one server that it names.
    async fn route(&self, outward: Outward) -> Result<Response, TransportError> {
        let Some((member, message, name)) = self.addressed(&outward.message) else {
            return Ok(refusal(
                &outward.message,
                -32601,
                "no server here does this",
            ));
        };
        let mut headers = outward.headers;
        if headers.contains_key(MCP_NAME) {
            headers.insert(MCP_NAME, value::encode(&name));
        }
        let id = outward.message.id().map(|id| id.as_str().to_owned());
        let id = id.unwrap_or_default();
        self.flights().insert(id.clone(), member.name.clone());
        let flight = Flight { all: self, id };
        let outward = Outward {
            message,
            headers,
            act: outward.act,
        };
        let response = member.ask(outward, self.opening().as_ref()).await;
        let response = response.map(|response| self.asked.relabel(response, &member.name));
        drop(flight);
        response
    }

    /// The server that a request is for, the request as that server is to read it, and what it names.
    fn addressed(&self, message: &Message) -> Option<(&Arc<Member>, Message, String)> {
        let (kind, value) = subject(message)?;
        let named = value.as_str()?;
        let (server, name) = self.leads(kind, &named)?;
        let member = self.members.get(&server)?;
        if name == named {
            return Some((member, message.clone(), name));
        }
        let mut text = message.text().to_owned();
        text.replace_range(value.span(), &quoted(&name));
        Some((member, Message::parse(text).ok()?, name))
    }

    /// Tells one server something that it does not answer.
    async fn tell(
        &self,
        outward: Outward,
        server: Option<String>,
    ) -> Result<Response, TransportError> {
        let member = server.and_then(|server| self.members.get(&server));
        match member {
            Some(member) => member.tell(outward).await,
            // Nobody has what it speaks of any more.
            None => Ok(accepted()),
        }
    }

    /// Tells all of them.
    async fn tell_all(&self, outward: &Outward) {
        self.each(|member| {
            let told = Outward {
                message: outward.message.clone(),
                headers: outward.headers.clone(),
                act: outward.act.clone(),
            };
            async move {
                if let Err(error) = member.tell(told).await {
                    let server = &member.name;
                    tracing::debug!(server, error = %error, "{server} was not told: {error}");
                }
            }
        })
        .await;
    }

    /// Does something at all of them at the same time: one that is slow keeps no other waiting.
    async fn each<F>(&self, act: impl Fn(Arc<Member>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let members = self.members.values();
        let mut acts: JoinSet<()> = members.map(|member| act(Arc::clone(member))).collect();
        while acts.join_next().await.is_some() {}
    }
}

impl Reach for All {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.send(outward))
    }

    fn get<'a>(&'a self, _: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        Box::pin(self.stand(headers))
    }

    fn delete(&self, headers: HeaderMap) -> Awaited<'_> {
        Box::pin(async move {
            self.each(|member| {
                let headers = headers.clone();
                async move { member.leave(headers).await }
            })
            .await;
            Ok(accepted())
        })
    }

    fn leads(&self, kind: &str, name: &str) -> Option<(String, String)> {
        if matches!(kind, "tools" | "prompts") {
            let (server, name) = name.split_once(SEPARATOR)?;
            let known = self.members.contains_key(server);
            return known.then(|| (server.to_owned(), name.to_owned()));
        }
        let offers = self.offers();
        let begins = offers.templates.iter().rev();
        let mut begins = begins.filter(|(begin, _)| name.starts_with(begin.as_str()));
        let server = match offers.resources.get(name) {
            Some(server) => server,
            None => begins.next().map(|(_, server)| server)?,
        };
        Some((server.clone(), name.to_owned()))
    }

    fn asked_by(&self, id: &Id) -> Option<String> {
        self.asked.asker(id.as_str())
    }

    fn unasked(&self, state: &str, refused: Option<(Code, &str)>) {
        // It names one call of one of them.
        for member in self.members.values() {
            member.reach.unasked(state, refused);
        }
    }

    fn member(&self, server: &str) -> Option<Arc<dyn Reach>> {
        let member = Arc::clone(self.members.get(server)?);
        Some(Arc::new(member::Alone {
            member,
            opening: self.opening(),
        }))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.each(|member| async move {
                member.leave(HeaderMap::new()).await;
                member.reach.close().await;
            })
            .await;
        })
    }
}

/// What a request names, in which list that stands, and where it says so.
pub(crate) fn subject(message: &Message) -> Option<(&'static str, Value<'_>)> {
    let params = message.params()?;
    match message.method()?.as_ref() {
        tools::CALL => Some(("tools", params.get("name")?)),
        "prompts/get" => Some(("prompts", params.get("name")?)),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            Some(("resources", params.get("uri")?))
        }
        "completion/complete" => {
            let about = params.get("ref")?;
            match about.get("name") {
                Some(name) => Some(("prompts", name)),
                None => Some(("resources", about.get("uri")?)),
            }
        }
        _ => None,
    }
}

/// Whether a request is of 2026-07-28, which has no sessions.
fn is_modern(message: &Message) -> bool {
    let version = "io.modelcontextprotocol/protocolVersion";
    message
        .meta()
        .is_some_and(|meta| meta.get(version).is_some())
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The answer to a request.
fn answer(message: &Message, result: &str) -> Response {
    let id = message.id().map_or("null", |id| id.as_str());
    document(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#
    ))
}

/// An error of MCP's own.
fn refusal(message: &Message, number: i64, why: &str) -> Response {
    let why = quoted(why);
    failure(message, &format!(r#"{{"code":{number},"message":{why}}}"#))
}

/// The error that a request is answered with.
fn failure(message: &Message, error: &str) -> Response {
    let id = message.id().map_or("null", |id| id.as_str());
    document(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
}

fn document(text: String) -> Response {
    Response::Json {
        headers: McpHeaders::default(),
        body: text.into(),
    }
}

fn accepted() -> Response {
    let headers = McpHeaders::default();
    Response::Accepted { headers }
}

/// A server has no such thing.
fn not_allowed() -> Response {
    Response::Refused {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers: McpHeaders::default(),
        body: bytes::Bytes::new(),
    }
}

/// The headers of a request with a session of its server's.
fn in_session(mut headers: HeaderMap, id: Option<&HeaderValue>) -> HeaderMap {
    use mcps_transport::http::headers::MCP_SESSION_ID;
    headers.remove(MCP_SESSION_ID);
    headers.extend(id.map(|id| (MCP_SESSION_ID, id.clone())));
    headers
}
