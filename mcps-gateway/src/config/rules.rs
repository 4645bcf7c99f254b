//! `[quarantine]`: what is held back until an operator has looked at it. Changed definitions are,
//! whatever stands here.

use mcps_core::level::TrustLevel;
use serde::Deserialize;

use super::{Config, Level, ServerPassport};

/// What becomes of something that was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It is approved as it is.
    Pin,
    /// It is held back.
    Hold,
}

/// What becomes of a new tool whose name looks like that of another server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookAlikes {
    /// It is listed in quarantine and may be called.
    Flag,
    /// It is held back.
    Hold,
}

/// Whose word counts on a tool that is held back, for callers of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuarantineFrom {
    /// That of this gateway's operators.
    #[default]
    Gateway,
    /// That of the tenant's operators at the authority too.
    Authority,
}

/// The table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The tools of a server that was never listed before: an operator has chosen it, and not seen them.
    pub new_servers: Admission,
    /// Tools that a server lists later on: nobody has chosen those.
    pub new_tools: Admission,
    /// Look-alikes, new servers' among them.
    pub look_alikes: LookAlikes,
    /// The level of a server from which on what its registered manifest has need not be looked at.
    pub evidence: Option<Level>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            new_servers: Admission::Hold,
            new_tools: Admission::Hold,
            look_alikes: LookAlikes::Hold,
            evidence: None,
        }
    }
}

/// Below that level nobody has looked whether a server's tools are all registered.
const LEAST: TrustLevel = TrustLevel::L2;

/// Whether evidence of that level says anything.
pub(super) fn check_evidence(place: &str, level: Option<Level>) -> Result<(), String> {
    match level.is_some_and(|level| level.0 < LEAST) {
        true => Err(format!(
            "{place}: `evidence` below {} would promote what nobody has registered; write 2, 3 or 4, or leave it out",
            LEAST.number()
        )),
        false => Ok(()),
    }
}

impl Config {
    /// Whether the authority has a say on what is held back for a tenant's callers.
    pub(crate) fn follows_verdicts(&self, tenant: &str) -> bool {
        let known = self.tenant.get(tenant);
        known.is_some_and(|known| known.quarantine == QuarantineFrom::Authority)
    }

    /// The tenants of which that is so.
    pub(crate) fn verdict_tenants(&self) -> std::collections::BTreeSet<String> {
        let all = self.tenant.keys();
        all.filter(|name| self.follows_verdicts(name))
            .cloned()
            .collect()
    }

    /// The level of a server from which on what its manifest has need not be looked at, for a tenant's
    /// callers.
    pub(crate) fn evidence(&self, tenant: &str) -> Option<TrustLevel> {
        let own = self.tenant.get(tenant)?.evidence;
        own.or(self.quarantine.evidence).map(|level| level.0)
    }

    /// The one passport by which evidence is about a server. Without tenant and name in the configuration
    /// it could show one that somebody else has registered.
    pub(crate) fn proven_by(&self, server: &str) -> Option<&ServerPassport> {
        let known = self.server.iter().find(|known| known.name == server)?;
        let passport = known.passport.as_ref().filter(|_| known.signed);
        passport.filter(|passport| passport.is_one())
    }

    /// The lowest that anybody asks for.
    pub(crate) fn least_evidence(&self) -> Option<TrustLevel> {
        self.tenant
            .keys()
            .filter_map(|name| self.evidence(name))
            .min()
    }
}
