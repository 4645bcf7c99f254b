//! Verifying what comes in.

use mcps_core::binding::Req;
use mcps_core::clock::Timestamp;
use mcps_core::envelope::{Act, Sealed};
use mcps_core::level::{Effective, TrustLevel};
use mcps_core::message::{Kind, Message, Outline};
use mcps_core::passport::{self, Passport};
use mcps_core::refusal::Refusal;

use super::body::Incoming;
use super::refused::Refused;
use super::state::{Asked, Peer, State, progress_of};
use super::{Body, End, Link};
use crate::token::Presented;
use crate::verify::Verified;

/// A message to be passed on: as its writer wrote it.
#[derive(Debug)]
pub struct Opened {
    /// Without envelope.
    pub message: Message,
    /// What the sender's word is worth; absent when it came unsigned and that was admitted.
    pub trust: Option<Effective>,
    /// Of an answer: what had been asked.
    pub asked: Option<Asked>,
    /// How it names itself; absent when it came unsigned.
    pub req: Option<Req>,
    /// It showed its signer's whole passport.
    pub introduced: bool,
    /// When it was signed; absent when it was not.
    pub stamped: Option<Timestamp>,
    /// On whose behalf a gateway sent it on, as the gateway says.
    pub act: Option<Act>,
}

/// What to do with messages that carry no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// Refuse them.
    Refuse,
    /// Admit them as L0, as long as the other end never signed.
    Admit,
}

impl Link {
    /// Verifies one line from the other end.
    ///
    /// # Errors
    /// [`Refused`] with the refusal of the first check that failed.
    pub async fn open(
        &self,
        line: Vec<u8>,
        need: TrustLevel,
        plain: Plain,
    ) -> Result<Opened, Box<Refused>> {
        self.open_at(line, need, plain, Incoming::Connection).await
    }

    /// Verifies what was posted, and that the access token that came with it is the one that was
    /// signed for.
    ///
    /// # Errors
    /// As [`Link::open`].
    pub async fn open_post(
        &self,
        text: Vec<u8>,
        token: Presented,
        need: TrustLevel,
        plain: Plain,
    ) -> Result<Opened, Box<Refused>> {
        self.open_at(text, need, plain, Incoming::Post(token)).await
    }

    /// Verifies the next message of a response.
    ///
    /// # Errors
    /// As [`Link::open`].
    pub async fn open_from(
        &self,
        body: &mut Body,
        text: Vec<u8>,
        need: TrustLevel,
        plain: Plain,
    ) -> Result<Opened, Box<Refused>> {
        self.open_at(text, need, plain, Incoming::Body(body)).await
    }

    async fn open_at(
        &self,
        line: Vec<u8>,
        need: TrustLevel,
        plain: Plain,
        mut place: Incoming<'_>,
    ) -> Result<Opened, Box<Refused>> {
        let message = match Message::parse_with(line.clone(), crate::link::line_limits()) {
            Ok(message) => message,
            Err(refusal) => {
                return Err(Box::new(Refused::unread(refusal, Outline::of(&line))));
            }
        };
        let sealed = match Sealed::read(message.clone(), self.carrier()) {
            Ok(sealed) => sealed,
            Err(Refusal::Unsigned) => return self.open_plain(message, plain, &place),
            Err(refusal) => return Err(Box::new(Refused::of(refusal, &message))),
        };
        let verified = self.verify(sealed, &mut place).await?;
        self.accept(verified, need, place)
    }

    async fn verify(
        &self,
        sealed: Sealed,
        place: &mut Incoming<'_>,
    ) -> Result<Verified, Box<Refused>> {
        let kind = sealed.message().kind();
        let first = self.peer().is_none() && is_opening(sealed.message());
        let copy = sealed.clone();
        let addressed = |aud: &str| self.is_addressed(kind, aud, first);
        let token = match place {
            Incoming::Post(token) => Some(*token),
            Incoming::Connection | Incoming::Body(_) => None,
        };
        let verified = self
            .verifier
            .verify(sealed, addressed, self.end.expects(), token)
            .await;
        match verified {
            Ok(verified) => Ok(verified),
            Err(refusal) => {
                let last = self.takes_its_place(&refusal, &copy, place).await;
                Err(Refused::of_sealed(refusal, copy, last))
            }
        }
    }

    /// Whether a message that was not verified is the other end's next one all the same, refused
    /// for what the sender's passport or clock is worth now. It then counts as received: the
    /// stream goes on behind it, and it is not served when it comes again.
    async fn takes_its_place(
        &self,
        refusal: &Refusal,
        sealed: &Sealed,
        place: &mut Incoming<'_>,
    ) -> bool {
        if matches!(
            refusal,
            Refusal::WrongAudience
                | Refusal::AccessToken(_)
                | Refusal::Replayed
                | Refusal::SharedStateUnavailable
        ) {
            return false;
        }
        let Some(signer) = self.verifier.signer(sealed) else {
            return false;
        };
        let next = self.is_next(&mut self.state(), sealed, &signer, place);
        if !next || !self.verifier.spend(sealed).await {
            return false;
        }
        let mut state = self.state();
        // Another may have come in its place while its nonce was put down.
        if !self.is_next(&mut state, sealed, &signer, place) {
            return false;
        }
        match place {
            Incoming::Connection => state
                .incoming_of(&sealed.fields().session)
                .advance(*sealed.digest()),
            Incoming::Post(_) => {}
            Incoming::Body(body) => body.stream.advance(*sealed.digest()),
        }
        if state.peer.is_none() {
            state.stranger = Some(signer.id().clone());
        }
        true
    }

    /// Whether it is what the other end would say next here.
    fn is_next(
        &self,
        state: &mut State,
        sealed: &Sealed,
        signer: &Passport,
        place: &Incoming<'_>,
    ) -> bool {
        let fields = sealed.fields();
        let other = |peer: &Peer| !peer.is_same_subject(signer, true);
        if state.peer.as_ref().is_some_and(other)
            || self.is_foreign_session(&fields.session, state.session.as_deref())
            || fields.aud.is_empty()
        {
            return false;
        }
        let due = match place {
            Incoming::Connection => Some(state.incoming_of(&fields.session).next()),
            Incoming::Post(_) => None,
            Incoming::Body(body) if body.req != fields.req => return false,
            Incoming::Body(body) => Some(body.stream.next()),
        };
        fields.position == due
    }

    fn open_plain(
        &self,
        message: Message,
        plain: Plain,
        place: &Incoming<'_>,
    ) -> Result<Opened, Box<Refused>> {
        let mut state = self.state();
        let refuse = |refusal, message: Message| {
            let refused = Refused::of(refusal, &message);
            Box::new(Refused {
                message: Some(message),
                ..refused
            })
        };
        if plain == Plain::Refuse || state.peer.is_some() {
            return Err(refuse(Refusal::Unsigned, message));
        }
        if let Incoming::Post(token) = place
            && let Err(refusal) = token.is_clear()
        {
            return Err(refuse(refusal, message));
        }
        state.plain = true;
        let asked = match (message.kind(), message.id()) {
            (Kind::Request, _) => match state.serving.insert(&message, None) {
                Ok(()) => None,
                Err(refusal) => return Err(refuse(refusal, message)),
            },
            (Kind::Response | Kind::Error, Some(id)) => {
                state.asked.remove(id).map(|(_, asked)| asked)
            }
            _ => None,
        };
        state.received(&message);
        Ok(Opened {
            message,
            trust: None,
            asked,
            req: None,
            introduced: false,
            stamped: None,
            act: None,
        })
    }

    /// The checks that need the link's memory: same subject, same session, next in the stream,
    /// bound to what was asked, level.
    fn accept(
        &self,
        verified: Verified,
        need: TrustLevel,
        mut place: Incoming<'_>,
    ) -> Result<Opened, Box<Refused>> {
        let mut state = self.state();
        if let Err(refusal) = self.belongs(&state, &verified, &place) {
            return Err(Refused::of_sealed(refusal, verified.into_sealed(), false));
        }
        let met = state.peer.is_some();
        let placed = self.place(&mut state, &verified, &mut place);
        let trust = verified.trust();
        if let Err(refusal) = placed.and_then(|()| verified.require(need)) {
            return Err(Refused::of_sealed(refusal, verified.into_sealed(), true));
        }
        let gateway =
            verified.passport().ext().map(|ext| ext.kind) == Some(passport::Kind::Gateway);
        let sealed = verified.into_sealed();
        let req = sealed.as_req();
        let failed = |refusal, message: &Message| {
            Box::new(Refused {
                req: Some(req.clone()),
                authentic: true,
                ..Refused::of(refusal, message)
            })
        };
        let unstripped = failed(Refusal::Envelope("added"), sealed.message());
        let (bare, named) = (sealed.fields().aud.is_empty(), sealed.fields().req.clone());
        let introduced = sealed.fields().passport.is_some();
        let stamped = sealed.fields().stamped;
        // Nobody else speaks for others.
        let act = sealed.fields().act.clone().filter(|_| gateway);
        // What a body holds is bound to the request that the body answers.
        let of_body = matches!(place, Incoming::Body(_)) && sealed.message().method().is_some();
        let Ok(message) = sealed.strip() else {
            return Err(unstripped);
        };
        let bound = if of_body {
            Ok(None)
        } else {
            bind(&mut state, &message, named.as_ref(), bare, met)
        };
        let asked = bound.map_err(|refusal| {
            let mut refused = failed(refusal, &message);
            refused.message = Some(message.clone());
            refused
        })?;
        if message.kind() == Kind::Request {
            let noted = state.serving.insert(&message, Some(req.clone()));
            noted.map_err(|refusal| failed(refusal, &message))?;
        }
        state.received(&message);
        Ok(Opened {
            message,
            trust: Some(trust),
            asked,
            req: Some(req),
            introduced,
            stamped: Some(stamped),
            act,
        })
    }

    /// Whether a message is this connection's: by its one subject, in its one session, bound to
    /// it if one was before.
    fn belongs(
        &self,
        state: &State,
        verified: &Verified,
        place: &Incoming<'_>,
    ) -> Result<(), Refusal> {
        let fields = verified.sealed().fields();
        let kind = verified.sealed().message().kind();
        // What answers somebody is told apart from what somebody asks or says.
        let answers = matches!(kind, Kind::Response | Kind::Error);
        let unbound = match place {
            Incoming::Body(_) => Refusal::NotBound,
            Incoming::Connection | Incoming::Post(_) if answers => Refusal::NotBound,
            Incoming::Connection | Incoming::Post(_) => Refusal::Unbound,
        };
        let other =
            |peer: &Peer| !peer.is_same_subject(verified.passport(), verified.is_recognised());
        if state.peer.as_ref().is_some_and(other) {
            return Err(Refusal::Passport(
                "another subject speaks on this connection",
            ));
        }
        if fields.aud.is_empty() {
            // Bare draft-00 messages are good anywhere, so one may be from anywhere.
            return if state.bound {
                Err(unbound("others before it were bound, and it is not"))
            } else {
                Ok(())
            };
        }
        if self.is_foreign_session(&fields.session, state.session.as_deref()) {
            return Err(unbound("it is of another session"));
        }
        if let Incoming::Body(body) = place
            && body.req != fields.req
            // Who could not read the request cannot name it; `bind` says when that is admitted.
            && (fields.req.is_some() || kind != Kind::Error)
        {
            return Err(Refusal::NotBound("its response answers another request"));
        }
        Ok(())
    }

    /// The next message of the stream, and from now on its sender is whom we speak to.
    fn place(
        &self,
        state: &mut State,
        verified: &Verified,
        place: &mut Incoming<'_>,
    ) -> Result<(), Refusal> {
        let sealed = verified.sealed();
        let fields = sealed.fields();
        if !fields.aud.is_empty() {
            match place {
                Incoming::Connection => {
                    let incoming = state.incoming_of(&fields.session);
                    incoming.check(fields.position)?;
                    incoming.advance(*sealed.digest());
                }
                Incoming::Post(_) if fields.position.is_some() => {
                    return Err(Refusal::StreamBroken("what is posted is no part of one"));
                }
                Incoming::Post(_) => {}
                Incoming::Body(body) if body.ended => {
                    return Err(Refusal::StreamBroken("a message came after the last"));
                }
                Incoming::Body(body) => {
                    body.stream.check(fields.position)?;
                    body.stream.advance(*sealed.digest());
                    body.ended = fields.last;
                    // Whoever names our request knows the passport it was signed with.
                    state.shown = body.req.as_ref().map(|req| req.passport_id.clone());
                }
            }
            state.bound = true;
            if self.end == End::Server {
                state.session.get_or_insert_with(|| fields.session.clone());
            }
        }
        state.peer = Some(Peer {
            passport: verified.passport().clone(),
            level: verified.trust().level(),
            recognised: verified.is_recognised(),
        });
        Ok(())
    }
}

/// Whether an answer, or what else names a request, belongs to one of ours.
fn bind(
    state: &mut State,
    message: &Message,
    req: Option<&Req>,
    bare: bool,
    met: bool,
) -> Result<Option<Asked>, Refusal> {
    match (message.kind(), message.id()) {
        (Kind::Response | Kind::Error, Some(id)) => {
            // An end that could not read a request cannot name it; its own error says so. That
            // ends the first exchange only: later, a line that somebody else put in would be
            // answered so too, and what it was made to look like may yet be served.
            let unread = !met && message.kind() == Kind::Error && is_refusal(message);
            if req.is_none() && (bare || unread) {
                let settled = state.asked.remove(id);
                return settled
                    .map(|(_, asked)| Some(asked))
                    .ok_or(Refusal::NotBound("no such request is in flight"));
            }
            state.asked.settle(id, req).map(|(_, asked)| Some(asked))
        }
        (Kind::Response | Kind::Error, None) => Ok(None),
        (Kind::Request | Kind::Notification, _) => match req {
            Some(req) if !state.asked.names(req) => {
                Err(Refusal::NotBound("it names no request in flight"))
            }
            None if progress_of(message).is_some_and(|token| is_asked_token(state, &token))
                && !bare =>
            {
                Err(Refusal::NotBound("progress that names no request"))
            }
            _ => Ok(None),
        },
    }
}

fn is_asked_token(state: &State, token: &str) -> bool {
    state
        .asked
        .notes()
        .any(|asked| asked.token.as_deref() == Some(token))
}

/// Whether an error is one of this profile's.
fn is_refusal(message: &Message) -> bool {
    let code = message
        .error()
        .and_then(|error| error.get("code"))
        .and_then(mcps_core::json::Value::as_i64);
    code.and_then(mcps_core::code::Code::from_jsonrpc).is_some()
}

/// The one message that may say `stdio:*`.
fn is_opening(message: &Message) -> bool {
    message.kind() == Kind::Request
        && matches!(
            message.method().as_deref(),
            Some("initialize" | "server/discover")
        )
}
