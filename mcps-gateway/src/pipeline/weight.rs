//! How much hangs on it that a call is on record.

use mcps_core::level::TrustLevel;

use crate::call::Call;
use crate::config::{Config, Unrecorded};
use crate::judge::{Levels, class_of};
use crate::policy::{Action, Class};
use crate::record::Need;

/// What must be before a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// It does something, or takes a level of L3 or more: its decision is on the disk first.
    Must,
    /// It only looks: its decision is written first.
    Should,
    /// The same, and its tenant would have it go on though nothing can be written.
    May,
}

impl Weight {
    pub(super) fn of(config: &Config, levels: &Levels, call: &Call) -> Self {
        let tenant = &call.caller.tenant;
        let demanded = levels.demanded(&call.caller, &call.target);
        if demanded >= TrustLevel::L3 || acts(config, call) {
            return Self::Must;
        }
        match config.tenant.get(tenant).map(|tenant| tenant.unrecorded) {
            Some(Unrecorded::Allow) => Self::May,
            Some(Unrecorded::Refuse) | None => Self::Should,
        }
    }

    pub(super) const fn need(self) -> Need {
        match self {
            Self::Must => Need::Durable,
            Self::Should | Self::May => Need::Written,
        }
    }

    pub(super) const fn is_optional(self) -> bool {
        matches!(self, Self::May)
    }
}

/// Whether it does more than look. Of a tool whose class nobody has set that is assumed, and so it is of
/// methods that nobody knows.
fn acts(config: &Config, call: &Call) -> bool {
    match Action::from_method(&call.method) {
        Action::CallTool => {
            let class = class_of(config, call);
            let mut others = class.iter().filter(|class| *class != Class::Read);
            class.is_empty() || others.next().is_some()
        }
        Action::Method(name) => !matches!(
            name,
            "initialize" | "server/discover" | "ping" | "logging/setLevel"
        ),
        Action::GetPrompt
        | Action::ReadResource
        | Action::Subscribe
        | Action::Complete
        | Action::ListTools
        | Action::ListPrompts
        | Action::ListResources
        | Action::SeeTool
        | Action::SeePrompt
        | Action::SeeResource
        | Action::Sampling
        | Action::Elicitation
        | Action::Roots => false,
    }
}

#[cfg(test)]
mod tests;
