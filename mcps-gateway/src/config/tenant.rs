//! `[tenant.NAME]`: who may call, and from which level on.

use serde::Deserialize;

use super::{Discovery, Level, PolicyFrom, QuarantineFrom, check_evidence, is_name};

/// One tenant. Its name is what its members' passports say (`ext.tenant`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The level from which on its callers may call anything.
    #[serde(default)]
    pub min_level: Level,
    /// Whether callers that do not sign are taken for its own, at L0. Nobody knows who they are.
    #[serde(default)]
    pub anonymous: bool,
    /// How its callers find tools, where that is not as for all others.
    pub discovery: Option<Discovery>,
    /// Where its policies come from.
    #[serde(default)]
    pub policy: PolicyFrom,
    /// Whether the default pack is in force beside them.
    #[serde(default = "yes")]
    pub default_policy: bool,
    /// What becomes of calls that only look while no record can be written.
    #[serde(default)]
    pub unrecorded: Unrecorded,
    /// Whose word counts on tools that are held back.
    #[serde(default)]
    pub quarantine: QuarantineFrom,
    /// The level of a server from which on what its registered manifest has need not be looked at,
    /// where that is not as for all others.
    pub evidence: Option<Level>,
}

/// What becomes of calls that only look while no record can be written. All others are refused then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unrecorded {
    /// They are refused.
    #[default]
    Refuse,
    /// They go on; the log says so.
    Allow,
}

const fn yes() -> bool {
    true
}

impl Default for Tenant {
    fn default() -> Self {
        Self {
            min_level: Level::default(),
            anonymous: false,
            discovery: None,
            policy: PolicyFrom::default(),
            default_policy: true,
            unrecorded: Unrecorded::default(),
            quarantine: QuarantineFrom::default(),
            evidence: None,
        }
    }
}

impl Tenant {
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        if !is_name(name) {
            return Err(format!(
                "[tenant.{name}]: write a name of letters, digits, `-`, `_` and `.`"
            ));
        }
        if self.anonymous && self.min_level > Level::default() {
            return Err(format!(
                "[tenant.{name}]: callers without a signature have L0, so `anonymous = true` lets nobody in from `min_level` on; leave out one of the two, or demand the level at a server or tool"
            ));
        }
        check_evidence(&format!("[tenant.{name}]"), self.evidence)?;
        if self.policy == PolicyFrom::Authority && !self.default_policy {
            return Err(format!(
                "[tenant.{name}]: with `policy = \"authority\"` it is the authority that says whether the default pack is in force; leave out `default_policy`"
            ));
        }
        Ok(())
    }
}
