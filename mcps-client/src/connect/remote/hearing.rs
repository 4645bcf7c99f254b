//! What is made of the messages of one response, in their order, up to the first that is not the
//! server's.

use http::HeaderValue;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Id, Kind, Message};
use mcps_core::refusal::Refusal;

use super::super::guard::wants_passport;
use super::crew::End;
use super::flight::Wanted;
use super::{Opening, Remote};
use crate::link::{Body, Opened, Refused};
use crate::{relay, tools};

/// One response as it is heard.
pub(super) struct Hearing {
    /// What proves that nothing was cut, put in or re-ordered.
    pub(super) body: Body,
    /// The request that it answers; absent for what answers none.
    pub(super) id: Option<Id>,
    /// That was a question of our own, whose answer goes no further.
    pub(super) probe: bool,
    /// Others wait for who the server proves to be.
    pub(super) opening: Option<Opening>,
    /// Whether the client still wants the answer.
    pub(super) wanted: Wanted,
    /// The session that the server named with it.
    pub(super) session: Option<HeaderValue>,
    answered: bool,
    /// What the server refused with, without saying what.
    told: Option<Code>,
}

/// Whether the next message is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Stop,
}

impl Hearing {
    pub(super) fn of(body: Body, id: Option<Id>) -> Self {
        Self {
            body,
            id,
            probe: false,
            opening: None,
            wanted: Wanted::default(),
            session: None,
            answered: false,
            told: None,
        }
    }

    /// Whether all of it came that matters: a stream that breaks now is not taken up again.
    pub(super) const fn is_over(&self) -> bool {
        self.answered || self.body.is_ended()
    }

    fn is_answer(&self, kind: Option<Kind>, id: Option<&Id>) -> bool {
        let answers = matches!(kind, Some(Kind::Response | Kind::Error));
        answers && self.id.is_some() && id == self.id.as_ref()
    }
}

impl Remote {
    /// Verifies one message of a response and hands it to the client.
    pub(super) async fn hear(&self, hearing: &mut Hearing, text: Vec<u8>) -> Result<Flow, End> {
        let guard = &self.guard;
        let (need, plain) = (guard.min_server_level, guard.plain);
        let opened = guard
            .link
            .open_from(&mut hearing.body, text, need, plain)
            .await;
        match opened {
            Ok(opened) => self.pass(hearing, opened).await.map(|()| Flow::Next),
            Err(refused) => self.refuse(hearing, *refused).await,
        }
    }

    async fn pass(&self, hearing: &mut Hearing, opened: Opened) -> Result<(), End> {
        let Opened {
            message,
            trust,
            asked,
            ..
        } = opened;
        if wants_passport(&message) {
            self.guard.link.show_passport();
        }
        if let Some(code) = unread(&message) {
            tracing::error!(
                code = code.id(),
                "the server's end could not make out what was sent, {}; {}",
                code.id(),
                code.advice()
            );
            hearing.told = Some(code);
            return Ok(());
        }
        let id = message.id().cloned();
        let answer = hearing.is_answer(Some(message.kind()), id.as_ref());
        hearing.answered |= answer;
        // Others wait for it, and for what is agreed on in it.
        let opening = hearing.opening.take_if(|_| answer);
        if answer && hearing.probe {
            return Ok(());
        }
        let checked = match (&asked, trust) {
            (Some(asked), Some(_)) if message.kind() == Kind::Response => {
                self.guard.check_answer(message, asked)
            }
            _ => Ok(message),
        };
        let sent = match checked {
            Ok(message) => {
                if let Some(asked) = asked.filter(|_| message.kind() == Kind::Response) {
                    match asked.method.as_str() {
                        "initialize" => self.session.agree(&message, hearing.session.take()),
                        tools::LIST => self.mirrors.learn(&message),
                        _ => {}
                    }
                }
                drop(opening);
                relay::send(&self.client, line(message)).await
            }
            Err(refusal) => {
                let (code, reason) = (refusal.code(), refusal.to_string());
                self.guard
                    .answer(id.as_ref(), code, &reason, &self.client)
                    .await
            }
        };
        sent.map_err(|_| End::ClientGone)
    }

    async fn refuse(&self, hearing: &mut Hearing, refused: Refused) -> Result<Flow, End> {
        let Refused {
            refusal,
            kind,
            id,
            authentic,
            message,
            ..
        } = refused;
        let known = self.guard.link.peer().is_some();
        if !known {
            self.guard.is_unproven(&refusal);
        }
        if !known && refusal == Refusal::Unsigned {
            tracing::error!(
                "the server does not sign with the {} carrier; put `mcps-wrap --listen` in front of it, with the same --carrier",
                self.guard.link.carrier()
            );
        }
        if authentic && message.as_ref().is_some_and(wants_passport) {
            self.guard.link.show_passport();
        }
        // The stream goes on behind what its own end signed and is worth less than it should be.
        let broken = !authentic || matches!(refusal, Refusal::StreamBroken(_));
        if !broken && !hearing.is_answer(kind, id.as_ref()) {
            tracing::error!(
                code = refusal.code().id(), reason = %refusal,
                "refused what the server sent, {}: {refusal}", refusal.code().id()
            );
            return Ok(Flow::Next);
        }
        // An end that could not read a request cannot name it. That it refused, and with what, is
        // its own word all the same.
        let told = message
            .filter(|_| authentic)
            .as_ref()
            .and_then(refused_with);
        match told.filter(|_| matches!(refusal, Refusal::NotBound(_))) {
            Some(code) => {
                let reason = "the server's end refused it, without naming what it refused";
                self.fail_with(hearing, code, reason).await?;
            }
            None => self.fail(hearing, &refusal, &refusal.to_string()).await?,
        }
        Ok(Flow::Stop)
    }

    /// Nothing more comes of a response: whoever waits for its answer is told.
    pub(super) async fn fail(
        &self,
        hearing: &mut Hearing,
        refusal: &Refusal,
        reason: &str,
    ) -> Result<(), End> {
        self.fail_with(hearing, refusal.code(), reason).await?;
        if self.guard.link.peer().is_none() && !self.guard.link.is_plain() {
            self.guard.is_unproven(refusal);
        }
        hearing.opening = None;
        Ok(())
    }

    async fn fail_with(&self, hearing: &Hearing, code: Code, reason: &str) -> Result<(), End> {
        let link = &self.guard.link;
        let waiting = hearing.id.as_ref().filter(|id| link.abandon(id));
        match waiting {
            // Whoever asked because of our question is told in its place.
            Some(_) if hearing.probe => {
                tracing::warn!(
                    code = code.id(),
                    reason,
                    "the server has not said who it is, {}: {reason}",
                    code.id()
                );
                Ok(())
            }
            Some(_) if !hearing.wanted.is_so() => {
                tracing::debug!(code = code.id(), reason, "not told: {reason}");
                Ok(())
            }
            Some(id) => {
                let answered = self.guard.answer(Some(id), code, reason, &self.client);
                answered.await.map_err(|_| End::ClientGone)
            }
            None => {
                tracing::error!(
                    code = code.id(),
                    reason,
                    "an exchange with the server failed, {}: {reason}",
                    code.id()
                );
                Ok(())
            }
        }
    }

    /// The bytes of a response are over.
    pub(super) async fn close(&self, mut hearing: Hearing) -> Result<(), End> {
        let whole = if self.guard.link.is_plain() {
            Ok(())
        } else {
            hearing.body.finish()
        };
        let waiting = hearing.id.is_some() && !hearing.answered;
        match (whole, hearing.told) {
            (_, Some(code)) if waiting => {
                let reason = "the server could not make out what was sent";
                self.fail_with(&hearing, code, reason).await
            }
            (Err(refusal), _) => {
                let reason = refusal.to_string();
                self.fail(&mut hearing, &refusal, &reason).await
            }
            (Ok(()), _) if waiting => {
                let refusal = Refusal::NotBound("its response ended without an answer");
                let reason = refusal.to_string();
                self.fail(&mut hearing, &refusal, &reason).await
            }
            (Ok(()), _) => Ok(()),
        }
    }
}

/// The code of a refusal of the server's end.
fn refused_with(message: &Message) -> Option<Code> {
    let number = message.error()?.get("code").and_then(Value::as_i64)?;
    Code::from_jsonrpc(number)
}

/// The code of one that names no request.
fn unread(message: &Message) -> Option<Code> {
    let nobody = message.kind() == Kind::Error && message.id().is_none();
    refused_with(message).filter(|_| nobody)
}

/// A message as one line. Outside of strings, where they are escaped, line ends are whitespace.
fn line(message: Message) -> String {
    let text = message.into_text();
    if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ")
    } else {
        text
    }
}
