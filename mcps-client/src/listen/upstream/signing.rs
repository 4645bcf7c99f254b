//! What becomes of the messages of one response: each is signed as the next of the stream that the
//! caller reads.

use std::future::pending;
use std::sync::Arc;

use mcps_core::code::Code;
use mcps_core::message::{Id, Kind, Message, Outline};
use mcps_core::refusal::Refusal;

use crate::desk::Desk;
use crate::link::{Body, Link};
use crate::listen::watch::{Ends, Watch};

/// One response on its way to its caller.
pub(in crate::listen) struct Signing {
    pub(in crate::listen) link: Arc<Link>,
    pub(in crate::listen) desk: Desk,
    body: Body,
    /// The request that it answers; the stream of what answers nothing has none.
    asked: Option<Id>,
    watch: Option<Box<dyn Watch>>,
    /// When it is to end, as whoever watches says.
    ends: Option<Ends>,
    done: bool,
}

/// What is made of one message.
pub(in crate::listen) enum Signed {
    /// The next one.
    Next(String),
    /// The answer, after which nothing follows.
    Last(String),
    /// It goes no further.
    Dropped,
}

impl Signing {
    pub(in crate::listen) fn new(
        link: Arc<Link>,
        desk: Desk,
        body: Body,
        asked: Option<Id>,
        watch: Option<Box<dyn Watch>>,
    ) -> Self {
        Self {
            link,
            desk,
            body,
            asked,
            ends: watch.as_ref().and_then(|watch| watch.ends()),
            watch,
            done: false,
        }
    }

    /// What comes from now on is for somebody else to look at, who may read it for as long as they say.
    pub(in crate::listen) fn watched_by(&mut self, watch: Option<Box<dyn Watch>>) {
        self.ends = watch.as_ref().and_then(|watch| watch.ends());
        self.watch = watch;
    }

    /// Waits until it is to end: what its caller is told then.
    pub(in crate::listen) async fn over(&mut self) -> Code {
        let Some(ends) = &mut self.ends else {
            return pending().await;
        };
        let code = ends.await;
        // It says so once.
        self.ends = None;
        code
    }

    /// Nobody has read the answer.
    pub(in crate::listen) fn lost(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.lost();
        }
    }

    /// Whether something passes as it is: nobody verifies it, and nobody looks at it.
    pub(in crate::listen) fn passes_unseen(&self) -> bool {
        self.link.is_plain() && self.watch.is_none()
    }

    /// Whether it answers a request.
    pub(in crate::listen) const fn answers(&self) -> bool {
        self.asked.is_some()
    }

    /// Signs what the server wrote.
    pub(in crate::listen) async fn sign(&mut self, data: Vec<u8>) -> Signed {
        let outline = Outline::of(&data);
        match Message::parse(data) {
            Ok(message) => match message.kind() {
                Kind::Response | Kind::Error => self.answer(message).await,
                Kind::Request | Kind::Notification => self.say(message).await,
            },
            Err(refusal) => {
                tracing::warn!(reason = %refusal, "the server wrote something that is no message: {refusal}");
                let answer = matches!(outline.kind, Some(Kind::Response | Kind::Error) | None);
                if answer && self.answers() && (outline.id.is_none() || outline.id == self.asked) {
                    return self.fail(refusal.code());
                }
                Signed::Dropped
            }
        }
    }

    async fn answer(&mut self, message: Message) -> Signed {
        let message = match &self.asked {
            Some(asked) if message.id() == Some(asked) => Ok(message),
            // An error that names no request is about the one that it is the response to.
            Some(asked) if message.kind() == Kind::Error && message.id().is_none() => {
                if self.passes_unseen() {
                    self.done = true;
                    self.link.forget(asked);
                    return Signed::Last(message.into_text());
                }
                about(&message, asked)
            }
            _ => {
                tracing::warn!("dropped an answer of the server to nothing that was asked");
                return Signed::Dropped;
            }
        };
        let shown = match message {
            Ok(message) => self.shown(message).await,
            Err(refusal) => Err(refusal),
        };
        let signed = shown
            .and_then(|message| self.desk.answer(&self.link, message))
            .and_then(|message| self.link.seal_into(message, &mut self.body, true));
        match signed {
            Ok(text) => {
                self.done = true;
                Signed::Last(text)
            }
            Err(refusal) => {
                tracing::error!(reason = %refusal, "an answer of the server is not sent: {refusal}");
                self.fail(refusal.code())
            }
        }
    }

    /// The answer as whoever watches leaves it.
    async fn shown(&mut self, message: Message) -> Result<Message, Refusal> {
        let Some(watch) = &mut self.watch else {
            return Ok(message);
        };
        // What may not be told counts as not answered.
        self.desk.may_hear(&self.link)?;
        let unasked = Refusal::NotBound("it answers nothing that was asked");
        let asked = message.id().and_then(|id| self.link.served(id));
        watch.answer(&asked.ok_or(unasked)?, message).await
    }

    async fn say(&mut self, message: Message) -> Signed {
        let shown = match (self.desk.may_hear(&self.link), &mut self.watch) {
            (Err(refusal), _) => Err(refusal),
            (Ok(()), Some(watch)) => watch.say(message).await,
            (Ok(()), None) => Ok(message),
        };
        match shown.and_then(|message| self.link.seal_into(message, &mut self.body, false)) {
            Ok(text) => Signed::Next(text),
            // It was said where it was decided.
            Err(Refusal::Decided(_)) => Signed::Dropped,
            Err(refusal) => {
                tracing::error!(reason = %refusal, "a message of the server is not sent: {refusal}");
                Signed::Dropped
            }
        }
    }

    /// Ends the request with an error of ours.
    pub(in crate::listen) fn fail(&mut self, code: Code) -> Signed {
        let Some(asked) = &self.asked else {
            return Signed::Dropped;
        };
        self.done = true;
        if let Some(watch) = &mut self.watch {
            watch.fail(code);
        }
        let decided = self.watch.as_ref().and_then(|watch| watch.decided());
        let server = decided.and_then(|decided| decided.server);
        let decision_id =
            decided.map_or_else(|| self.link.decision_id(), |decided| decided.id.to_owned());
        tracing::warn!(
            code = code.id(),
            decision_id,
            server,
            "answered with {}; {}",
            code.id(),
            code.advice()
        );
        let sealed = self
            .link
            .seal_failure_into(asked, code, &decision_id, &mut self.body);
        match sealed {
            Ok(text) => Signed::Last(text),
            Err(refusal) => {
                tracing::error!(error = %refusal, "an error could not be signed: {refusal}");
                Signed::Dropped
            }
        }
    }
}

/// What was never answered is not waited for any more: its id may be used again.
impl Drop for Signing {
    fn drop(&mut self) {
        if let Some(asked) = self.asked.as_ref().filter(|_| !self.done) {
            self.link.forget(asked);
        }
    }
}

/// An error without an id, under that one.
fn about(message: &Message, asked: &Id) -> Result<Message, Refusal> {
    let mut text = message.text().to_owned();
    let named = Refusal::Message("an error without `id`");
    let id = message.root().get("id").ok_or(named)?;
    text.replace_range(id.span(), asked.as_str());
    Message::parse(text)
}
