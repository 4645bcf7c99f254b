//! How long a response may go on: a call's for as long as its server may take, a stream that ends by nothing
//! else for as long as what its caller came with is good.

use std::sync::Arc;
use std::time::Duration;

use mcps_client::listen::Ends;
use mcps_core::code::Code;
use tokio::time::sleep;

use crate::call::Proof;
use crate::callers::Known;
use crate::outcome::Reader;
use crate::pipeline::Gateway;

/// How long an answer may take, unless it is said.
const ANSWER_S: u64 = 3600;
/// How often it is looked whether a stream may go on.
const GLANCE: Duration = Duration::from_secs(1);

impl Reader {
    /// Ends when a server has taken too long for an answer.
    pub(crate) fn patience(&self, server: Option<&str>) -> Option<Ends> {
        let config = self.gateway.parts.config.load();
        let known = config
            .server
            .iter()
            .find(|known| Some(&*known.name) == server);
        let answer_s = known?.answer_s.unwrap_or(ANSWER_S);
        let (server, answer) = (known?.name.clone(), Duration::from_secs(answer_s));
        Some(Box::pin(async move {
            sleep(answer).await;
            tracing::error!(
                server,
                answer_s,
                "{server} has not answered within {answer_s} s; answer_s allows more"
            );
            Code::UpstreamUnavailable
        }))
    }

    /// Ends when its caller, who does not sign, may read no more. Others have sessions, which end.
    pub(crate) fn leave(&self) -> Option<Ends> {
        let tenant = self.caller.tenant.clone();
        let known = match self.caller.principal.clone() {
            Some(principal) if matches!(principal.proof, Proof::Passport { .. }) => return None,
            Some(principal) => Lessee::Known(Known { tenant, principal }),
            None => Lessee::Nobody(tenant),
        };
        let gateway = Arc::clone(&self.gateway);
        Some(Box::pin(async move {
            loop {
                if let Some(code) = gateway.against(&known) {
                    let code_id = code.id();
                    tracing::info!(code = code_id, "a stream has ended, {code}");
                    return code;
                }
                sleep(GLANCE).await;
            }
        }))
    }
}

/// Who reads without a signature.
enum Lessee {
    /// Somebody with a key or a token.
    Known(Known),
    /// Nobody by name, of the tenant to which such callers belong.
    Nobody(String),
}

impl Gateway {
    /// What there is against somebody who was let in.
    fn against(&self, lessee: &Lessee) -> Option<Code> {
        let known = match lessee {
            Lessee::Known(known) => known,
            Lessee::Nobody(tenant) => {
                let still = self.anonymous().as_ref() == Some(tenant);
                return (!still).then_some(Code::SignatureRequired);
            }
        };
        if !self.parts.callers.load().knows(known, self.clock().now()) {
            return Some(Code::InvalidCredential);
        }
        let admitted = self.parts.trust.admits_guest(&known.guest());
        admitted.err().map(|refusal| refusal.code())
    }
}
