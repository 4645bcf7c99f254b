//! Who calls without signing: by a key or an access token, before anything of their session is touched.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use mcps_client::link::Guest;
use mcps_client::listen::status_of;
use mcps_client::token::AccessToken;
use mcps_core::code::Code;
use mcps_core::message::{self, Id};
use mcps_core::refusal::Refusal;
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::{Get, Reply};
use tokio::time::timeout;

use super::Gateway;
use crate::callers::{Known, Resource, challenge};
use crate::judge::Denial;
use crate::routes::Route;

/// How long a call waits for the feed, of which nothing is known for a moment after the start.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that came to an endpoint, as far as it says who sent it.
pub(super) struct Letter<'a> {
    pub(super) headers: &'a McpHeaders,
    /// Whether it has an envelope: then the passport in it decides, and whatever else came with it is
    /// between its sender and its server.
    pub(super) signed: bool,
    /// What it is answered by.
    pub(super) id: Option<&'a Id>,
}

impl Gateway {
    /// Who sent something that is not signed; `None` for what is, and for those of whom nobody needs to
    /// know.
    ///
    /// # Errors
    /// 401, with where tokens are to be had.
    pub(super) async fn credentials(
        &self,
        route: &Route,
        letter: Letter<'_>,
    ) -> Result<Option<Known>, Box<Reply>> {
        let callers = self.parts.callers.load_full();
        if letter.signed || callers.is_empty() {
            return Ok(None);
        }
        let server = route.server.as_deref();
        let token = match AccessToken::of(letter.headers.raw()) {
            Ok(token) => token,
            Err(why) => {
                let denial = Denial::new(Code::InvalidCredential, "credential", why.to_owned());
                return Err(self.turned_away(route, &letter, &denial, None));
            }
        };
        let Some(token) = token else {
            // A credential that is wrong is never taken for none.
            let open = self.anonymous();
            let reaches =
                |tenant: &String| server.is_none_or(|server| self.reaches(tenant, server));
            if open.as_ref().is_some_and(reaches) {
                return Ok(None);
            }
            let reason = "it is not signed, and came with neither a key nor a token".to_owned();
            let denial = Denial::new(Code::SignatureRequired, "credential", reason);
            return Err(self.turned_away(route, &letter, &denial, None));
        };
        match callers.recognise(&token, server).await {
            Ok(known) => Ok(Some(known)),
            Err(fault) => {
                let denial = Denial::new(fault.code(), fault.rule(), fault.to_string());
                Err(self.turned_away(route, &letter, &denial, Some(&token)))
            }
        }
    }

    /// Says so to nobody in particular: what anybody can send is not to fill the record.
    fn turned_away(
        &self,
        route: &Route,
        letter: &Letter<'_>,
        denial: &Denial,
        token: Option<&AccessToken>,
    ) -> Box<Reply> {
        let (code, decision_id) = (denial.code, self.decision_id());
        tracing::warn!(
            code = code.id(),
            decision_id,
            route = route.name(),
            rule = denial.rule,
            "refused with {}: {}; {}",
            code.id(),
            denial.reason,
            code.advice()
        );
        let callers = self.parts.callers.load();
        let resource = Resource::of(&self.parts.uris, letter.headers.raw());
        // Without an issuer there is no token to be had.
        let resource = resource.filter(|_| callers.issuers().next().is_some());
        let server = route.server.as_deref();
        let scopes = callers.scopes_of(token);
        let mut headers = challenge(code, resource.map(|resource| (resource, server)), scopes);
        if code == Code::IssuerUnreachable {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static("10"));
        }
        Box::new(Reply::Json {
            status: status_of(code),
            headers,
            body: message::error_text(letter.id, code, &decision_id, "").into(),
        })
    }

    /// Whether the authority has nothing against somebody who has no passport.
    ///
    /// # Errors
    /// What it has, or that nobody knows.
    pub(super) async fn stands(&self, guest: &Guest) -> Result<(), Denial> {
        let trust = &self.parts.trust;
        // What comes from here on is not missed.
        let changes = trust.changes();
        let mut stands = trust.vouches_for_guest(guest);
        if let (Err(Refusal::AuthorityUnreachable), Some(mut changes)) = (&stands, changes) {
            let heard = async {
                while trust.vouches_for_guest(guest) == Err(Refusal::AuthorityUnreachable)
                    && changes.changed().await.is_ok()
                {}
            };
            // What is known by then is what counts.
            drop(timeout(PATIENCE, heard).await);
            stands = trust.vouches_for_guest(guest);
        }
        stands.map_err(|refusal| {
            let reason = match &refusal {
                Refusal::Revoked(how) => format!("the caller is {how} at the authority"),
                refusal => refusal.to_string(),
            };
            Denial::new(refusal.code(), "caller", reason)
        })
    }

    /// Where tokens for an endpoint are to be had (RFC 9728), where there are any.
    pub(super) fn metadata(&self, get: &Get) -> Reply {
        let missing = || Reply::Empty {
            status: StatusCode::NOT_FOUND,
            headers: http::HeaderMap::new(),
        };
        let callers = self.parts.callers.load();
        let issuers: Vec<&str> = callers.issuers().collect();
        let resource = Resource::of(&self.parts.uris, get.headers.raw());
        let Some(resource) = resource.filter(|_| !issuers.is_empty()) else {
            return missing();
        };
        let endpoint = resource.endpoint(&get.path);
        let Some(route) = endpoint.and_then(|path| self.routes.find(&path)) else {
            return missing();
        };
        Reply::Json {
            status: StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: resource
                .document(route.server.as_deref(), &issuers, &callers.scopes())
                .into(),
        }
    }
}
