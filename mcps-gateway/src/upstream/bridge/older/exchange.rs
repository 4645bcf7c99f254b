//! One request of the older era and what comes of it: a server of 2026-07-28 may ask something first, and is
//! then asked again with the answers.

use std::time::Duration;

use mcps_client::listen::Outward;
use mcps_client::tools;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use tokio::time::{sleep, timeout};

use super::questions::Unasked;
use super::{Flight, Older, too_long};
use crate::upstream::bridge::document;
use crate::upstream::bridge::outlet::{Left, Outlet, Seat, fine};
use crate::upstream::bridge::wording::{self, Type, quoted};

/// How often a server may ask before it answers.
const MAX_ROUNDS: usize = 32;
/// How long a caller may take to answer.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a server that asks for nothing but to be asked again is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// Pages of a server's tools.
const MAX_PAGES: usize = 100;

/// One request under way.
pub(super) struct Exchange {
    flight: Flight,
    outward: Outward,
    outlet: Outlet,
    left: Left,
}

/// What a round ended with.
enum Round {
    /// The answer.
    Over(Option<Message>),
    /// Questions, in the result that has them.
    Questions(Message),
    /// A response that is no message.
    Whole(Response),
}

impl Exchange {
    pub(super) fn new(flight: Flight, outward: Outward) -> (Self, Seat) {
        let (outlet, seat, left) = Outlet::new();
        let exchange = Self {
            flight,
            outward,
            outlet,
            left,
        };
        (exchange, seat)
    }

    /// Goes on until there is an answer, or nobody waits for one: then the response is closed, which is how
    /// the newer era gives a request up.
    pub(super) async fn run(self) {
        let Self {
            flight,
            outward,
            mut outlet,
            left,
        } = self;
        let given_up = tokio::select! {
            biased;
            _ = left => return,
            () = flight.given_up.notified() => true,
            () = converse(&flight.older, &outward, &mut outlet) => false,
        };
        if given_up {
            let answer = document::error(&outward.message, -32000, "the caller gave it up");
            answered(&mut outlet, answer).await;
        }
    }
}

async fn answered(outlet: &mut Outlet, message: Option<Message>) {
    if let Some(message) = message {
        outlet.answer(message, fine).await;
    }
}

async fn converse(older: &Older, outward: &Outward, outlet: &mut Outlet) {
    let asked = &outward.message;
    let mut more: Option<String> = None;
    for _ in 0..MAX_ROUNDS {
        let response = match ask(older, outward, more.as_deref()).await {
            Ok(response) => response,
            Err(error) => return outlet.fail(error),
        };
        let result = match read(older, response, asked, outlet).await {
            Round::Over(message) => return answered(outlet, message).await,
            Round::Whole(response) => return outlet.give(response),
            Round::Questions(result) => result,
        };
        match answers(older, &result, outlet).await {
            Ok(members) => more = Some(members),
            Err(Unasked::Wrong(why)) => {
                return answered(outlet, document::error(asked, -32603, &why)).await;
            }
            Err(Unasked::Full) => {
                let (server, random) = (&older.common.server, older.common.random.as_ref());
                let why = "the server asks the caller for too much at a time";
                let refusal = document::refusal(asked, Code::RateLimited, random, server, why);
                return answered(outlet, refusal).await;
            }
        }
    }
    let why = format!("the server has asked {MAX_ROUNDS} times and not answered");
    answered(outlet, document::error(asked, -32603, &why)).await;
}

/// Sends the request, with what was answered so far. Where a tool wants arguments in headers that are not
/// known here, its server is asked for its tools first.
async fn ask(
    older: &Older,
    outward: &Outward,
    more: Option<&str>,
) -> Result<Response, TransportError> {
    let put = || {
        older
            .put(&outward.message, outward, more)
            .ok_or_else(too_long)
    };
    let response = older.reach.post(put()?).await?;
    let calls = outward.message.method().as_deref() == Some(tools::CALL);
    match &response {
        Response::Refused { body, .. } if calls && is_mismatch(body) => {
            learn(older, outward).await;
            older.reach.post(put()?).await
        }
        _ => Ok(response),
    }
}

fn is_mismatch(body: &bytes::Bytes) -> bool {
    let message = Message::parse(body.to_vec()).ok();
    let number = message.and_then(|message| message.error()?.get("code")?.as_i64());
    number == Some(-32020)
}

async fn learn(older: &Older, outward: &Outward) {
    let mut cursor = String::new();
    for _ in 0..MAX_PAGES {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":"tools-{}","method":"{}","params":{{{cursor}}}}}"#,
            older.number(),
            tools::LIST
        );
        let page = Message::parse(text).ok();
        let Some(page) = page.and_then(|page| older.put(&page, outward, None)) else {
            return;
        };
        let Ok(response) = older.reach.post(page).await else {
            return;
        };
        let Some(answer) = document::whole(response).await else {
            return;
        };
        older.common.mirrors.learn(&answer);
        let next = answer.result().and_then(|result| result.get("nextCursor"));
        let Some(next) = next.and_then(Value::as_str) else {
            return;
        };
        cursor = format!(r#""cursor":{}"#, quoted(&next));
    }
}

/// Passes on what the server says until it has answered, or asked.
async fn read(older: &Older, response: Response, asked: &Message, outlet: &mut Outlet) -> Round {
    let mut events = match response {
        Response::Json { body, headers } => {
            return match Message::parse(body.to_vec()) {
                Ok(message) => over(older, &message, asked),
                Err(_) => Round::Whole(Response::Json { body, headers }),
            };
        }
        Response::Refused {
            status,
            headers,
            body,
        } => {
            return match Message::parse(body.to_vec()) {
                // It is an answer of MCP, not of HTTP.
                Ok(message) if message.method().is_none() => over(older, &message, asked),
                _ => Round::Whole(Response::Refused {
                    status,
                    headers,
                    body,
                }),
            };
        }
        Response::Accepted { headers } => return Round::Whole(Response::Accepted { headers }),
        Response::Events { events, .. } => events,
    };
    while let Some(message) = document::next(&mut events).await {
        match message.kind() {
            Kind::Response | Kind::Error => return over(older, &message, asked),
            Kind::Notification => outlet.say(&message).await,
            Kind::Request => {
                tracing::warn!(
                    server = older.common.server,
                    "dropped a request of a server's own, which {} does not have",
                    wording::NEWER
                );
            }
        }
    }
    Round::Over(None)
}

/// An answer of the server's as the caller can read it.
fn over(older: &Older, message: &Message, asked: &Message) -> Round {
    if message.kind() != Kind::Response {
        let error = wording::renumbered(message, wording::older_number);
        return Round::Over(error.and_then(|error| match error.id() {
            // It is about the request that it is the response to.
            None => wording::under(&error, asked.id()?.as_str()),
            Some(_) => Some(error),
        }));
    }
    match wording::type_of(message) {
        Type::Complete => {
            if asked.method().as_deref() == Some(tools::LIST) {
                older.common.mirrors.learn(message);
            }
            Round::Over(wording::older_result(message))
        }
        Type::Required => Round::Questions(message.clone()),
        Type::Other => {
            let why = format!(
                "the server's result is of a type that {} does not have",
                wording::OLDER
            );
            Round::Over(document::error(asked, -32603, &why))
        }
    }
}

/// Puts a server's questions to the caller and waits for all answers: what the request is continued with.
async fn answers(older: &Older, result: &Message, outlet: &mut Outlet) -> Result<String, Unasked> {
    let said = older.said().clone();
    let questions = older.questions.of(result, &said)?;
    let mut members = Vec::new();
    if questions.is_empty() {
        sleep(PAUSE).await;
    } else {
        for question in &questions {
            outlet.say(&question.message).await;
        }
        let answering = async {
            let mut answers = Vec::new();
            for question in questions {
                answers.push(question.answer().await?);
            }
            Ok(answers)
        };
        let late =
            || Unasked::Wrong("the caller has not answered what the server asks for".to_owned());
        let answers = timeout(PATIENCE, answering).await.map_err(|_| late())??;
        members.push(format!(r#""inputResponses":{{{}}}"#, answers.join(",")));
    }
    let state = result
        .result()
        .and_then(|result| result.get("requestState"));
    members.extend(state.map(|state| format!(r#""requestState":{}"#, state.raw())));
    Ok(members.join(","))
}
