//! How a tool stands for whoever asks: its definition is the same for all, and what was said of it is
//! not.

use mcps_core::code::Code;

use super::Gateway;
use crate::call::{Call, Caller, Definition, Pinned};
use crate::judge::Denial;
use crate::quarantine::{Reason, Subject, Whose};

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
        let (tenant, rulings) = (&call.caller.tenant, &self.parts.rulings);
        rulings.settled(tenant).await;
        if definition.pinned.can_be_proven() {
            let generation = self.catalogue().generation();
            rulings.weighed(tenant, Some(server), generation).await;
        }
        let subject = Subject {
            server,
            tool,
            hash: definition.hash.as_ref(),
            pinned: definition.pinned,
        };
        let ruled = rulings.of(whose(&call.caller), subject);
        let pinned = ruled.as_ref().copied().unwrap_or(definition.pinned);
        call.definition = Some(Definition {
            pinned,
            ..definition
        });
        ruled
    }

    /// Why a tool that stands so may not be called, if it may not. `heard` is whether its server said which
    /// tools it has: one that does not say has none that anybody looked at.
    pub(super) fn unfit(
        &self,
        (server, tool): (&str, &str),
        pinned: Pinned,
        heard: bool,
    ) -> Option<Denial> {
        Some(match pinned {
            Pinned::Same => return None,
            Pinned::Changed => Denial::quarantined(server, tool, Reason::Changed),
            Pinned::Held(reason) => Denial::quarantined(server, tool, reason),
            Pinned::Unlisted | Pinned::Unknown if self.passes_unlisted(server) => return None,
            Pinned::Unlisted => Denial::unlisted(format!("{server} lists no tool {tool}")),
            Pinned::Unknown if heard => Denial::unlisted(format!("{server} lists no tools")),
            Pinned::Unknown => Denial::new(
                Code::UpstreamUnavailable,
                "definition.unheard",
                format!("{server} did not say which tools it has"),
            ),
        })
    }

    fn passes_unlisted(&self, server: &str) -> bool {
        let config = self.parts.config.load();
        let known = config.server.iter().find(|known| known.name == server);
        known.is_some_and(|server| server.pass_unlisted)
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
