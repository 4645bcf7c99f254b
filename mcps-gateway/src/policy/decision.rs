//! What is decided about one call, and why.

use mcps_core::level::TrustLevel;

use serde::{Deserialize, Serialize};

use super::fact::FactSet;
use super::temporal::{Approve, Then};

/// Whether a call goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// It is refused.
    Deny,
    /// It waits until all of these approved; then everything is asked again.
    NeedsApproval(Vec<Approve>),
}

impl Verdict {
    /// `allow`, `deny` or `approval`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NeedsApproval(_) => "approval",
        }
    }
}

/// One rule or sequence that had a say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// Its id.
    pub rule: String,
    /// The reason its author gave.
    pub reason: String,
}

/// What was decided about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it goes on.
    pub verdict: Verdict,
    /// The level that counted: what is proven, or what a sequence lowered it to.
    pub level: TrustLevel,
    /// What decided: the permits of an allowed call, what refused or held another.
    pub because: Vec<Because>,
    /// Sequences that act on this call.
    pub fired: Vec<String>,
    /// Rules and sequences that would refuse or hold it, but are only tried.
    pub observed: Vec<String>,
    /// What to mask in the result.
    pub mask: Vec<String>,
    /// What else is to be done: alert, lower the trust, stop the session.
    pub then: Vec<Then>,
    /// The facts of the call, and those of its result that count with it, by name.
    pub facts: Vec<String>,
    /// What could not be evaluated, without any value of the call. Then it is refused.
    pub error: Option<String>,
    pub(crate) commit: Commit,
}

impl Decision {
    /// What decides where no rule does: nothing permits it.
    pub const DEFAULT: &str = "default";

    /// Whether the call goes on.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Allow)
    }

    /// The id of the first rule that decided; [`Self::DEFAULT`] when none did.
    #[must_use]
    pub fn rule(&self) -> &str {
        self.because
            .first()
            .map_or(Self::DEFAULT, |because| because.rule.as_str())
    }
}

/// What is decided about a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// The result goes to the caller. Otherwise it is withheld.
    pub allowed: bool,
    /// Sequences that act on it, and why it is withheld if it is.
    pub because: Vec<Because>,
    /// Sequences that would withhold it, but are only tried.
    pub observed: Vec<String>,
    /// What else is to be done.
    pub then: Vec<Then>,
    /// The facts of the result, by name.
    pub facts: Vec<String>,
    pub(crate) commit: Commit,
}

/// What goes into the histories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The set it belongs to.
    pub(crate) layout: u64,
    pub(crate) facts: FactSet,
    /// Facts of the result that hold whatever it is, and count with the call.
    pub(crate) at_once: FactSet,
    pub(crate) denied: FactSet,
    pub(crate) approval: FactSet,
    pub(crate) fired: FactSet,
    /// Obligations of rules that last.
    pub(crate) lasting: Vec<Then>,
}
