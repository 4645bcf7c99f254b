//! Signing what goes out.

use mcps_core::binding::Req;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::envelope::{self, Act, Fields};
use mcps_core::message::{self, Id, Kind, Message};
use mcps_core::passport::PassportId;
use mcps_core::random::hex16;
use mcps_core::refusal::Refusal;

use super::body::Outgoing;
use super::state::{Asked, State, cancelled_by, keepable};
use super::{Body, End, Link, Refused};

/// The session of a refusal to somebody whose session could not be read.
const NO_SESSION: &str = "00000000000000000000000000000000";

impl Link {
    /// Signs one message for the other end and returns the line to send. Answers are bound to the
    /// request they answer; requests are noted so that their answers can be.
    ///
    /// Where the other end speaks plain MCP, the message is returned as it is.
    ///
    /// # Errors
    /// [`Refusal::NotBound`] for an answer to nothing that was asked; [`Refusal::Envelope`] for a
    /// message that carries an envelope already; [`Refusal::Full`]. Nothing was sent then, and the
    /// stream goes on.
    pub fn seal(&self, message: Message) -> Result<String, Refusal> {
        self.seal_at(message, Outgoing::Connection)
            .map(|(text, _)| text)
    }

    /// Signs one message to be posted, with the hash `ath` of the access token that goes with it,
    /// and makes ready for the body of what answers it.
    ///
    /// # Errors
    /// As [`Link::seal`].
    pub fn seal_post(
        &self,
        message: Message,
        ath: Option<Digest>,
    ) -> Result<(String, Body), Refusal> {
        self.seal_post_for(message, ath, None)
    }

    /// The same on behalf of a caller: what is passed on names the signed object that it came in.
    ///
    /// # Errors
    /// As [`Link::seal`].
    pub fn seal_post_for(
        &self,
        message: Message,
        ath: Option<Digest>,
        act: Option<Act>,
    ) -> Result<(String, Body), Refusal> {
        let (text, req) = self.seal_at(message, Outgoing::Post(ath, act))?;
        Ok((text, Body::answering(req, false)))
    }

    /// Signs the next message of a response, and says whether it is the `last`.
    ///
    /// # Errors
    /// As [`Link::seal`]; [`Refusal::NotBound`] for the answer to another request than the one
    /// that this body answers.
    pub fn seal_into(
        &self,
        message: Message,
        body: &mut Body,
        last: bool,
    ) -> Result<String, Refusal> {
        self.seal_at(message, Outgoing::Body(body, last))
            .map(|(text, _)| text)
    }

    fn seal_at(
        &self,
        message: Message,
        place: Outgoing<'_>,
    ) -> Result<(String, Option<Req>), Refusal> {
        let mut state = self.state();
        let (kind, id) = (message.kind(), message.id().cloned());
        let req = match (kind, &id, &place) {
            (Kind::Response | Kind::Error, Some(id), _) => match state.serving.get(id) {
                Some((req, _)) => req.clone(),
                None => return Err(Refusal::NotBound("it answers nothing that was asked")),
            },
            (Kind::Response | Kind::Error, None, _) => None,
            (_, _, Outgoing::Body(body, _)) => body.req.clone(),
            (Kind::Request | Kind::Notification, _, _) => state.serving.behind(&message),
        };
        if let Outgoing::Body(body, _) = &place
            && body.req != req
        {
            return Err(Refusal::NotBound("it answers another request"));
        }
        let cancels = cancelled_by(&message);
        if state.plain && state.peer.is_none() {
            state.sent(kind, id, cancels);
            return Ok((message.into_text(), None));
        }
        let asked = (kind == Kind::Request).then(|| Asked::of(&message));
        if let (Some(_), Some(id)) = (&asked, &id) {
            keepable(id)?;
            if state.asked.get(id).is_some() {
                return Err(Refusal::Message(
                    "a request with this `id` is still in flight",
                ));
            }
        }
        let fields = self.fields(&state, kind, req, None, &place)?;
        let signed = envelope::seal(message, self.carrier, &fields, self.identity.signer())?;
        let own = Req {
            hash: signed.digest,
            nonce: fields.nonce,
            passport_id: fields.passport_id,
        };
        if let (Some(asked), Some(id)) = (asked, &id) {
            state.asked.insert(id.clone(), own.clone(), asked)?;
        }
        state.sent(kind, id, cancels);
        took(&mut state, place, &own);
        Ok((signed.text, Some(own)))
    }

    /// The signed error that tells the other end of a refusal: the code's number and title, and
    /// nothing of the reason.
    ///
    /// It names the request only when that will not be served: a line that was changed, made up or
    /// sent twice on the way must not end the call of the one who asked. What was sent twice is
    /// answered where it came first, so here not even the id is given.
    ///
    /// # Errors
    /// When even that cannot be signed.
    pub fn seal_refused(&self, refused: &Refused, decision_id: &str) -> Result<String, Refusal> {
        self.seal_refused_at(refused, decision_id, Outgoing::Connection)
    }

    /// The same as the one message of the response to what was posted.
    ///
    /// # Errors
    /// When even that cannot be signed.
    pub fn seal_refused_post(
        &self,
        refused: &Refused,
        decision_id: &str,
    ) -> Result<String, Refusal> {
        let req = refused.req.clone().filter(|_| refused.authentic);
        let mut body = Body::answering(req, true);
        self.seal_refused_at(refused, decision_id, Outgoing::Body(&mut body, true))
    }

    fn seal_refused_at(
        &self,
        refused: &Refused,
        decision_id: &str,
        place: Outgoing<'_>,
    ) -> Result<String, Refusal> {
        let extra = if refused.refusal.wants_passport() {
            r#","want":"passport""#
        } else {
            ""
        };
        let req = refused.req.clone().filter(|_| refused.authentic);
        let twice = refused.refusal == Refusal::Replayed;
        let id = refused.id.as_ref();
        self.seal_error(
            id.filter(|id| !twice && keepable(id).is_ok()),
            req,
            refused.refusal.code(),
            decision_id,
            extra,
            place,
        )
    }

    /// The signed error that ends a request of the other end which cannot be answered otherwise.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn seal_failure(&self, id: &Id, code: Code, decision_id: &str) -> Result<String, Refusal> {
        let req = self.state().serving.remove(id).and_then(|(req, _)| req);
        self.seal_error(Some(id), req, code, decision_id, "", Outgoing::Connection)
    }

    /// The same to be posted.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn seal_failure_post(
        &self,
        id: &Id,
        code: Code,
        decision_id: &str,
        ath: Option<Digest>,
    ) -> Result<(String, Body), Refusal> {
        let req = self.state().serving.remove(id).and_then(|(req, _)| req);
        let place = Outgoing::Post(ath, None);
        let text = self.seal_error(Some(id), req, code, decision_id, "", place)?;
        Ok((text, Body::answering(None, false)))
    }

    /// The same as the last message of the response.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn seal_failure_into(
        &self,
        id: &Id,
        code: Code,
        decision_id: &str,
        body: &mut Body,
    ) -> Result<String, Refusal> {
        let req = self.state().serving.remove(id).and_then(|(req, _)| req);
        let place = Outgoing::Body(body, true);
        self.seal_error(Some(id), req, code, decision_id, "", place)
    }

    fn seal_error(
        &self,
        id: Option<&Id>,
        req: Option<Req>,
        code: Code,
        decision_id: &str,
        extra: &str,
        place: Outgoing<'_>,
    ) -> Result<String, Refusal> {
        let mut state = self.state();
        let text = message::error_text(id, code, decision_id, extra);
        if state.plain && state.peer.is_none() {
            return Ok(text);
        }
        let aud = req.as_ref().map(|req| req.passport_id.clone());
        let fields = self.fields(&state, Kind::Error, req, aud, &place)?;
        let signed = envelope::seal(
            Message::parse(text)?,
            self.carrier,
            &fields,
            self.identity.signer(),
        )?;
        let own = Req {
            hash: signed.digest,
            nonce: fields.nonce,
            passport_id: fields.passport_id,
        };
        took(&mut state, place, &own);
        Ok(signed.text)
    }

    fn fields(
        &self,
        state: &State,
        kind: Kind,
        req: Option<Req>,
        aud: Option<PassportId>,
        place: &Outgoing<'_>,
    ) -> Result<Fields, Refusal> {
        let passport = self.identity.passport()?;
        let peer = aud
            .as_ref()
            .or_else(|| state.peer.as_ref().map(|peer| peer.passport.id()))
            .or(state.stranger.as_ref());
        let now = self.clock.now();
        let known = state.shown.as_ref() == Some(passport.id());
        let (shown, position, last) = match place {
            Outgoing::Connection => (known, Some(state.outgoing.next()), false),
            Outgoing::Post(..) => (known, None, false),
            Outgoing::Body(body, last) => {
                let position = body.stream.next();
                let introduces = body.introduces && position.seq == 1;
                (!introduces, Some(position), *last)
            }
        };
        let nonce = hex16(self.random.as_ref())
            .map_err(|_| Refusal::Envelope("no randomness for a nonce"))?;
        Ok(Fields {
            passport_id: passport.id().clone(),
            timestamp: now.to_string(),
            stamped: now,
            nonce,
            aud: self.audience(kind, peer),
            session: state
                .session
                .clone()
                .unwrap_or_else(|| NO_SESSION.to_owned()),
            passport: (!shown).then(|| Box::new(passport.as_ref().clone())),
            req,
            position,
            last,
            act: match place {
                Outgoing::Post(_, act) => act.clone(),
                Outgoing::Connection | Outgoing::Body(..) => None,
            },
            ath: match place {
                Outgoing::Post(ath, _) => *ath,
                Outgoing::Connection | Outgoing::Body(..) => None,
            },
        })
    }

    /// Makes ready for the response to a message that [`Link::open_post`] returned.
    #[must_use]
    pub fn respond(&self, opened: &super::Opened) -> Body {
        let mut state = self.state();
        let own = self.identity.id().ok();
        if opened.introduced {
            state.shown.clone_from(&own);
        }
        // Who showed a passport may not know ours; nor does who met us under an earlier one.
        let introduces = opened.introduced || state.shown != own;
        Body::answering(opened.req.clone(), introduces)
    }

    /// The same for a caller that does not sign.
    #[must_use]
    pub fn respond_plain(&self) -> Body {
        Body::answering(None, false)
    }

    /// Shows the whole passport again with the next message: the other end asked for it.
    pub fn show_passport(&self) {
        self.state().shown = None;
    }

    /// Whether a session is one that a server may give when it does not know the agent's.
    pub(super) fn is_foreign_session(&self, session: &str, expected: Option<&str>) -> bool {
        match (self.end, expected) {
            (_, Some(expected)) if expected == session => false,
            (End::Client, _) => session != NO_SESSION,
            (End::Server, expected) => expected.is_some(),
        }
    }
}

/// Takes note of what was signed for this place.
fn took(state: &mut State, place: Outgoing<'_>, own: &Req) {
    match place {
        Outgoing::Connection => {
            state.outgoing.advance(own.hash);
            state.shown = Some(own.passport_id.clone());
        }
        // Whether the other end knows our passport shows when it answers.
        Outgoing::Post(..) => {}
        Outgoing::Body(body, last) => {
            body.stream.advance(own.hash);
            body.ended |= last;
        }
    }
}
