//! What carries a requirement, and until when.

use std::collections::BTreeMap;

use mcps_core::clock::Timestamp;

use crate::levels::{Evidence, EvidenceType, Policy, Verdict};

/// A piece of evidence that carries something now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Support<'e> {
    pub(super) by: &'e Evidence,
    pub(super) until: Timestamp,
}

/// Evidence of a type, as far as it was seen by `now`.
pub(super) fn known(
    evidence: &[Evidence],
    kind: EvidenceType,
    now: Timestamp,
) -> impl Iterator<Item = &Evidence> {
    let seen = move |one: &&Evidence| one.content.kind == kind && one.content.observed_at <= now;
    evidence.iter().filter(seen)
}

/// Of what is `of_it`, what passes now and lapses last, unless something later fails. What fails needs
/// nobody's approval, and stands although its scanner was revoked.
pub(super) fn support<'e>(
    evidence: &'e [Evidence],
    kind: EvidenceType,
    policy: &Policy,
    now: Timestamp,
    of_it: impl Fn(&Evidence) -> bool,
) -> Option<Support<'e>> {
    let of_it = || known(evidence, kind, now).filter(|one| of_it(one));
    let failed = of_it()
        .filter(|one| one.content.verdict == Verdict::Fail)
        .map(|one| one.content.observed_at)
        .max();
    let passed = of_it().filter(|one| {
        let after = failed.is_none_or(|failed| failed < one.content.observed_at);
        one.content.verdict == Verdict::Pass && after
    });
    let ends = passed.filter_map(|by| {
        let until = end(by, policy, now)?;
        (now < until).then_some(Support { by, until })
    });
    ends.max_by_key(|found| found.until)
}

/// Until when a piece of evidence counts; `None` when it does not.
fn end(one: &Evidence, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    if one.void {
        return None;
    }
    let content = &one.content;
    let longest = content.observed_at.plus(policy.life(content.kind));
    let until = content.valid_until.min(longest);
    match policy.approvals(content.kind) {
        0 => Some(until),
        needed => Some(until.min(approved(one, needed, now)?)),
    }
}

/// Until when so many approve it who did not submit it, each by a key of their own.
fn approved(one: &Evidence, needed: usize, now: Timestamp) -> Option<Timestamp> {
    let mut by_whom: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for approval in &one.approvals {
        let Some(signed) = &approval.signed else {
            continue;
        };
        let counts = !approval.void
            && approval.at <= now
            && now < signed.valid_until
            && approval.who != one.content.who;
        if counts {
            let until = by_whom.entry(&approval.who).or_insert(signed.valid_until);
            *until = signed.valid_until.max(*until);
        }
    }
    let mut ends: Vec<Timestamp> = by_whom.into_values().collect();
    ends.sort_unstable();
    // The one that lapses first among the longest that are needed.
    let at = ends.len().checked_sub(needed)?;
    ends.get(at).copied()
}
