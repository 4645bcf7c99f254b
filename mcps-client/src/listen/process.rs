//! A server process: requests go in, answers go out to the responses that wait for them, and what
//! the server says by itself finds a way too.

mod outward;

pub(super) use outward::SUBSCRIPTION;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::link::{Body, Link};
use crate::relay;
use mcps_core::code::Code;
use mcps_core::message::{Id, Message};
use mcps_core::random::{Random, hex16};
use mcps_transport::pipe::Sender;
use mcps_transport::sse::Event;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::alias::Alias;
use super::exchange::{self, Exchange, First};
use super::presence::{Busy, Presence};
use crate::desk::Desk;

/// Messages of the server that wait for somebody to listen; the oldest go when there are more.
const WAITING: usize = 256;
/// And their bytes.
const WAITING_BYTES: usize = 1024 * 1024;
/// Answers that are kept of a session whose streams can be resumed.
const ANSWERED: usize = 16;
/// And their bytes; the last is kept whatever its size.
const ANSWERED_BYTES: usize = 4 * 1024 * 1024;

/// How long a server may leave what is written to it unread before it counts as one that does not
/// read.
const TAKES: Duration = Duration::from_secs(30);

/// One server process, as whoever speaks to it sees it.
pub(super) struct Process {
    desk: Desk,
    /// Whose it is alone; absent when callers who have nothing to do with each other use it.
    owner: Option<Arc<Link>>,
    to_server: Sender,
    random: Arc<dyn Random>,
    state: Mutex<State>,
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// Responses under way by what the server calls their requests, oldest first.
    waiting: Vec<Waiting>,
    /// The stream of what answers nothing.
    standing: Option<Arc<Exchange>>,
    /// What nobody listened to yet.
    unheard: VecDeque<Message>,
    /// How many streams there were.
    numbered: u64,
    /// Answers that whoever lost them may still come back for, oldest first.
    answered: VecDeque<Arc<Exchange>>,
}

struct Waiting {
    id: Id,
    exchange: Arc<Exchange>,
    _busy: Busy,
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }
}

/// A request under way: what the server calls it, and the beginning of its answer.
pub(super) struct Begun {
    pub(super) id: Id,
    pub(super) first: oneshot::Receiver<First>,
}

impl Process {
    pub(super) fn new(
        desk: Desk,
        to_server: Sender,
        owner: Option<Arc<Link>>,
        random: &Arc<dyn Random>,
    ) -> Self {
        Self {
            desk,
            owner,
            to_server,
            random: Arc::clone(random),
            state: Mutex::default(),
            ended: watch::Sender::new(false),
        }
    }

    /// How callers are judged here.
    pub(super) const fn desk(&self) -> &Desk {
        &self.desk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it: the server sees the end of its input.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Whether somebody ended it.
    pub(super) fn is_ended(&self) -> bool {
        *self.ended.borrow()
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
    /// so that none of its line ends is inside a string. Whether the server takes it.
    async fn forward(&self, message: Message) -> bool {
        self.write_line(message.into_text().replace(['\n', '\r'], " "))
            .await
    }

    /// The same for a line that is lost where the server does not read at the moment: whoever
    /// reads what it says must not wait for it to read.
    async fn write_now(&self, text: String) {
        let sent = timeout(Duration::ZERO, relay::send(&self.to_server, text)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::debug!("the server does not read, so it is not told");
        }
    }

    async fn write_line(&self, text: String) -> bool {
        match timeout(TAKES, relay::send(&self.to_server, text)).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => tracing::error!(error = %error, "the server does not read: {error}"),
            Err(_) => tracing::error!("the server has not read for {} s", TAKES.as_secs()),
        }
        false
    }

    /// Asks the server on behalf of a caller. Where others use it too, under names of ours, which
    /// nobody can guess. `None` for what cannot be asked: it is too long with such a name, or
    /// another request under way has its id.
    pub(super) async fn ask(
        &self,
        link: &Arc<Link>,
        message: Message,
        body: Body,
        resumable: bool,
        presence: &Arc<Presence>,
    ) -> Option<Begun> {
        let own = message.id()?.clone();
        let (id, message, first) = {
            let mut state = self.state();
            let (alias, message) = match &self.owner {
                Some(_) => (None, message),
                None => {
                    let name = hex16(self.random.as_ref()).ok()?;
                    let (alias, message) = Alias::give(&message, &name)?;
                    (Some(alias), message)
                }
            };
            if state
                .waiting
                .iter()
                .any(|waiting| Some(&waiting.id) == message.id())
            {
                // It came on another link than the one before it.
                return None;
            }
            let number = (resumable && alias.is_none()).then(|| state.next_number());
            let id = message.id()?.clone();
            let (exchange, first) = Exchange::begin(Arc::clone(link), own, body, number, alias);
            state.waiting.push(Waiting {
                id: id.clone(),
                exchange: Arc::new(exchange),
                _busy: presence.enter(),
            });
            (id, message, first)
        };
        if !self.forward(message).await {
            self.fail(&id, Code::UpstreamUnavailable).await;
        }
        Some(Begun { id, first })
    }

    /// Tells the server something that it does not answer. Where others use it too, nothing that a
    /// caller says may be about more than their own requests, and in the era that shares a server
    /// nobody needs to say such a thing. Whether it may count as said.
    pub(super) async fn tell(&self, message: Message) -> bool {
        match &self.owner {
            Some(_) => self.forward(message).await,
            None => true,
        }
    }

    /// Goes on with a stream that broke off; `None` when it is not known, or too much was missed.
    pub(super) async fn resume(&self, id: &str) -> Option<mpsc::Receiver<Event>> {
        let stream = exchange::stream_of(id)?;
        let found = {
            let state = self.state();
            let open = state.waiting.iter().map(|waiting| &waiting.exchange);
            let mut all = open.chain(&state.standing).chain(&state.answered);
            all.find(|exchange| exchange.number() == Some(stream))
                .cloned()
        };
        found?.resume(id).await
    }

    /// Keeps an answer for a while, for whoever lost it.
    fn keep_answer(&self, exchange: Arc<Exchange>) {
        if exchange.number().is_none() {
            return;
        }
        let mut state = self.state();
        state.answered.push_back(exchange);
        let bytes = |answered: &VecDeque<Arc<Exchange>>| -> usize {
            answered.iter().map(|exchange| exchange.kept_bytes()).sum()
        };
        while state.answered.len() > ANSWERED
            || (state.answered.len() > 1 && bytes(&state.answered) > ANSWERED_BYTES)
        {
            state.answered.pop_front();
        }
    }

    /// If a request still waits for its answer, it does so no more, and the server is told.
    pub(super) async fn cancel(&self, id: &Id) {
        let Some(exchange) = self.take(id) else {
            return;
        };
        // No answer is waited for, so its id may be used again.
        if let Some(own) = exchange.id() {
            exchange.link.forget(own);
        }
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the client closed the response"}}}}"#
        );
        // Where the server has gone there is nothing left to cancel.
        self.write_now(text).await;
    }

    /// Opens the stream of what answers nothing, in place of an earlier one.
    pub(super) async fn listen(
        &self,
        link: &Arc<Link>,
        body: Body,
        resumable: bool,
    ) -> mpsc::Receiver<Event> {
        let (exchange, events, before, unheard) = {
            let mut state = self.state();
            let number = resumable.then(|| state.next_number());
            let unheard = std::mem::take(&mut state.unheard);
            let (exchange, events) =
                Exchange::standing(Arc::clone(link), body, number, unheard.len());
            let exchange = Arc::new(exchange);
            let before = state.standing.replace(Arc::clone(&exchange));
            (exchange, events, before, unheard)
        };
        if let Some(before) = before {
            before.close().await;
        }
        for message in unheard {
            self.write(&exchange, message).await;
        }
        events
    }

    /// Ends one request with an error of ours.
    async fn fail(&self, id: &Id, code: Code) {
        if let Some(exchange) = self.take(id) {
            exchange.fail(code).await;
        }
    }

    fn take(&self, id: &Id) -> Option<Arc<Exchange>> {
        let mut state = self.state();
        let at = state.waiting.iter().position(|waiting| waiting.id == *id)?;
        Some(state.waiting.remove(at).exchange)
    }
}
