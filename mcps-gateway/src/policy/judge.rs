//! One verdict from rules and sequences: whatever refuses wins, nothing is allowed without a permit.

use std::borrow::Cow;
use std::sync::Arc;

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;

use super::Policies;
use super::cedarv1::is_housekeeping;
use super::config::Scope;
use super::decide::{Matched, Told};
use super::decision::{Because, Commit, Decision, Release, Verdict};
use super::fact::{FactSet, Facts};
use super::question::{Action, Approval, Question, ResultView};
use super::temporal::{Approve, Form, Memory, Then};

/// The histories that bear on a call.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Of the session.
    pub session: &'a Memory,
    /// Of the principal, in all of its sessions.
    pub principal: &'a Memory,
    /// Of the tenant.
    pub tenant: &'a Memory,
}

/// Histories as one policy set reads them.
struct Settled<'a>([Cow<'a, Memory>; 3]);

impl<'a> Settled<'a> {
    fn new(policies: &Policies, history: &History<'a>) -> Self {
        Self(
            [history.session, history.principal, history.tenant]
                .map(|memory| policies.read(memory)),
        )
    }

    fn all(&self) -> impl Iterator<Item = &Memory> {
        self.0.iter().map(AsRef::as_ref)
    }

    fn session(&self) -> &Memory {
        let [session, ..] = &self.0;
        session
    }

    fn of(&self, scope: Scope) -> &Memory {
        let [session, principal, tenant] = &self.0;
        match scope {
            Scope::Session => session,
            Scope::Principal => principal,
            Scope::Tenant => tenant,
        }
    }

    fn facts(&self) -> FactSet {
        self.all()
            .fold(FactSet::default(), |set, memory| set.or(memory.facts()))
    }

    /// The level that it was lowered to.
    fn lowered(&self, now: Timestamp) -> Option<TrustLevel> {
        self.all().filter_map(|memory| memory.lowered(now)).min()
    }

    fn fired(&self) -> FactSet {
        self.all()
            .fold(FactSet::default(), |set, memory| set.or(memory.fired()))
    }
}

/// What speaks against a call, and what it must do.
#[derive(Default)]
struct Say {
    deny: Vec<Because>,
    hold: Vec<(Because, Approve)>,
    observed: Vec<String>,
    then: Vec<Then>,
    lasting: Vec<Then>,
}

impl Policies {
    /// Decides a call on top of its history. Nothing is changed by it.
    #[must_use]
    pub fn decide(
        &self,
        question: &Question<'_>,
        facts: &Facts,
        history: &History<'_>,
    ) -> Decision {
        let settled = Settled::new(self, history);
        let mut say = Say::default();
        let facts = self.settled_facts(question, facts, &settled);
        let seeing = question.action.is_seeing();
        let call = if seeing {
            FactSet::default()
        } else {
            facts.call
        };
        // Counted with the call, they act with it.
        let counts = call.or(facts.at_once);
        let fired = settled.all().fold(FactSet::default(), |set, memory| {
            set.or(memory.probe(call, counts, question.now))
        });
        if settled.all().any(Memory::is_stopped) {
            say.deny
                .push(because("stopped", "the session was stopped by a sequence"));
        }
        self.sequences(fired, &mut say);
        let level = self.effective(question, &settled, fired);
        let told = self.told(&facts, (call, counts), fired, &settled, level, question);
        let matched = match question.action {
            Action::Method(method) if is_housekeeping(method) => Arc::default(),
            _ => self.engine.matched(question, &told),
        };
        let permits = self.rules(question, &told, &matched, &mut say);
        let mut decision = self.conclude(question, say, permits, &matched);
        decision.level = level;
        decision.fired = self.sequence_names(fired);
        decision.facts = self.fact_names(counts);
        decision.commit.at_once = facts.at_once;
        let approved = decision.is_allowed() && !question.approvals.is_empty();
        decision.commit.layout = self.number;
        decision.commit.facts = call;
        decision.commit.denied = facts.denied;
        decision.commit.approval = if approved {
            facts.approval
        } else {
            FactSet::default()
        };
        decision.commit.fired = fired;
        decision
    }

    /// Decides whether a result may be released, with the facts it adds.
    #[must_use]
    pub fn decide_result(
        &self,
        question: &Question<'_>,
        facts: &Facts,
        result: &ResultView<'_>,
        history: &History<'_>,
    ) -> Release {
        let settled = Settled::new(self, history);
        // Had its level been lowered since, more would seem to have been counted with the call.
        let counted = facts.at_once;
        let facts = self.settled_facts(question, facts, &settled);
        let found = self.declared.facts.of_result(&facts, result);
        let counts = found.without(counted);
        let fired = settled.all().fold(FactSet::default(), |set, memory| {
            set.or(memory.probe(found, counts, question.now))
        });
        let mut say = Say::default();
        self.sequences(fired, &mut say);
        // Nobody can approve what was done already: what would hold a call withholds its result.
        say.deny
            .extend(say.hold.into_iter().map(|(because, _)| because));
        Release {
            allowed: say.deny.is_empty(),
            because: say.deny,
            observed: say.observed,
            then: say.then,
            facts: self.fact_names(found),
            commit: Commit {
                layout: self.number,
                facts: found,
                at_once: counted,
                fired,
                ..Commit::default()
            },
        }
    }

    /// The facts of a call as this set sees them, at the level that history left it.
    fn settled_facts<'f>(
        &self,
        question: &Question<'_>,
        facts: &'f Facts,
        settled: &Settled<'_>,
    ) -> Cow<'f, Facts> {
        let left = settled.lowered(question.now).unwrap_or(TrustLevel::L4);
        let mut question = *question;
        let lower = left < question.level.effective && self.declared.facts.levels;
        question.level.effective = question.level.effective.min(left);
        // Facts of another set mean nothing here.
        if facts.layout != self.number {
            return Cow::Owned(self.classify(&question));
        }
        if !lower {
            return Cow::Borrowed(facts);
        }
        Cow::Owned(self.classify(&question).or(facts))
    }

    fn sequences(&self, fired: FactSet, say: &mut Say) {
        for place in fired.places() {
            let Some(pattern) = self.declared.layout.patterns.get(place) else {
                continue;
            };
            if pattern.observe {
                say.observed.push(pattern.id.clone());
                continue;
            }
            let because = because(&pattern.id, &pattern.reason);
            match &pattern.then {
                Then::Deny => say.deny.push(because),
                Then::Approve(approve) => say.hold.push((because, approve.clone())),
                Then::StopSession => {
                    say.deny.push(because);
                    say.then.push(pattern.then.clone());
                }
                Then::LowerTrust(_) | Then::Alert => say.then.push(pattern.then.clone()),
            }
        }
    }

    /// The level that counts: what is proven, or what history lowered it to.
    fn effective(
        &self,
        question: &Question<'_>,
        settled: &Settled<'_>,
        fired: FactSet,
    ) -> TrustLevel {
        let before = settled.lowered(question.now);
        let now = fired.places().filter_map(|place| {
            let pattern = self.declared.layout.patterns.get(place)?;
            match pattern.then {
                Then::LowerTrust(level) if !pattern.observe => Some(level),
                _ => None,
            }
        });
        before
            .into_iter()
            .chain(now)
            .fold(question.level.effective, TrustLevel::min)
    }

    fn told<'a>(
        &'a self,
        facts: &'a Facts,
        (call, counted): (FactSet, FactSet),
        fired: FactSet,
        settled: &Settled<'_>,
        level: TrustLevel,
        question: &Question<'_>,
    ) -> Told<'a> {
        let table = &self.declared.facts;
        let layout = &self.declared.layout;
        let names = |set: FactSet| set.places().map(|place| table.id(place)).collect();
        let sequences = |set: FactSet| -> Vec<&'a str> {
            let patterns = set.places().filter_map(|place| layout.patterns.get(place));
            patterns.map(|pattern| pattern.id.as_str()).collect()
        };
        let counts = layout
            .patterns
            .iter()
            .enumerate()
            .filter_map(|(place, pattern)| {
                let Form::Count { fact, .. } = pattern.form else {
                    return None;
                };
                let past = settled.of(pattern.scope).count(place, question.now);
                Some((pattern.id.as_str(), past + i64::from(counted.has(fact))))
            });
        let (calls, denied) = settled.session().calls();
        Told {
            facts: names(settled.facts()),
            call_facts: names(call),
            fired: sequences(fired),
            fired_before: sequences(settled.fired()),
            counts: counts.collect(),
            age_s: settled.session().age_s(question.now),
            calls: i64::from(calls),
            denied: i64::from(denied),
            class: facts
                .class
                .iter()
                .map(super::question::Class::name)
                .collect(),
            hosts: &facts.hosts,
            effective: i64::from(level.number()),
        }
    }

    /// Adds what the rules say against the call; what they say for it comes back.
    fn rules(
        &self,
        question: &Question<'_>,
        told: &Told<'_>,
        matched: &Matched,
        say: &mut Say,
    ) -> Permits {
        let mut permits = Permits::default();
        for rule in matched
            .observed
            .iter()
            .filter_map(|at| self.engine.rules.get(*at))
        {
            say.observed.push(rule.id.clone());
        }
        for rule in matched
            .forbids
            .iter()
            .filter_map(|at| self.engine.rules.get(*at))
        {
            let because = because(&rule.id, &rule.reason);
            match &rule.approval {
                Some(approve) => say.hold.push((because, approve.clone())),
                None => say.deny.push(because),
            }
            say.lasting.extend(rule.then.iter().cloned());
        }
        if let Action::Method(method) = question.action
            && is_housekeeping(method)
        {
            permits
                .plain
                .push(because("protocol", "the protocol's own housekeeping"));
            return permits;
        }
        if let Some(file) = &self.cedarv1 {
            let answer = file.decide(question, self.engine.ours(question, told));
            let found = answer.rules.iter().map(|rule| because(rule, ""));
            permits.error = answer.error;
            if answer.allowed {
                permits.plain.extend(found);
                permits.by_file = true;
            } else {
                say.deny.extend(found);
            }
            return permits;
        }
        for rule in matched
            .permits
            .iter()
            .filter_map(|at| self.engine.rules.get(*at))
        {
            let because = because(&rule.id, &rule.reason);
            match &rule.approval {
                Some(approve) => permits.held.push((because, approve.clone())),
                None => permits.plain.push(because),
            }
            permits.mask.extend(rule.mask.iter().cloned());
            permits.then.extend(rule.then.iter().cloned());
        }
        permits
    }

    fn conclude(
        &self,
        question: &Question<'_>,
        mut say: Say,
        permits: Permits,
        matched: &Matched,
    ) -> Decision {
        let error = matched.error.clone().or(permits.error);
        let mut mask = Vec::new();
        let (verdict, because) = if !say.deny.is_empty() {
            (Verdict::Deny, say.deny)
        } else if error.is_some() {
            (
                Verdict::Deny,
                vec![because("error", "a rule could not be evaluated")],
            )
        } else {
            let permitted = !permits.plain.is_empty() || permits.by_file;
            let known = permitted || !permits.held.is_empty();
            if !permitted {
                say.hold.extend(permits.held.iter().cloned());
            }
            say.hold
                .retain(|(_, approve)| !is_approved(approve, question.approvals));
            if !known {
                (
                    Verdict::Deny,
                    vec![because(Decision::DEFAULT, "no policy permits this")],
                )
            } else if say.hold.is_empty() {
                mask = permits.mask;
                say.lasting.extend(permits.then);
                let held = permits.held.into_iter().map(|(because, _)| because);
                (
                    Verdict::Allow,
                    permits.plain.into_iter().chain(held).collect(),
                )
            } else {
                let (because, mut approve): (Vec<_>, Vec<_>) = say.hold.into_iter().unzip();
                approve.dedup();
                (Verdict::NeedsApproval(approve), because)
            }
        };
        say.then.extend(say.lasting.iter().cloned());
        Decision {
            verdict,
            level: question.level.effective,
            because,
            mask,
            observed: say.observed,
            then: say.then,
            error,
            commit: Commit {
                lasting: say.lasting,
                ..Commit::default()
            },
            fired: Vec::new(),
            facts: Vec::new(),
        }
    }
}

/// What speaks for a call.
#[derive(Default)]
struct Permits {
    plain: Vec<Because>,
    held: Vec<(Because, Approve)>,
    mask: Vec<String>,
    then: Vec<Then>,
    error: Option<String>,
    /// A `cedarv1` file let it through; a list goes through without a rule.
    by_file: bool,
}

fn because(rule: &str, reason: &str) -> Because {
    Because {
        rule: rule.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Whether enough different people of the group approved.
fn is_approved(wanted: &Approve, approvals: &[Approval<'_>]) -> bool {
    let of_group = approvals
        .iter()
        .filter(|approval| approval.group == wanted.group);
    let mut people: Vec<&str> = of_group
        .flat_map(|approval| approval.by.iter().copied())
        .collect();
    people.sort_unstable();
    people.dedup();
    u32::try_from(people.len()).unwrap_or(u32::MAX) >= wanted.quorum
}
