//! Whether a message is let in, and what is said where it is not.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use mcps_core::code::Code;
use mcps_core::level::{Effective, TrustLevel};
use mcps_core::message::{Kind, Message};
use mcps_transport::http::server::Reply;

use super::Hub;
use super::reply::{bad_request, empty, json, status_of, unavailable};
use crate::desk::Mode;
use crate::link::{Link, Opened, Refused};
use crate::listen::mirror::{self, Wrong};
use crate::token::Presented;

impl Hub {
    /// Verifies what was posted on a link, with the access token that came with it.
    pub(super) async fn admit(
        &self,
        link: &Link,
        body: Bytes,
        token: Presented,
    ) -> Result<Opened, Box<Reply>> {
        let desk = &self.parts.desk;
        let opened = link
            .open_post(body.to_vec(), token, desk.need(), desk.plain())
            .await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(refused) if desk.mode == Mode::Observe => self.overlook(link, *refused)?,
            Err(refused) => return Err(self.refuse(link, &refused)),
        };
        if let Some(stamped) = opened.stamped
            && let Err(error) = self.parts.horizon.cover(stamped)
        {
            tracing::error!(error = %error, "what is accepted cannot be written down, so nothing is: {error}");
            if let Some(id) = opened.message.id() {
                link.forget(id);
            }
            return Err(unavailable());
        }
        let level = opened.trust.map_or(TrustLevel::L0, Effective::level);
        let method = opened.message.method().unwrap_or_default().into_owned();
        desk.remark(level, &method);
        let kind = opened.message.kind().as_str();
        match &opened.act {
            None => tracing::debug!(method, %level, kind, "verified"),
            Some(act) => {
                let (agent, hash) = (&act.passport_id, &act.hash);
                tracing::info!(method, %level, kind, %agent, %hash, "verified {method} on behalf of {agent}");
            }
        }
        Ok(opened)
    }

    /// Logs what enforcing would refuse, and lets it through as far as it can be read.
    fn overlook(&self, link: &Link, refused: Refused) -> Result<Opened, Box<Reply>> {
        let (code, reason) = (refused.refusal.code(), refused.refusal.to_string());
        tracing::warn!(
            code = code.id(),
            reason,
            "would refuse with {}: {reason}",
            code.id()
        );
        if refused.message.is_none() {
            return Err(self.refuse(link, &refused));
        }
        let req = refused.req.clone();
        let message = link.overlook(refused).ok_or_else(bad_request)?;
        Ok(Opened {
            message,
            trust: None,
            asked: None,
            req,
            introduced: true,
            stamped: None,
            act: None,
        })
    }

    pub(super) fn refuse(&self, link: &Link, refused: &Refused) -> Box<Reply> {
        let code = refused.refusal.code();
        let decision_id = link.decision_id();
        tracing::warn!(
            code = code.id(), decision_id, reason = %refused.refusal,
            passport_id = refused.req.as_ref().map(|req| req.passport_id.as_str()),
            "refused with {}: {}; {}", code.id(), refused.refusal, code.advice(),
        );
        match link.seal_refused_post(refused, &decision_id) {
            Ok(text) => json(status_of(code), HeaderMap::new(), text),
            Err(refusal) => {
                tracing::error!(error = %refusal, "a refusal could not be signed: {refusal}");
                unavailable()
            }
        }
    }

    /// A refusal of a session whose link is known to be good but goes no further, under an id that the log has.
    pub(super) fn turn_away(
        &self,
        link: &Link,
        opened: &Opened,
        code: Code,
        decision_id: &str,
    ) -> Box<Reply> {
        let Some(id) = opened
            .message
            .id()
            .filter(|_| opened.message.kind() == Kind::Request)
        else {
            return empty(status_of(code));
        };
        let mut body = link.respond(opened);
        match link.seal_failure_into(id, code, decision_id, &mut body) {
            Ok(text) => json(status_of(code), HeaderMap::new(), text),
            Err(_) => unavailable(),
        }
    }

    /// Says in the log why one goes no further; the id under which it does.
    pub(super) fn note(&self, link: &Link, code: Code, why: &str) -> String {
        let decision_id = link.decision_id();
        tracing::warn!(
            code = code.id(),
            decision_id,
            reason = why,
            "refused with {}: {why}; {}",
            code.id(),
            code.advice()
        );
        decision_id
    }

    /// A signed error for a request that goes no further because of how it was asked.
    pub(super) fn wrong(&self, link: &Link, opened: &Opened, wrong: Wrong) -> Box<Reply> {
        let Wrong { number, why } = wrong;
        tracing::warn!(number, reason = why, "refused as it was asked: {why}");
        let Some(id) = opened.message.id() else {
            return bad_request();
        };
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{number},"message":"{why}"}}}}"#
        );
        // Of the older era nothing but a revision is ever wrong.
        let status = match mirror::status(Some(number)) {
            StatusCode::OK => StatusCode::BAD_REQUEST,
            status => status,
        };
        self.sealed(link, opened, text, status)
    }

    /// An error as the answer to a request, signed.
    pub(super) fn sealed(
        &self,
        link: &Link,
        opened: &Opened,
        text: String,
        status: StatusCode,
    ) -> Box<Reply> {
        let mut body = link.respond(opened);
        let sealed =
            Message::parse(text).and_then(|message| link.seal_into(message, &mut body, true));
        sealed.map_or_else(
            |_| bad_request(),
            |text| json(status, HeaderMap::new(), text),
        )
    }
}
