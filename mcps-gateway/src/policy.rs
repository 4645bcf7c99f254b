//! Policy: should this call go on, given who asks, what it touches, and what happened before.
//!
//! Three layers, one decision: *classify* finds facts about the call ([`fact`]), *remember* holds
//! them against patterns over the history ([`Memory`]), *decide* asks the Cedar policies. Everything
//! is pure; time comes in with the [`Question`].
//!
//! Under the lock of the histories: [`Policies::classify`], [`Policies::decide`], then
//! [`Policies::commit_call`] **before** the call is forwarded, so that parallel calls see each
//! other, or [`Policies::commit_denied`]. Under it again when the result is there:
//! [`Policies::decide_result`], and [`Policies::commit_result`] **before** the result is released.
//! One commit for each of the three histories.

mod cedarv1;
pub mod cli;
mod config;
mod decide;
mod decision;
pub mod fact;
mod judge;
mod load;
mod pack;
mod question;
mod recorded;
mod replay;
mod source;
mod temporal;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use config::{On, Scope};
pub use decision::{Because, Decision, Release, Verdict};
pub use fact::Facts;
pub use judge::History;
pub(crate) use question::level_text;
pub use question::{
    Action, Approval, Class, Classes, Definition, Levels, Principal, Question, ResultView,
    ToolFacts,
};
pub use recorded::{Recorded, RecordedApproval, RecordedPrincipal, RecordedResult, RecordedTool};
pub use replay::{Replay, Replayed};
pub(crate) use source::line_of;
pub use source::{Kind, PolicyError, PolicyErrors, Source, Sources};
pub use temporal::{Approve, Memory, MemoryError, Then, same_but_for_counts};

use std::borrow::Cow;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;

use cedarv1::CedarV1;
use decide::Engine;
use fact::FactSet;
use load::Declared;
use source::Faults;

/// Histories that nothing was added to for so long are not kept, unless a sequence asks for more.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// One tenant's policy set: validated, indexed, immutable.
#[derive(Debug)]
pub struct Policies {
    declared: Declared,
    engine: Engine,
    cedarv1: Option<CedarV1>,
    digest: Digest,
    /// The first bytes of the digest: what facts and commits carry.
    number: u64,
}

impl Policies {
    /// Loads a set. It is all of it or nothing: a set that does not load replaces none.
    ///
    /// With a `cedarv1` file, that file permits, and Cedar texts beside it can only forbid.
    ///
    /// # Errors
    /// Everything that is wrong, each with its text, line, reason and what to do.
    pub fn load(sources: &Sources) -> Result<Self, PolicyErrors> {
        let texts = sources.texts.as_slice();
        let mut faults = Faults::default();
        let mut declared = load::declared(texts, &mut faults);
        // Policies are read against what is declared: with that wrong, errors would be about errors.
        let engine = Engine::load(texts, &declared, &mut faults);
        let mut files = texts.iter().filter(|source| source.kind == Kind::CedarV1);
        let cedarv1 = files
            .next()
            .and_then(|source| CedarV1::load(source, &mut faults));
        if let Some(second) = files.next() {
            let (reason, todo) = ("a second cedarv1 file", "join the two");
            faults.add((&second.name, 0), reason, todo);
        }
        let digest = digest(texts);
        let Some(mut engine) = engine else {
            if faults.is_empty() {
                faults.add(("policies", 0), "no engine for them", "report it");
            }
            return Err(faults.or(()).err().unwrap_or(PolicyErrors(Vec::new())));
        };
        cedarv1
            .iter()
            .flat_map(|file| &file.json)
            .for_each(|policy| engine.mention(policy));
        declared.facts.wants_hosts |= engine.wants_hosts();
        if engine.reads_history() {
            declared.facts.wait();
        }
        let first: [u8; 8] =
            std::array::from_fn(|at| digest.as_bytes().get(at).copied().unwrap_or(0));
        faults.or(Self {
            declared,
            engine,
            cedarv1,
            digest,
            number: u64::from_le_bytes(first),
        })
    }

    /// The digest of every text, by which a decision names the set that made it.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What is odd about the set, but no error.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyError] {
        &self.engine.warnings
    }

    /// What it asks for that gateways do not do yet: it is read, and changes nothing.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let facts = self.declared.facts.facts.iter();
        let found: Vec<&str> = facts
            .filter(|fact| fact.asks_for_findings())
            .map(|fact| fact.id.as_str())
            .collect();
        let rules = self.engine.rules.iter();
        let masks: Vec<&str> = rules
            .filter(|rule| !rule.mask.is_empty())
            .map(|rule| rule.id.as_str())
            .collect();
        let mut notes = Vec::new();
        if !found.is_empty() {
            notes.push(format!(
                "gateways have no content scan yet, so that `finding` never holds; facts that ask for one: {}",
                found.join(", ")
            ));
        }
        if !masks.is_empty() {
            notes.push(format!(
                "gateways mask nothing yet, so that results go out as they are; policies with @mask: {}",
                masks.join(", ")
            ));
        }
        notes
    }

    /// How many facts, sequences and policies it has.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize, usize) {
        let policies = self.engine.rules.len() + self.cedarv1.as_ref().map_or(0, CedarV1::len);
        (
            self.declared.facts.facts.len(),
            self.declared.layout.patterns.len(),
            policies,
        )
    }

    /// The facts of a call.
    #[must_use]
    pub fn classify(&self, question: &Question<'_>) -> Facts {
        if question.action.is_seeing() {
            return Facts {
                layout: self.number,
                ..Facts::default()
            };
        }
        Facts {
            layout: self.number,
            ..self.declared.facts.of_call(question)
        }
    }

    /// The facts of a recorded call, and of its result, by their names; names that this set does not know come
    /// back.
    #[must_use]
    pub fn recall<'n>(
        &self,
        names: &'n [String],
        of_result: &'n [String],
    ) -> (Facts, Vec<&'n str>) {
        let mut facts = Facts {
            layout: self.number,
            ..Facts::default()
        };
        let mut unknown = Vec::new();
        let names = names.iter().map(|name| (name, false));
        for (name, later) in names.chain(of_result.iter().map(|name| (name, true))) {
            let Some(place) = self.declared.facts.place(name) else {
                unknown.push(name.as_str());
                continue;
            };
            let fact = self.declared.facts.facts.get(place);
            let set = match fact.map(|fact| fact.on) {
                Some(On::Result) => {
                    if !later && fact.is_some_and(|fact| fact.at_once) {
                        facts.at_once = facts.at_once.with(place);
                    }
                    &mut facts.recalled
                }
                Some(On::Denied) => &mut facts.denied,
                Some(On::Approval) => &mut facts.approval,
                Some(On::Call) | None => &mut facts.call,
            };
            *set = set.with(place);
        }
        (facts, unknown)
    }

    /// Where a rule or sequence stands: its text and line.
    #[must_use]
    pub fn place_of(&self, rule: &str) -> Option<(String, usize)> {
        let native = self.engine.rules.iter().find(|known| known.id == rule);
        if let Some(known) = native {
            return Some((known.source.clone(), known.line));
        }
        let place = self.declared.layout.place(rule);
        if let Some(place) = place.and_then(|place| self.declared.places.get(place)) {
            return Some(place.clone());
        }
        let (source, number) = rule.rsplit_once("#policy")?;
        let line = self
            .cedarv1
            .as_ref()?
            .lines
            .get(number.parse::<usize>().ok()?)?;
        Some((source.to_owned(), *line))
    }

    /// Takes a call that goes on into a history. Before it is forwarded.
    pub fn commit_call(&self, memory: &mut Memory, decision: &Decision, now: Timestamp) {
        memory.commit_call(&self.declared.layout, &self.own(&decision.commit), now);
    }

    /// Takes a refused call into a history.
    pub fn commit_denied(&self, memory: &mut Memory, decision: &Decision, now: Timestamp) {
        memory.commit_denied(&self.declared.layout, &self.own(&decision.commit), now);
    }

    /// Takes a result into a history. Before it is released.
    pub fn commit_result(&self, memory: &mut Memory, release: &Release, now: Timestamp) {
        memory.commit_result(&self.declared.layout, &self.own(&release.commit), now);
    }

    /// An empty history that begins now.
    #[must_use]
    pub fn fresh(&self, scope: Scope, now: Timestamp) -> Memory {
        Memory::fresh(&self.declared.layout, scope, now)
    }

    /// What to assume of a history that was lost: every sensitive fact, just now.
    #[must_use]
    pub fn unknown(&self, scope: Scope, now: Timestamp) -> Memory {
        Memory::unknown(&self.declared.layout, scope, now)
    }

    /// Reads a stored history.
    ///
    /// # Errors
    /// When it cannot be read: then it is [`Policies::unknown`].
    pub fn restore(&self, scope: Scope, bytes: &[u8]) -> Result<Memory, MemoryError> {
        Memory::from_bytes(bytes, &self.declared.layout, scope)
    }

    /// For how long a history must be kept since something was last added to it: no sequence asks for
    /// what is older, but one that knows no bound at all.
    #[must_use]
    pub fn remembers_for(&self) -> Duration {
        let patterns = self.declared.layout.patterns.iter();
        let longest = patterns.filter_map(|pattern| pattern.reach()).max();
        let longest = u64::try_from(longest.unwrap_or(0)).unwrap_or(0);
        KEPT.max(Duration::from_millis(longest))
    }

    /// For how long this history must be kept: for ever, if it stops its session or lowers trust without an
    /// end.
    #[must_use]
    pub fn keeps(&self, memory: &Memory) -> Duration {
        match memory.is_final() {
            true => Duration::MAX,
            false => self.remembers_for(),
        }
    }

    /// The names of the facts a history holds.
    #[must_use]
    pub fn facts_of(&self, memory: &Memory) -> Vec<String> {
        self.fact_names(self.read(memory).facts())
    }

    /// The names of the sequences that ever acted in a history.
    #[must_use]
    pub fn fired_of(&self, memory: &Memory) -> Vec<String> {
        self.sequence_names(self.read(memory).fired())
    }

    fn read<'a>(&self, memory: &'a Memory) -> Cow<'a, Memory> {
        if memory.is_on(&self.declared.layout) {
            Cow::Borrowed(memory)
        } else {
            Cow::Owned(memory.on(&self.declared.layout))
        }
    }

    /// A commit of this set; of another set's, nothing can be said but that something was done:
    /// the caller decides again after it loaded a set.
    fn own<'c>(&self, commit: &'c decision::Commit) -> Cow<'c, decision::Commit> {
        if commit.layout == self.number {
            Cow::Borrowed(commit)
        } else {
            Cow::Owned(decision::Commit {
                facts: self.declared.facts.sensitive(),
                ..decision::Commit::default()
            })
        }
    }

    fn fact_names(&self, set: FactSet) -> Vec<String> {
        set.places()
            .map(|place| self.declared.facts.id(place).to_owned())
            .collect()
    }

    fn sequence_names(&self, set: FactSet) -> Vec<String> {
        let patterns = set
            .places()
            .filter_map(|place| self.declared.layout.patterns.get(place));
        patterns.map(|pattern| pattern.id.clone()).collect()
    }
}

fn digest(texts: &[Source]) -> Digest {
    let mut all = Vec::new();
    for source in texts {
        for part in [source.name.as_bytes(), source.text.as_bytes()] {
            all.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            all.extend_from_slice(part);
        }
    }
    Digest::of(&all)
}
