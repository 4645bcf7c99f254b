//! One caller and the server process that is theirs alone: requests come in, answers go out to the
//! responses that wait for them, and what the server says by itself finds a way too.

mod outward;

pub(super) use outward::SUBSCRIPTION;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_client::link::{Body, Link};
use mcps_client::relay;
use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::message::{Id, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::pipe::Sender;
use mcps_transport::sse::Event;
use tokio::sync::{mpsc, oneshot, watch};

use super::alias::Alias;
use super::exchange::{self, Exchange, First};
use crate::desk::Desk;

/// Messages of the server that wait for somebody to listen; the oldest go when there are more.
const WAITING: usize = 256;
/// And their bytes.
const WAITING_BYTES: usize = 1024 * 1024;
/// Answers that are kept of a session whose streams can be resumed.
const ANSWERED: usize = 16;

/// How a response may go on.
pub(super) enum Stream {
    /// As it is.
    Plain,
    /// So that whoever loses it can come back.
    Resumable,
    /// Under other names than the server's.
    Shared(Alias),
}

/// One caller's session.
pub(super) struct Session {
    pub(super) link: Link,
    desk: Desk,
    /// Whose it is; absent when they do not sign.
    pub(super) caller: Option<String>,
    /// Callers who have nothing to do with each other use it.
    shared: bool,
    to_server: Sender,
    state: Mutex<State>,
    ended: watch::Sender<bool>,
}

struct State {
    /// Responses under way, oldest first.
    exchanges: Vec<(Id, Arc<Exchange>)>,
    /// The stream of what answers nothing.
    standing: Option<Arc<Exchange>>,
    waiting: VecDeque<Message>,
    /// How many streams there were.
    streams: u64,
    /// Answers that whoever lost them may still come back for, oldest first.
    answered: VecDeque<Arc<Exchange>>,
    used: Timestamp,
}

impl State {
    fn next_stream(&mut self) -> u64 {
        self.streams += 1;
        self.streams
    }
}

impl Session {
    pub(super) fn new(
        link: Link,
        desk: Desk,
        to_server: Sender,
        caller: Option<String>,
        shared: bool,
    ) -> Self {
        let state = State {
            exchanges: Vec::new(),
            standing: None,
            waiting: VecDeque::new(),
            streams: 0,
            answered: VecDeque::new(),
            used: desk.clock.now(),
        };
        Self {
            link,
            desk,
            caller,
            shared,
            to_server,
            state: Mutex::new(state),
            ended: watch::Sender::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that the caller is there.
    pub(super) fn touch(&self) {
        self.state().used = self.desk.clock.now();
    }

    /// Since when nobody has wanted anything of it, if nobody does.
    pub(super) fn idle_since(&self) -> Option<Timestamp> {
        let state = self.state();
        let quiet = state.exchanges.is_empty() && state.standing.is_none();
        quiet.then_some(state.used)
    }

    /// Ends it: the server sees the end of its input.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits until somebody ended it.
    pub(super) async fn wait_for_end(&self) {
        let mut ended = self.ended.subscribe();
        // The sender is ours.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Ends the stream of what answers nothing.
    pub(super) async fn hush(&self) {
        let standing = self.state().standing.take();
        if let Some(standing) = standing {
            standing.close().await;
        }
    }

    /// Hands a message to the server, on one line: HTTP lets it have several, and it was parsed,
    /// so that none of its line ends is inside a string.
    ///
    /// # Errors
    /// The server has gone.
    pub(super) async fn forward(&self, message: Message) -> Result<(), TransportError> {
        let text = message.into_text().replace(['\n', '\r'], " ");
        relay::send(&self.to_server, text).await
    }

    /// Makes ready for the answer to a request.
    pub(super) fn expect(&self, id: Id, body: Body, stream: Stream) -> oneshot::Receiver<First> {
        let mut state = self.state();
        let (number, alias) = match stream {
            Stream::Plain => (None, None),
            Stream::Resumable => (Some(state.next_stream()), None),
            Stream::Shared(alias) => (None, Some(alias)),
        };
        let (exchange, begun) = Exchange::begin(body, number, alias);
        state.exchanges.push((id, Arc::new(exchange)));
        begun
    }

    /// Goes on with a stream that broke off; `None` when it is not known, or too much was missed.
    pub(super) async fn resume(&self, id: &str) -> Option<mpsc::Receiver<Event>> {
        let (stream, event) = exchange::parse(id)?;
        let found = {
            let state = self.state();
            let open = state.exchanges.iter().map(|(_, exchange)| exchange);
            let mut all = open.chain(&state.standing).chain(&state.answered);
            all.find(|exchange| exchange.number() == Some(stream))
                .cloned()
        };
        found?.resume(event).await
    }

    /// Keeps an answer for a while, for whoever lost it.
    fn keep_answer(&self, exchange: Arc<Exchange>) {
        if exchange.number().is_none() {
            return;
        }
        let mut state = self.state();
        state.answered.push_back(exchange);
        if state.answered.len() > ANSWERED {
            state.answered.pop_front();
        }
    }

    /// Whether a request still waits for its answer; then it does no more, and the server is told.
    pub(super) async fn cancel(&self, id: &Id) {
        if self.take(id).is_none() {
            return;
        }
        // No answer is waited for, so its id may be used again.
        self.link.forget(id);
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the client closed the response"}}}}"#
        );
        // Where the server has gone there is nothing left to cancel.
        drop(relay::send(&self.to_server, text).await);
    }

    /// Opens the stream of what answers nothing, in place of an earlier one.
    pub(super) async fn listen(&self, body: Body, resumable: bool) -> mpsc::Receiver<Event> {
        let (exchange, events, before, waiting) = {
            let mut state = self.state();
            let number = resumable.then(|| state.next_stream());
            let waiting = std::mem::take(&mut state.waiting);
            let (exchange, events) = Exchange::stream(body, number, waiting.len());
            let exchange = Arc::new(exchange);
            let before = state.standing.replace(Arc::clone(&exchange));
            (exchange, events, before, waiting)
        };
        if let Some(before) = before {
            before.close().await;
        }
        for message in waiting {
            self.write(&exchange, message, false).await;
        }
        events
    }

    /// Ends one request with an error of ours.
    pub(super) async fn fail(&self, id: &Id, code: Code) {
        let Some(exchange) = self.take(id) else {
            return;
        };
        let decision_id = self.link.decision_id();
        tracing::warn!(
            code = code.id(),
            decision_id,
            "answered with {}; {}",
            code.id(),
            code.advice()
        );
        if let Err(refusal) = exchange.fail(&self.link, id, code, &decision_id).await {
            tracing::error!(error = %refusal, "an error could not be signed: {refusal}");
        }
    }

    fn take(&self, id: &Id) -> Option<Arc<Exchange>> {
        let mut state = self.state();
        let at = state.exchanges.iter().position(|(own, _)| own == id)?;
        Some(state.exchanges.remove(at).1)
    }

    fn responses(&self) -> HashMap<Id, Arc<Exchange>> {
        self.state().exchanges.iter().cloned().collect()
    }

    /// Signs and sends; whether somebody may read it.
    async fn write(&self, exchange: &Exchange, message: Message, last: bool) -> bool {
        match exchange.write(&self.link, message, last).await {
            Ok(read) => read,
            Err(Refusal::NotBound(why)) => {
                tracing::warn!(reason = why, "dropped what the server said: {why}");
                true
            }
            Err(refusal) => {
                tracing::error!(reason = %refusal, "a message of the server cannot be signed: {refusal}");
                true
            }
        }
    }
}
