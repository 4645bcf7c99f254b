//! Where tools are found instead of listed: what a call of `call_tool` means, and what is answered
//! here and by no server.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use mcps_client::listen::{Entered, Passage};
use mcps_client::tools;
use mcps_core::code::Code;
use mcps_core::message::Kind;
use mcps_transport::http::server::{Post, Reply};
use tokio::time::timeout;

use super::Gateway;
use super::stages::Seated;
use crate::call::{Call, Caller, Pinned, Target};
use crate::catalogue::{Inquiry, Stocked};
use crate::config::{Discovery, SEPARATOR};
use crate::discovery::{self, CALL_TOOL, FIND_TOOLS, Found, Ground, Wanted};
use crate::judge::{Denial, Listed};
use crate::outcome::Answering;
use crate::quarantine::Subject;
use crate::routes::Route;

/// How long a server may take to list its tools: whoever looks for some waits meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What is answered here.
pub(super) enum Own {
    /// `tools/list`.
    Listing,
    /// `find_tools`.
    Search,
}

impl Gateway {
    /// Whether callers of a tenant find tools here instead of reading a list.
    fn searches(&self, route: &Route, tenant: &str) -> bool {
        let config = self.parts.config.load();
        route.server.is_none() && config.discovery(tenant) == Discovery::Search
    }

    /// Makes of a call of `call_tool` the call that it means, before anything judges it. A search is
    /// a list to whoever judges.
    pub(super) async fn meant(
        &self,
        route: &Route,
        mut seated: Seated,
    ) -> Result<Seated, Box<Reply>> {
        let message = &seated.call.message;
        let calls = message.kind() == Kind::Request && seated.call.method == tools::CALL;
        if !calls || !self.searches(route, &seated.call.caller.tenant) {
            return Ok(seated);
        }
        let name = message.params().and_then(|params| params.get("name"));
        let name = name.and_then(mcps_core::json::Value::as_str);
        match name.as_deref() {
            Some(FIND_TOOLS) => {
                seated.call.via = Some(FIND_TOOLS);
                seated.call.method = tools::LIST.to_owned();
                Ok(seated)
            }
            Some(CALL_TOOL) => match discovery::inner(message) {
                Ok(inner) => {
                    seated.call.via = Some(CALL_TOOL);
                    seated.call.message = inner.clone();
                    seated.entered = seated.entered.meaning(inner);
                    Ok(seated)
                }
                Err(why) => {
                    let Seated { entered, mut call } = seated;
                    call.via = Some(CALL_TOOL);
                    let denial = Denial::new(Code::Malformed, "call_tool", why.to_owned());
                    self.put(&call, &denial).await;
                    let result = discovery::in_words(why, discovery::is_modern(&call.message));
                    Err(route.hub.answer(entered, &result, None).await)
                }
            },
            _ => Ok(seated),
        }
    }

    /// What of it is answered here.
    pub(super) fn own(&self, route: &Route, call: &Call) -> Option<Own> {
        match (call.via, call.method.as_str()) {
            (Some(FIND_TOOLS), _) => Some(Own::Search),
            (None, tools::LIST) if self.searches(route, &call.caller.tenant) => Some(Own::Listing),
            _ => None,
        }
    }

    /// Answers it.
    pub(super) async fn answered(
        &self,
        route: &Route,
        entered: Entered,
        (own, call): (Own, &Call),
        post: &Post,
        answering: Answering,
    ) -> Box<Reply> {
        let modern = discovery::is_modern(&call.message);
        let result = match (own, Wanted::of(&call.message)) {
            (Own::Listing, _) => discovery::listing(modern),
            (Own::Search, Err(why)) => discovery::in_words(why, modern),
            (Own::Search, Ok(wanted)) => {
                let found = match entered.passage() {
                    Some(passage) => self.found(passage, call, &wanted, post).await,
                    None => Vec::new(),
                };
                discovery::rendered(&found, modern)
            }
        };
        route
            .hub
            .answer(entered, &result, Some(Box::new(answering)))
            .await
    }

    /// The tools that fit and that the caller may call now.
    async fn found(
        &self,
        passage: &Passage,
        call: &Call,
        wanted: &Wanted,
        post: &Post,
    ) -> Vec<Found> {
        self.ask_all(passage, call, post).await;
        self.catalogue().refresh();
        let caller = &call.caller;
        let rulings = &self.parts.rulings;
        rulings.settled(&caller.tenant).await;
        let generation = self.catalogue().generation();
        rulings.weighed(&caller.tenant, None, generation).await;
        let sees = |tool: &Stocked| {
            self.opens(caller, tool, tool.pinned) && self.sees(caller, &tool.server, &tool.name)
        };
        let ground = Ground {
            config: self.parts.config.load_full(),
            sets: self.parts.sets.load_full(),
            rulings: self.parts.rulings.changes(),
            now: self.clock().now(),
        };
        let query = (wanted.query.as_str(), wanted.limit);
        let fitting = self
            .finder
            .find(self.catalogue(), caller, &ground, query, sees);
        // Once more and one by one: the mask may be some seconds old.
        let open = fitting.into_iter().filter(|tool| {
            leads(passage, &tool.server, &tool.name)
                && self
                    .catalogue()
                    .standing(tool)
                    .is_some_and(|pinned| self.opens(caller, tool, pinned))
                && self.sees(caller, &tool.server, &tool.name)
        });
        let found = open.filter_map(|tool| Found::new(&tool.server, &tool.name, &tool.text));
        found.take(wanted.limit).collect()
    }

    /// Whether a caller may call a tool that stands so here, as far as its definition goes.
    fn opens(&self, caller: &Caller, tool: &Stocked, pinned: Pinned) -> bool {
        let subject = Subject {
            server: &tool.server,
            tool: &tool.name,
            hash: Some(&tool.hash),
            pinned,
        };
        self.admits(caller, subject)
    }

    /// Whether a caller is shown a tool whose definition is in order.
    fn sees(&self, caller: &Caller, server: &str, name: &str) -> bool {
        let kind = "tools";
        self.reaches(&caller.tenant, server)
            && self.judge().shows(caller, Listed { server, kind, name })
    }

    /// Asks those servers for their tools that are not known, all at the same time.
    async fn ask_all(&self, passage: &Passage, call: &Call, post: &Post) {
        let config = self.parts.config.load_full();
        let caller = &call.caller;
        let admits = |server: &str| {
            let target = Target {
                server: Some(server.to_owned()),
                name: None,
            };
            self.reaches(&caller.tenant, server)
                && self.parts.levels.require(caller, &target).is_ok()
                && leads(passage, server, "any")
                && self.catalogue().wants(server)
        };
        let inquiry = Inquiry {
            passage,
            message: &call.message,
            headers: &post.headers,
        };
        let inquiry = &inquiry;
        let names = config.server.iter().map(|server| server.name.as_str());
        let asking = names.filter(|name| admits(name)).map(|name| {
            let asked = async move {
                drop(timeout(PATIENCE, self.catalogue().inquire(name, inquiry)).await);
                self.catalogue().asked(name);
            };
            Box::pin(asked) as Pin<Box<dyn Future<Output = ()> + Send + '_>>
        });
        all(asking.collect()).await;
    }
}

/// Whether the caller's session has that server.
fn leads(passage: &Passage, server: &str, name: &str) -> bool {
    let full = format!("{server}{SEPARATOR}{name}");
    passage.reach().leads("tools", &full).is_some()
}

/// Waits for all of them.
async fn all(mut futures: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>>) {
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        match futures.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
