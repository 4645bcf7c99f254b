//! The rule itself: no clock, no store, no randomness.

use std::collections::BTreeSet;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;

use super::{Evidence, EvidenceId, EvidenceType, Policy, Verdict};

#[cfg(test)]
mod tests;

/// Whether the subject has proven that it has its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Whoever shows a passport brings the proof along: for what is said of the subject to others.
    Carried,
    /// By a live passport, until it expires.
    Until(Timestamp),
    /// No live passport.
    None,
}

/// What is known of a subject beside the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What kind of subject.
    pub kind: Kind,
    /// Whether its key is proven.
    pub proof: Proof,
    /// Whether somebody answers for it: false once it is disabled or retired in the registry.
    pub accountable: bool,
    /// Where it says it lives.
    pub origin: Option<String>,
    /// Digest of its current manifest.
    pub manifest: Option<Digest>,
}

/// One thing that a rung asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its name: `key_proven`.
    pub name: &'static str,
    /// Whether it holds now.
    pub holds: bool,
    /// By which evidence.
    pub evidence: Option<EvidenceId>,
    /// When that lapses.
    pub lapses_at: Option<Timestamp>,
    /// What to do about it, the cheapest first; `None` where it holds.
    pub next: Option<&'static str>,
}

/// One level, and what it asks for beside those below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Which level.
    pub level: TrustLevel,
    /// Whether all its requirements hold, and those of every rung below.
    pub holds: bool,
    /// When it lapses, if nothing changes.
    pub lapses_at: Option<Timestamp>,
    /// What it asks for.
    pub requirements: Vec<Requirement>,
}

/// Where a subject stands, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The highest rung that holds.
    pub level: TrustLevel,
    /// L1 to L4.
    pub rungs: [Rung; 4],
}

impl Assessment {
    /// When a level lapses, if nothing changes; `None` when it does not, or does not hold.
    #[must_use]
    pub fn lapses_at(&self, level: TrustLevel) -> Option<Timestamp> {
        let rung = self.rungs.iter().find(|rung| rung.level == level);
        rung.filter(|rung| rung.holds)?.lapses_at
    }

    /// The cheapest step to the next level.
    #[must_use]
    pub fn next(&self) -> Option<&'static str> {
        let rung = self.rungs.iter().find(|rung| !rung.holds)?;
        rung.requirements.iter().find_map(|asked| asked.next)
    }
}

/// Where a subject stands at `now`.
#[must_use]
pub fn assess(facts: &Facts, evidence: &[Evidence], policy: &Policy, now: Timestamp) -> Assessment {
    let asked = [
        (TrustLevel::L1, vec![proven(facts, now), accountable(facts)]),
        (TrustLevel::L2, vec![identity(facts, evidence, policy, now)]),
        (TrustLevel::L3, vec![scanned(facts, evidence, policy, now)]),
        (TrustLevel::L4, vec![audited(facts, evidence, policy, now)]),
    ];
    let mut level = TrustLevel::L0;
    let (mut holds, mut lapses_at) = (true, None);
    let rungs = asked.map(|(rung, requirements)| {
        holds &= requirements.iter().all(|asked| asked.holds);
        let ends = requirements.iter().filter_map(|asked| asked.lapses_at);
        lapses_at = ends.chain(lapses_at).min();
        if holds {
            level = rung;
        }
        Rung {
            level: rung,
            holds,
            lapses_at: lapses_at.filter(|_| holds),
            requirements,
        }
    });
    Assessment { level, rungs }
}

fn requirement(
    name: &'static str,
    holds: bool,
    lapses_at: Option<Timestamp>,
    next: &'static str,
) -> Requirement {
    Requirement {
        name,
        holds,
        evidence: None,
        lapses_at: lapses_at.filter(|_| holds),
        next: (!holds).then_some(next),
    }
}

fn proven(facts: &Facts, now: Timestamp) -> Requirement {
    let (holds, until) = match facts.proof {
        Proof::Carried => (true, None),
        Proof::Until(until) => (now < until, Some(until)),
        Proof::None => (false, None),
    };
    let next = "get a passport, which proves its key: mcps passport request";
    requirement("key_proven", holds, until, next)
}

fn accountable(facts: &Facts) -> Requirement {
    let next = "it is disabled or retired in the registry: mcps server change ID --state active";
    requirement("accountable_owner", facts.accountable, None, next)
}

fn identity(facts: &Facts, evidence: &[Evidence], policy: &Policy, now: Timestamp) -> Requirement {
    // An operator who says no means whatever was seen before, the origin too.
    let denied = evidence
        .iter()
        .map(|one| &one.content)
        .filter(|one| one.kind == EvidenceType::OperatorDecision && one.verdict == Verdict::Fail)
        .map(|one| one.observed_at)
        .filter(|at| *at <= now)
        .max();
    // A server whose tools nobody knows is not verified by its address alone.
    let registered = facts.kind != Kind::Server || facts.manifest.is_some();
    let by_origin = facts.origin.as_deref().filter(|_| registered);
    let by_origin = by_origin.and_then(|origin| {
        let of_it = |one: &Evidence| {
            let later = denied.is_none_or(|denied| denied < one.content.observed_at);
            one.content.origin.as_deref() == Some(origin) && later
        };
        support(evidence, EvidenceType::OriginCheck, policy, now, of_it)
    });
    let kind = EvidenceType::OperatorDecision;
    let by_decision = support(evidence, kind, policy, now, |_| true);
    let best = by_origin
        .into_iter()
        .chain(by_decision)
        .max_by_key(|(_, end)| *end);
    let next = match (&facts.origin, registered) {
        (Some(_), true) => "check its origin: mcps trust challenge, then mcps trust check",
        (Some(_), false) => {
            "publish its tools (mcps manifest publish), then check its origin (mcps trust challenge)"
        }
        (None, _) => {
            "it has no origin to check; an operator decides: mcps trust record --type decision"
        }
    };
    supported("identity_verified", best, next)
}

fn scanned(facts: &Facts, evidence: &[Evidence], policy: &Policy, now: Timestamp) -> Requirement {
    let found = of_manifest(facts, evidence, EvidenceType::Scan, policy, now, |_| true);
    let next = match facts.manifest {
        Some(_) => "scan the current manifest and record the result: mcps trust record --type scan",
        None => "publish its tools, then scan them: mcps manifest publish",
    };
    supported("manifest_scanned", found, next)
}

fn audited(facts: &Facts, evidence: &[Evidence], policy: &Policy, now: Timestamp) -> Requirement {
    let approved = |one: &Evidence| approvers(one, now) >= policy.approvers;
    let found = of_manifest(facts, evidence, EvidenceType::Audit, policy, now, approved);
    let kind = EvidenceType::Audit;
    let waiting = of_manifest(facts, evidence, kind, policy, now, |_| true).is_some();
    let next = match (facts.manifest, waiting) {
        (Some(_), true) => {
            "two operators beside the submitter approve the audit: mcps trust approve EVIDENCE"
        }
        (Some(_), false) => {
            "review the current manifest and record it: mcps trust record --type audit"
        }
        (None, _) => "publish its tools, then have them reviewed: mcps manifest publish",
    };
    supported("manifest_audited", found, next)
}

/// How many approve, beside who submitted it.
fn approvers(one: &Evidence, now: Timestamp) -> usize {
    let others = one
        .approvals
        .iter()
        .filter(|approval| approval.at <= now && approval.who != one.content.who)
        .map(|approval| approval.who.as_str());
    others.collect::<BTreeSet<_>>().len()
}

fn of_manifest<'e>(
    facts: &Facts,
    evidence: &'e [Evidence],
    kind: EvidenceType,
    policy: &Policy,
    now: Timestamp,
    counts: impl Fn(&Evidence) -> bool,
) -> Option<(&'e Evidence, Timestamp)> {
    let current = facts.manifest?;
    // One that fails counts at once; one that passes, once enough agree.
    let of_it = |one: &Evidence| {
        let fails = one.content.verdict == Verdict::Fail;
        one.content.manifest == Some(current) && (fails || counts(one))
    };
    support(evidence, kind, policy, now, of_it)
}

/// What passes now and lapses last, unless something later fails.
fn support<'e>(
    evidence: &'e [Evidence],
    kind: EvidenceType,
    policy: &Policy,
    now: Timestamp,
    counts: impl Fn(&Evidence) -> bool,
) -> Option<(&'e Evidence, Timestamp)> {
    let known = || {
        let seen = |one: &&Evidence| one.content.kind == kind && one.content.observed_at <= now;
        evidence.iter().filter(seen).filter(|one| counts(one))
    };
    let failed = known()
        .filter(|one| one.content.verdict == Verdict::Fail)
        .map(|one| one.content.observed_at)
        .max();
    let passed = known().filter(|one| {
        let after = failed.is_none_or(|failed| failed < one.content.observed_at);
        one.content.verdict == Verdict::Pass && after
    });
    let ends = passed.map(|one| {
        let longest = one.content.observed_at.plus(policy.life(kind));
        (one, one.content.valid_until.min(longest))
    });
    ends.filter(|(_, end)| now < *end)
        .max_by_key(|(_, end)| *end)
}

fn supported(
    name: &'static str,
    found: Option<(&Evidence, Timestamp)>,
    next: &'static str,
) -> Requirement {
    Requirement {
        evidence: found.map(|(one, _)| one.id.clone()),
        ..requirement(name, found.is_some(), found.map(|(_, end)| end), next)
    }
}
