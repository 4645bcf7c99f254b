//! The rule itself: no clock, no store, no randomness.

mod support;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;

use self::support::{Support, known, support};
use super::{Evidence, EvidenceId, EvidenceType, Policy, Verdict, Waived};

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
    /// Whether that is an exception, which does without it.
    pub waived: bool,
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

    /// Whether anything is done without that the present level asks for.
    #[must_use]
    pub fn by_exception(&self) -> bool {
        let holding = self.rungs.iter().filter(|rung| rung.holds);
        let mut asked = holding.flat_map(|rung| &rung.requirements);
        asked.any(|asked| asked.waived)
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
    let file = File {
        facts,
        evidence,
        policy,
        now,
    };
    let (identity, scanned) = (file.identity(), file.scanned());
    let own = [identity.own, scanned.own];
    let asked = [
        (TrustLevel::L1, vec![proven(facts, now), accountable(facts)]),
        (TrustLevel::L2, vec![identity.requirement]),
        (TrustLevel::L3, vec![scanned.requirement]),
        (TrustLevel::L4, vec![file.audited(), no_exceptions(own)]),
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
        waived: false,
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

/// `own`: until when what the rungs below ask for holds by itself.
fn no_exceptions(own: [Option<Timestamp>; 2]) -> Requirement {
    let ends = own.into_iter().collect::<Option<Vec<_>>>();
    let until = ends.and_then(|ends| ends.into_iter().min());
    let next = "what an exception does without has to hold by itself for level 4";
    requirement("no_exceptions", until.is_some(), until, next)
}

/// A requirement that may be waived.
struct Waivable {
    requirement: Requirement,
    /// Until when it holds by itself.
    own: Option<Timestamp>,
}

/// All that an assessment looks at.
struct File<'e> {
    facts: &'e Facts,
    evidence: &'e [Evidence],
    policy: &'e Policy,
    now: Timestamp,
}

impl<'e> File<'e> {
    fn identity(&self) -> Waivable {
        // An operator who says no means whatever was seen before, the origin too.
        let kind = EvidenceType::OperatorDecision;
        let denied = known(self.evidence, kind, self.now)
            .filter(|one| one.content.verdict == Verdict::Fail)
            .map(|one| one.content.observed_at)
            .max();
        // A server whose tools nobody knows is not verified by its address alone.
        let registered = self.facts.kind != Kind::Server || self.facts.manifest.is_some();
        let origin = self.facts.origin.as_deref();
        let by_origin = origin.filter(|_| registered).and_then(|origin| {
            let of_it = |one: &Evidence| {
                let later = denied.is_none_or(|denied| denied < one.content.observed_at);
                one.content.origin.as_deref() == Some(origin) && later
            };
            self.support(EvidenceType::OriginCheck, of_it)
        });
        let by_decision = self.support(kind, |_| true);
        let best = by_origin.into_iter().chain(by_decision);
        let best = best.max_by_key(|found| found.until);
        let next = match (origin, registered) {
            (Some(_), true) => "check its origin: mcps trust challenge, then mcps trust check",
            (Some(_), false) => {
                "publish its tools (mcps manifest publish), then check its origin (mcps trust challenge)"
            }
            (None, _) => {
                "it has no origin to check; an operator decides: mcps trust record --type decision"
            }
        };
        self.waivable(Waived::IdentityVerified, best, denied, next)
    }

    fn scanned(&self) -> Waivable {
        let kind = EvidenceType::Scan;
        let found = self.of_manifest(kind);
        let current = || known(self.evidence, kind, self.now).filter(|one| self.is_current(one));
        let failed = current().filter(|one| one.content.verdict == Verdict::Fail);
        let failed = failed.map(|one| one.content.observed_at).max();
        let last = current().max_by_key(|one| one.content.observed_at);
        let next = match (self.facts.manifest, last) {
            (None, _) => "publish its tools, then scan them: mcps manifest publish",
            (_, Some(one)) if one.void => {
                "the scanner it leaned on was revoked; scan by one that the tenant believes (mcps trust scanner list): mcps trust record --report FILE"
            }
            (_, Some(one)) if one.content.verdict == Verdict::Incomplete => {
                "the last report is not complete, as its statement says; scan again and record the report: mcps trust record --report FILE"
            }
            _ => "scan the current manifest and record the report: mcps trust record --report FILE",
        };
        self.waivable(Waived::ManifestScanned, found, failed, next)
    }

    fn audited(&self) -> Requirement {
        let kind = EvidenceType::Audit;
        let found = self.of_manifest(kind);
        let passing = |one: &&Evidence| {
            one.content.verdict == Verdict::Pass
                && self.is_current(one)
                && self.now < one.content.valid_until
        };
        let waiting = known(self.evidence, kind, self.now).any(|one| passing(&one));
        let next = match (self.facts.manifest, waiting) {
            (Some(_), true) => {
                "two operators beside the submitter approve the audit, each by a key of their own: mcps trust approve EVIDENCE --key FILE"
            }
            (Some(_), false) => {
                "review the current manifest and record it: mcps trust record --type audit"
            }
            (None, _) => "publish its tools, then have them reviewed: mcps manifest publish",
        };
        supported("manifest_audited", found, next)
    }

    /// What holds by itself, or else by an exception that is younger than what was found against it.
    fn waivable(
        &self,
        waived: Waived,
        own: Option<Support<'e>>,
        against: Option<Timestamp>,
        next: &'static str,
    ) -> Waivable {
        let bound = waived == Waived::ManifestScanned;
        let of_it = |one: &Evidence| {
            one.content.waives == Some(waived)
                && (!bound || self.is_current(one))
                && against.is_none_or(|against| against < one.content.observed_at)
        };
        let exception = self.support(EvidenceType::Exception, of_it);
        let until = own.map(|own| own.until);
        let mut requirement = supported(waived.as_str(), own.or(exception), next);
        requirement.waived = own.is_none() && exception.is_some();
        // Whichever lasts longer carries it on.
        let ends = own.into_iter().chain(exception).map(|found| found.until);
        requirement.lapses_at = ends.max();
        Waivable {
            requirement,
            own: until,
        }
    }

    fn is_current(&self, one: &Evidence) -> bool {
        self.facts.manifest.is_some() && one.content.manifest == self.facts.manifest
    }

    fn of_manifest(&self, kind: EvidenceType) -> Option<Support<'e>> {
        self.support(kind, |one| self.is_current(one))
    }

    fn support(
        &self,
        kind: EvidenceType,
        of_it: impl Fn(&Evidence) -> bool,
    ) -> Option<Support<'e>> {
        support(self.evidence, kind, self.policy, self.now, of_it)
    }
}

fn supported(name: &'static str, found: Option<Support<'_>>, next: &'static str) -> Requirement {
    Requirement {
        evidence: found.map(|found| found.by.id.clone()),
        ..requirement(name, found.is_some(), found.map(|found| found.until), next)
    }
}
