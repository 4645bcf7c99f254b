//! What a server of 2026-07-28 wants to know before it answers, as requests that a caller of the older
//! era answers in messages of their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_core::random::{Random, hex16};
use tokio::sync::oneshot;

use crate::upstream::bridge::wording::{Said, quoted};

/// Questions of one request.
const MAX_EACH: usize = 16;
/// Questions that wait for one caller's answers.
const MAX_WAITING: usize = 64;

/// All that wait.
pub(super) struct Questions {
    /// What their ids begin with, so that no other session's are like them.
    name: String,
    count: AtomicU64,
    waiting: Mutex<HashMap<String, oneshot::Sender<Message>>>,
}

/// One that was put to the caller.
pub(super) struct Question {
    /// What the server calls it.
    key: String,
    method: String,
    /// As the caller is to read it.
    pub(super) message: Message,
    answer: oneshot::Receiver<Message>,
}

/// Why an answer cannot be had.
pub(super) enum Unasked {
    /// An error for the caller.
    Wrong(String),
    /// Too many wait.
    Full,
}

impl Questions {
    pub(super) fn new(random: &dyn Random) -> Self {
        Self {
            // Without randomness nothing can be signed either, so that nothing gets here.
            name: hex16(random).unwrap_or_default(),
            count: AtomicU64::new(0),
            waiting: Mutex::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Message>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a result asks for, of a caller who said that.
    pub(super) fn of(&self, result: &Message, said: &Said) -> Result<Vec<Question>, Unasked> {
        let requests = result
            .result()
            .and_then(|result| result.get("inputRequests"));
        let requests = requests.and_then(Value::as_object);
        let mut all = Vec::new();
        for member in requests.into_iter().flatten() {
            let request = member.value();
            let method = request.get("method").and_then(Value::as_str);
            let method = method.unwrap_or_default().into_owned();
            if !said.answers(&method) {
                let what = method.escape_debug();
                return Err(Unasked::Wrong(format!(
                    "the server asks for {what}, which the caller cannot answer"
                )));
            }
            if all.len() >= MAX_EACH {
                return Err(Unasked::Full);
            }
            let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let id = format!(r#""{}-{number}""#, self.name);
            let params = request.get("params").map(|params| params.raw());
            let params = params.map(|params| format!(r#","params":{params}"#));
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":{}{}}}"#,
                quoted(&method),
                params.unwrap_or_default()
            );
            let wrong = || Unasked::Wrong("what the server asks for is no request".to_owned());
            let message = Message::parse(text).map_err(|_| wrong())?;
            let (sender, answer) = oneshot::channel();
            let mut waiting = self.waiting();
            waiting.retain(|_, sender| !sender.is_closed());
            if waiting.len() >= MAX_WAITING {
                return Err(Unasked::Full);
            }
            waiting.insert(id, sender);
            drop(waiting);
            all.push(Question {
                key: member.name().into_owned(),
                method,
                message,
                answer,
            });
        }
        Ok(all)
    }

    /// Whether an answer of the caller's is to one of them.
    pub(super) fn answered(&self, message: &Message) -> bool {
        let id = message.root().get("id");
        let sender = id.and_then(|id| self.waiting().remove(id.raw()));
        sender.is_some_and(|sender| sender.send(message.clone()).is_ok())
    }
}

impl Question {
    /// Waits for the answer, as a member of `inputResponses`.
    pub(super) async fn answer(self) -> Result<String, Unasked> {
        let refused = |what: &str| {
            Unasked::Wrong(format!(
                "the caller does not answer {what}, so that the server cannot go on"
            ))
        };
        let answer = self.answer.await.map_err(|_| refused(&self.method))?;
        let result = match (answer.kind(), answer.result()) {
            (Kind::Response, Some(result)) => result.raw().to_owned(),
            // There is a word for that.
            _ if self.method == "elicitation/create" => r#"{"action":"cancel"}"#.to_owned(),
            _ => return Err(refused(&self.method)),
        };
        Ok(format!("{}:{result}", quoted(&self.key)))
    }
}
