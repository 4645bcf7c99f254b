//! How a decision goes into a history.

use std::sync::Arc;

use mcps_core::clock::Timestamp;

use super::{Layout, Memory};
use crate::policy::config::On;
use crate::policy::decision::Commit;
use crate::policy::fact::FactSet;

impl Memory {
    /// Moves it to `layout`, unless it is there.
    fn settle(&mut self, layout: &Arc<Layout>) {
        if !self.is_on(layout) {
            *self = self.on(layout);
        }
    }

    /// Takes in a call that goes on.
    pub(crate) fn commit_call(&mut self, layout: &Arc<Layout>, commit: &Commit, now: Timestamp) {
        self.settle(layout);
        self.take(commit.facts, layout.kind(On::Call), now);
        self.add(commit.at_once, now);
        self.arm(commit.at_once, now);
        if !commit.approval.is_empty() {
            self.take(commit.approval, layout.kind(On::Approval), now);
        }
        self.tally(false);
        self.finish(commit, now);
    }

    /// Takes in a call that was refused: what it tried is no fact, only that it was refused.
    pub(crate) fn commit_denied(&mut self, layout: &Arc<Layout>, commit: &Commit, now: Timestamp) {
        self.settle(layout);
        self.take(commit.denied, layout.kind(On::Denied), now);
        self.tally(true);
        self.finish(commit, now);
    }

    /// Takes in a result before it is released.
    pub(crate) fn commit_result(&mut self, layout: &Arc<Layout>, commit: &Commit, now: Timestamp) {
        self.settle(layout);
        self.mark(commit.facts, layout.kind(On::Result), now);
        self.add(commit.facts.without(commit.at_once), now);
        self.arm(commit.facts, now);
        self.finish(commit, now);
    }

    fn finish(&mut self, commit: &Commit, now: Timestamp) {
        commit
            .fired
            .places()
            .for_each(|place| self.note(place, now));
        // Obligations of Cedar rules concern the session.
        if self.scope == crate::policy::config::Scope::Session {
            commit
                .lasting
                .iter()
                .for_each(|then| self.lasting(then, None, now));
        }
    }
}

impl Layout {
    /// Facts that are `on` this.
    fn kind(&self, on: On) -> FactSet {
        let at = match on {
            On::Call => 0,
            On::Result => 1,
            On::Denied => 2,
            On::Approval => 3,
        };
        self.kinds.get(at).copied().unwrap_or_default()
    }
}
