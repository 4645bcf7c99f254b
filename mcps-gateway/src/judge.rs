//! Who decides: minimum levels here, policies behind the same door.

mod levels;
#[cfg(test)]
mod oracle;
mod policies;
mod sets;

pub use levels::Levels;
pub(crate) use policies::class_of;
pub use policies::{PolicyJudge, weigh};
pub use sets::{Set, Sets};

use std::future::Future;
use std::pin::Pin;

use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::message::Message;

use crate::call::{Call, Caller};
use crate::policy::Class;
use crate::quarantine::Reason;

/// The longest reason, in bytes: names that a peer has chosen are in some.
const LONGEST: usize = 1024;

/// Why a request goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What the caller is told.
    pub code: Code,
    /// Which rule decided, for the record.
    pub rule: String,
    /// Why, in a sentence for the operator.
    pub reason: String,
    /// What it rests on.
    pub grounds: Box<Grounds>,
}

/// What a decision rests on, for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounds {
    /// Digest of the policies; absent where none were asked.
    pub policy: Option<Digest>,
    /// Every rule and sequence that decided.
    pub rules: Vec<String>,
    /// The facts of the call.
    pub facts: Vec<String>,
    /// The sequences that it completes.
    pub fired: Vec<String>,
    /// What would have refused it and is only tried.
    pub observed: Vec<String>,
    /// What the operator says that the tool does.
    pub class: Vec<Class>,
    /// The tenant of the server, where it is not the caller's.
    pub server_tenant: Option<String>,
}

impl Denial {
    /// One.
    #[must_use]
    pub fn new(code: Code, rule: &str, reason: String) -> Self {
        Self {
            code,
            rule: rule.to_owned(),
            reason: sentence(reason),
            grounds: Box::default(),
        }
    }

    /// That a server does not list a tool, or does not say what it has.
    #[must_use]
    pub fn unlisted(reason: String) -> Self {
        Self::new(Code::ToolIntegrity, "definition.unlisted", reason)
    }

    /// That a tool is in quarantine.
    #[must_use]
    pub fn quarantined(server: &str, tool: &str, reason: Reason) -> Self {
        let sentence = reason.sentence();
        let why = format!("{server}'s tool {tool} is in quarantine: {sentence}");
        Self::new(Code::Quarantined, reason.rule(), why)
    }
}

/// One line that is not too long, whatever a peer has put into it.
fn sentence(reason: String) -> String {
    let mut line = match reason.contains(char::is_control) {
        true => reason.escape_debug().take(LONGEST).collect(),
        false => reason,
    };
    if line.len() > LONGEST {
        line.truncate(line.floor_char_boundary(LONGEST));
        line.push('…');
    }
    line
}

/// That a request may go on, and by which rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit {
    /// Which rule decided.
    pub rule: String,
    /// What it rests on.
    pub grounds: Box<Grounds>,
}

/// Something that a list shows.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The server that offers it.
    pub server: &'a str,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// What it is called there.
    pub name: &'a str,
}

/// Whether a request may go on, as soon as that is known.
pub type Deciding<'a> = Pin<Box<dyn Future<Output = Result<Permit, Denial>> + Send + 'a>>;

/// Whether an answer may, and what is made of it.
pub type Weighing<'a> = Pin<Box<dyn Future<Output = Result<Box<Grounds>, Denial>> + Send + 'a>>;

/// Decides about requests. Nothing here waits for anybody but for what several gateways share.
pub trait Judge: Send + Sync {
    /// Whether a request may go on. Called once for each request, and what it changes in the memory
    /// of the session is there for the next before this one is forwarded.
    ///
    /// # Errors
    /// Why it may not.
    fn decide<'a>(&'a self, call: &'a Call) -> Deciding<'a>;

    /// Whether a caller is shown something. What they may not call they do not see, but a rule on
    /// arguments hides nothing.
    fn shows(&self, caller: &Caller, listed: Listed<'_>) -> bool;

    /// The server has answered a request that went on; its caller does not have the answer yet. What is
    /// made of it, for the record.
    ///
    /// # Errors
    /// Why the caller is not to have it.
    fn answered<'a>(&'a self, call: &'a Call, answer: &'a Message) -> Weighing<'a>;
}
