//! How a tool stands for whoever asks: its definition is the same for all, and what was said of it is
//! not.

use super::Gateway;
use crate::call::{Call, Caller, Definition, Pinned};
use crate::judge::Denial;
use crate::quarantine::{Subject, Whose};

impl Gateway {
    /// How the tool of a call stands for its caller, which the call knows from then on.
    ///
    /// # Errors
    /// What the authority says against it, or why it is not known what it says.
    pub(super) async fn standing(
        &self,
        call: &mut Call,
        (server, tool): (&str, &str),
        definition: Definition,
    ) -> Result<Pinned, Denial> {
        self.parts.rulings.settled(&call.caller.tenant).await;
        let subject = Subject {
            server,
            tool,
            hash: definition.hash.as_ref(),
            pinned: definition.pinned,
        };
        let ruled = self.parts.rulings.of(whose(&call.caller), subject);
        let pinned = ruled.as_ref().copied().unwrap_or(definition.pinned);
        call.definition = Some(Definition {
            pinned,
            ..definition
        });
        ruled
    }

    /// Whether a caller may call a tool that stands so here, as far as its definition goes.
    pub(crate) fn admits(&self, caller: &Caller, subject: Subject<'_>) -> bool {
        self.parts.rulings.admits(whose(caller), subject)
    }
}

fn whose(caller: &Caller) -> Whose<'_> {
    Whose {
        tenant: &caller.tenant,
        level: caller.level(),
    }
}
