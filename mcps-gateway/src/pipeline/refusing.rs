//! What is refused is written down before it is said.

use mcps_client::listen::{Admitted, Barred};
use mcps_core::code::Code;
use mcps_transport::http::server::Reply;

use super::Gateway;
use super::stages::Seated;
use crate::call::{Call, Caller};
use crate::judge::Denial;
use crate::policy::{Action, Decision};
use crate::record::{Need, written};
use crate::routes::Route;

impl Gateway {
    /// Writes down and says that a request goes no further.
    pub(super) async fn deny(&self, route: &Route, seated: Seated, denial: Denial) -> Box<Reply> {
        let Seated { entered, call } = seated;
        self.put(&call, &denial).await;
        let (hub, id) = (&route.hub, &call.decision_id);
        match is_unknown_method(&call, &denial) {
            true => hub.deny_method(entered, denial.code, id),
            false => hub.deny_entered(entered, denial.code, id),
        }
    }

    /// The same for headers that are not what the body says.
    pub(super) async fn mismatched(
        &self,
        route: &Route,
        seated: Seated,
        denial: Denial,
    ) -> Box<Reply> {
        let Seated { entered, call } = seated;
        self.put(&call, &denial).await;
        let hub = &route.hub;
        hub.deny_headers(entered, denial.code, &call.decision_id)
    }

    /// Where no session can begin, that is on record too.
    pub(super) async fn seat(
        &self,
        route: &Route,
        admitted: Admitted,
        call: Call,
    ) -> Result<Seated, Box<Reply>> {
        let mut why: Option<Barred> = None;
        let entered = route.hub.enter(admitted, |barred| {
            why = Some(barred.clone());
            call.decision_id.clone()
        });
        if let Some(Barred { code, why }) = why {
            self.put(&call, &Denial::new(code, "session", why)).await;
        }
        entered.map(|entered| Seated { entered, call })
    }

    pub(super) async fn put(&self, call: &Call, denial: &Denial) {
        let code = denial.code;
        tracing::warn!(
            code = code.id(),
            decision_id = call.decision_id,
            rule = denial.rule,
            method = %written(&call.method).escape_debug(),
            tenant = call.caller.tenant,
            server = call.target.server,
            name = call.target.name.as_deref().map(written).as_deref(),
            passport_id = call
                .caller
                .principal
                .as_ref()
                .and_then(|principal| principal.passport_id()),
            "refused with {}: {}; {}",
            code.id(),
            denial.reason,
            code.advice()
        );
        if let Err(error) = self
            .recorder()
            .decision(call, Err(denial), Need::Written)
            .await
        {
            tracing::error!(decision_id = call.decision_id, error = %error, "a refusal is not on record: {error}");
        }
    }

    /// Says that somebody who belongs nowhere is refused: it is in nobody's records.
    pub(super) fn refused(&self, caller: &Caller, route: &Route, denial: &Denial) -> String {
        let decision_id = self.decision_id();
        tracing::warn!(
            code = denial.code.id(),
            decision_id,
            route = route.name(),
            tenant = caller.tenant,
            passport_id = caller
                .principal
                .as_ref()
                .and_then(|principal| principal.passport_id()),
            "refused with {}: {}; {}",
            denial.code.id(),
            denial.reason,
            denial.code.advice()
        );
        decision_id
    }
}

/// Whether a request is refused for nothing but that its method is none of MCP's, and permitted by no rule.
fn is_unknown_method(call: &Call, denial: &Denial) -> bool {
    let unknown = matches!(Action::from_method(&call.method), Action::Method(_));
    denial.code == Code::Denied && denial.rule == Decision::DEFAULT && unknown
}
