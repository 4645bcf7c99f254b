//! Minimum levels by tenant, server and tool: the highest of them counts.

use std::future::ready;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mcps_core::code::Code;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;

use super::{Deciding, Denial, Judge, Listed, Permit, Sets, Weighing};
use crate::call::{Call, Caller, Target};

/// What the configuration in force demands, and policies do.
#[derive(Debug)]
pub struct Levels {
    sets: Arc<ArcSwap<Sets>>,
}

impl Levels {
    /// By those sets and their configuration, whatever they are at the moment.
    #[must_use]
    pub const fn new(sets: Arc<ArcSwap<Sets>>) -> Self {
        Self { sets }
    }

    /// The level that a target asks for; the highest where nobody can say.
    #[must_use]
    pub fn demanded(&self, caller: &Caller, target: &Target) -> TrustLevel {
        let sets = self.sets.load();
        let set = sets.of(&caller.tenant, caller.level());
        set.map_or(TrustLevel::L4, |set| {
            sets.need(&caller.tenant, target, set.min_level).0
        })
    }

    /// Whether a caller has the level that a target asks for.
    ///
    /// # Errors
    /// [`Code::TrustTooLow`].
    pub fn require(&self, caller: &Caller, target: &Target) -> Result<(), Denial> {
        self.admits(&caller.tenant, caller.level(), target)
    }

    /// Whether somebody of that tenant with that level has the level that a target asks for.
    ///
    /// # Errors
    /// [`Code::TrustTooLow`]; why there is no policy, where the authority should have told of one.
    pub fn admits(&self, tenant: &str, have: TrustLevel, target: &Target) -> Result<(), Denial> {
        self.sets.load().admits(tenant, have, target)
    }
}

impl Sets {
    /// The level that a target asks for, and who asks for it; `own` is what the tenant's policy does.
    fn need(&self, tenant: &str, target: &Target, own: TrustLevel) -> (TrustLevel, String) {
        let config = self.config();
        let mut need = (TrustLevel::L0, "min_level".to_owned());
        let mut raise = |level: TrustLevel, rule: &dyn Fn() -> String| {
            if level > need.0 {
                need = (level, rule());
            }
        };
        if let Some(known) = config.tenant.get(tenant) {
            raise(known.min_level.0, &|| format!("tenant.{tenant}.min_level"));
        }
        raise(own, &|| format!("tenant.{tenant}.policy.min_level"));
        let server = target.server.as_deref();
        let server = server.and_then(|name| config.server.iter().find(|known| known.name == name));
        if let Some(server) = server {
            let rule = || format!("server.{}.min_level", server.name);
            raise(server.min_level.0, &rule);
            let tool = target.name.as_deref();
            if let Some((name, tool)) = tool.and_then(|name| server.tool.get_key_value(name)) {
                let rule = || format!("server.{}.tool.{name}.min_level", server.name);
                raise(tool.min_level.0, &rule);
            }
        }
        need
    }

    /// As [`Levels::admits`].
    pub(super) fn admits(
        &self,
        tenant: &str,
        have: TrustLevel,
        target: &Target,
    ) -> Result<(), Denial> {
        let own = self.of(tenant, have)?.min_level;
        let (need, rule) = self.need(tenant, target, own);
        if have >= need {
            return Ok(());
        }
        let reason = format!("effective trust level {have} is below the required {need}");
        Err(Denial::new(Code::TrustTooLow, &rule, reason))
    }
}

impl Judge for Levels {
    fn decide<'a>(&'a self, call: &'a Call) -> Deciding<'a> {
        let required = self.require(&call.caller, &call.target);
        Box::pin(ready(required.map(|()| Permit {
            rule: "min_level".to_owned(),
            ..Permit::default()
        })))
    }

    fn shows(&self, caller: &Caller, listed: Listed<'_>) -> bool {
        let target = Target {
            server: Some(listed.server.to_owned()),
            // Levels are of tools; a prompt of the same name is none.
            name: (listed.kind == "tools").then(|| listed.name.to_owned()),
        };
        self.require(caller, &target).is_ok()
    }

    fn answered<'a>(&'a self, _: &'a Call, _: &'a Message) -> Weighing<'a> {
        Box::pin(ready(Ok(Box::default())))
    }
}

#[cfg(test)]
mod tests;
