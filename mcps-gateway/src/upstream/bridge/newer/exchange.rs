//! One request of the newer era at a server of the older, until it is answered: over several requests of the
//! caller's where the server asks for something.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use mcps_client::listen::Outward;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{self, Id, Kind, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, Response};
use mcps_transport::http::headers::McpHeaders;
use tokio::time::timeout;

use super::parked::{KEY, Owner, Returned};
use super::session::Session;
use super::{Asker, Newer};
use crate::upstream::bridge::document;
use crate::upstream::bridge::outlet::by_number;
use crate::upstream::bridge::wording::{self, quoted, rebuilt};

/// How long a caller may take to come back with an answer.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the server may take to hear something.
const TELLING: Duration = Duration::from_secs(10);
/// How long it may go on with a call of which nobody hears any more.
const FAREWELL: Duration = Duration::from_secs(60);
/// What a server tells of beside requests, which the newer era tells only who listens for it.
const STANDING: [&str; 5] = [
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/cancelled",
];

/// Why nobody answers a server.
const GONE: &str = "the client has not answered";

/// Requests in the middle of which something may be asked (2026-07-28, *Multi Round-Trip Requests*).
const ASKING: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// How a request goes on after its server has asked something.
enum Next {
    /// Whoever waits now.
    With(Asker),
    /// Nobody waits, and the server has been told why its question was not answered.
    Alone,
    /// Nobody waits for what the server does.
    Over,
}

/// One request under way.
pub(super) struct Exchange {
    pub(super) newer: Arc<Newer>,
    pub(super) session: Arc<Session>,
    /// As the caller said it.
    pub(super) asked: Outward,
    /// As the server reads it.
    pub(super) message: Message,
}

impl Exchange {
    /// Goes on until there is an answer, or nobody waits for one.
    pub(super) async fn run(mut self, mut asker: Asker) {
        match self.begin(&mut asker).await {
            Some(Response::Events { events, .. }) => self.follow(events, asker).await,
            Some(response) => self.whole(response, &mut asker).await,
            None => {}
        }
        self.newer.part(&self.session).await;
    }

    /// Sends the request; where the server has forgotten the session, once more in another. `None` when
    /// there is nothing to wait for.
    async fn begin(&mut self, asker: &mut Asker) -> Option<Response> {
        let mut again = true;
        loop {
            let (session, headers) = (Arc::clone(&self.session), &self.asked.headers);
            session.hear(&self.newer.reach, &asker.said, headers).await;
            match self.post(asker).await? {
                Ok(Response::Refused { status, .. })
                    if status == StatusCode::NOT_FOUND && session.is_named() && again =>
                {
                    session.lose();
                    again = false;
                    match self.newer.session(&asker.said, headers).await {
                        Ok(anew) => self.session = anew,
                        Err(unopened) => {
                            let response = self.newer.unopened(&self.asked.message, unopened);
                            asker.outlet.give(response);
                            return None;
                        }
                    }
                }
                Ok(response) => return Some(response),
                Err(error) => {
                    asker.outlet.fail(error);
                    return None;
                }
            }
        }
    }

    /// `None` when the caller has left, and the server was told.
    async fn post(&self, asker: &mut Asker) -> Option<Result<Response, TransportError>> {
        let mut outward = self
            .session
            .outward(self.message.clone(), &self.asked.headers);
        outward.act = self.asked.act.clone();
        let mut posting = self.newer.reach.post(outward);
        tokio::select! {
            response = &mut posting => Some(response),
            _ = &mut asker.left => {
                // As long as the request is under way, so that the server knows what it is about.
                self.give_up().await;
                drop(posting);
                None
            }
        }
    }

    /// Tells the server that nobody waits.
    async fn give_up(&self) {
        let Some(id) = self.message.id() else { return };
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the caller closed the response"}}}}"#
        );
        self.tell(text).await;
    }

    /// Tells the server something, and whether it could be told.
    async fn tell(&self, text: String) -> bool {
        let Ok(message) = Message::parse(text) else {
            return false;
        };
        let outward = self.session.outward(message, &self.asked.headers);
        let telling = timeout(TELLING, self.newer.reach.post(outward));
        let told = matches!(telling.await, Ok(Ok(_)));
        if !told {
            tracing::debug!(
                server = self.newer.common.server,
                "the server could not be told something"
            );
        }
        told
    }

    /// A response that is no stream.
    async fn whole(&self, response: Response, asker: &mut Asker) {
        let body = match &response {
            Response::Json { body, .. } | Response::Refused { body, .. } => body.to_vec(),
            Response::Accepted { .. } | Response::Events { .. } => Vec::new(),
        };
        match Message::parse(body) {
            Ok(message) if message.method().is_none() => self.answer(&message, asker).await,
            _ => asker.outlet.give(unnamed(response)),
        }
    }

    /// Answers with what the server did.
    async fn answer(&self, message: &Message, asker: &mut Asker) {
        let method = self.message.method().unwrap_or_default();
        let translated = match message.kind() {
            Kind::Response => wording::newer_result(message, &method),
            _ if method == "resources/read" => wording::renumbered(message, wording::newer_number),
            _ => Some(message.clone()),
        };
        let answer = translated.and_then(|message| wording::under(&message, &asker.id));
        match answer {
            Some(message) => asker.outlet.answer(message, by_number).await,
            None => asker.outlet.fail(super::too_long()),
        }
    }

    /// Passes on what the server says until it has answered.
    async fn follow(&self, mut events: EventReader, mut asker: Asker) {
        loop {
            let message = tokio::select! {
                message = document::next(&mut events) => message,
                _ = &mut asker.left => return self.give_up().await,
            };
            let Some(message) = message else { return };
            match message.kind() {
                Kind::Response | Kind::Error => return self.answer(&message, &mut asker).await,
                Kind::Notification => self.notify(&message, &mut asker).await,
                Kind::Request => match self.asks(&message, asker).await {
                    Next::With(next) => asker = next,
                    Next::Alone => return self.leave(events).await,
                    Next::Over => return self.give_up().await,
                },
            }
        }
    }

    /// Lets the server come to its end, though nobody hears of it. What it asks meanwhile nobody answers.
    async fn leave(&self, mut events: EventReader) {
        let ending = async {
            while let Some(message) = document::next(&mut events).await {
                match message.kind() {
                    Kind::Response | Kind::Error => return,
                    Kind::Notification => {}
                    Kind::Request => {
                        if let Some(id) = message.id() {
                            self.tell(unanswered(id, GONE)).await;
                        }
                    }
                }
            }
        };
        if timeout(FAREWELL, ending).await.is_err() {
            self.give_up().await;
        }
    }

    /// Passes on what a server tells about a request.
    async fn notify(&self, message: &Message, asker: &mut Asker) {
        let method = message.method().unwrap_or_default();
        if STANDING.contains(&method.as_ref()) {
            return;
        }
        if method == "notifications/message" {
            let level = message.params().and_then(|params| params.get("level"));
            let level = level.and_then(Value::as_str).unwrap_or_default();
            if asker.said.hears(&level) {
                asker.outlet.say(message).await;
            }
            return;
        }
        if method != "notifications/progress" {
            return asker.outlet.say(message).await;
        }
        // It goes by what the request that is answered now calls it.
        let params = asker.token.as_ref().map(|token| {
            rebuilt(
                message.params(),
                &["progressToken"],
                &[("progressToken", token.as_str())],
            )
        });
        let message = params.and_then(|params| {
            Message::parse(rebuilt(
                Some(message.root()),
                &["params"],
                &[("params", &params)],
            ))
            .ok()
        });
        if let Some(message) = message {
            asker.outlet.say(&message).await;
        }
    }

    /// What the server asks is the answer to the caller, who comes back with theirs.
    async fn asks(&self, question: &Message, mut asker: Asker) -> Next {
        let method = question.method().unwrap_or_default().into_owned();
        let Some(id) = question.id() else {
            return Next::With(asker);
        };
        if method == "ping" {
            self.tell(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#))
                .await;
            return Next::With(asker);
        }
        let asking = self.message.method();
        let may = asking.is_some_and(|asking| ASKING.contains(&asking.as_ref()));
        if !may || !asker.said.answers(&method) {
            self.tell(unanswered(id, "the client cannot answer this"))
                .await;
            return Next::With(asker);
        }
        let common = &self.newer.common;
        let random = common.random.as_ref();
        let owner = Owner::of(&self.asked.message, self.newer.caller.as_deref());
        let Some((token, returned)) = common.parking.park(&owner, random) else {
            let why = "too many calls wait for answers of their callers";
            let asked = wording::under(&self.asked.message, &asker.id);
            let refusal = asked.and_then(|asked| {
                document::refusal(&asked, Code::RateLimited, random, &common.server, why)
            });
            if let Some(refusal) = refusal {
                asker.outlet.answer(refusal, by_number).await;
            }
            self.tell(unanswered(id, "too much waits for the client"))
                .await;
            return Next::Over;
        };
        let params = question.params().map(|params| params.raw());
        let params = params.map(|params| format!(r#","params":{params}"#));
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"resultType":"input_required","inputRequests":{{"{KEY}":{{"method":{}{}}}}},"requestState":"{token}"}}}}"#,
            asker.id,
            quoted(&method),
            params.unwrap_or_default()
        );
        let Asker {
            mut outlet, left, ..
        } = asker;
        match Message::parse(text) {
            Ok(required) => outlet.answer(required, by_number).await,
            Err(_) => outlet.fail(super::too_long()),
        }
        let unheard = async {
            if outlet.parted(left).await {
                pending::<()>().await;
            }
        };
        let returned = tokio::select! {
            returned = timeout(PATIENCE, returned) => returned.ok().and_then(Result::ok),
            () = self.session.end() => None,
            () = unheard => None,
        };
        match returned {
            Some(Returned::Answered(asker, answer)) => {
                let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{answer}}}"#);
                let mut asker = *asker;
                if self.tell(answer).await {
                    return Next::With(asker);
                }
                // It would wait for an answer that was given.
                let why = TransportError::Exchange(Arc::new(Refusal::Upstream));
                asker.outlet.fail(why);
                Next::Over
            }
            Some(Returned::Refused(code, decision_id)) => {
                self.tell(message::error_text(Some(id), code, &decision_id, ""))
                    .await;
                Next::Alone
            }
            None => {
                self.tell(unanswered(id, GONE)).await;
                Next::Over
            }
        }
    }
}

/// What a server is told whose question has no answer.
fn unanswered(id: &Id, why: &str) -> String {
    let why = quoted(why);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":{why}}}}}"#)
}

/// A response that no message is in, without what its server calls the session.
fn unnamed(response: Response) -> Response {
    use mcps_transport::http::headers::MCP_SESSION_ID;
    match response {
        Response::Refused {
            status,
            headers,
            body,
        } => {
            let mut raw = headers.raw().clone();
            raw.remove(MCP_SESSION_ID);
            // Of what the caller asked for nothing is known to be missing.
            let status = match status {
                StatusCode::NOT_FOUND => StatusCode::BAD_GATEWAY,
                status => status,
            };
            let headers = McpHeaders::new(raw);
            Response::Refused {
                status,
                headers,
                body,
            }
        }
        Response::Json { body, .. } => Response::Json {
            headers: McpHeaders::default(),
            body,
        },
        _ => document::accepted(),
    }
}
