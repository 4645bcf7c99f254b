use std::collections::BTreeSet;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;
use proptest::prelude::*;

use super::{Facts, Proof, assess};
use crate::levels::{Approval, Content, Evidence, EvidenceType, Policy, Subject, Verdict};

const HOUR: i64 = 3_600_000;
const ORIGIN: &str = "https://a.example";

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + hours * HOUR)
}

fn manifest(n: u8) -> Digest {
    Digest::of(&[n])
}

fn facts() -> Facts {
    Facts {
        kind: Kind::Server,
        proof: Proof::Carried,
        accountable: true,
        origin: Some(ORIGIN.to_owned()),
        manifest: Some(manifest(0)),
    }
}

fn policy() -> Policy {
    let hours = |n: u64| Duration::from_secs(n * 3600);
    Policy {
        origin_check: hours(40),
        operator_decision: hours(50),
        scan: hours(30),
        audit: hours(60),
        approvers: 2,
    }
}

fn piece(kind: EvidenceType, verdict: Verdict, observed: i64, valid: i64) -> Evidence {
    let content = Content {
        subject: Subject {
            tenant: "default".to_owned(),
            kind: Kind::Server,
            name: "a".to_owned(),
        },
        kind,
        verdict,
        manifest: kind.of_a_manifest().then(|| manifest(0)),
        origin: (kind == EvidenceType::OriginCheck).then(|| ORIGIN.to_owned()),
        who: "op_0".to_owned(),
        observed_at: at(observed),
        valid_until: at(valid),
        statement: String::new(),
    };
    Evidence {
        id: content.id(),
        content,
        approvals: Vec::new(),
    }
}

fn pass(kind: EvidenceType, observed: i64, valid: i64) -> Evidence {
    piece(kind, Verdict::Pass, observed, valid)
}

fn fail(kind: EvidenceType, observed: i64) -> Evidence {
    piece(kind, Verdict::Fail, observed, observed + 1)
}

fn approved(mut one: Evidence, who: &[&str]) -> Evidence {
    one.approvals = who
        .iter()
        .map(|who| Approval {
            who: (*who).to_owned(),
            at: one.content.observed_at,
        })
        .collect();
    one
}

fn level(facts: &Facts, evidence: &[Evidence], now: i64) -> u8 {
    assess(facts, evidence, &policy(), at(now)).level.number()
}

#[test]
fn each_rung_needs_what_it_is_for() {
    use EvidenceType::{Audit, OperatorDecision, OriginCheck, Scan};
    let decision = pass(OperatorDecision, 0, 48);
    let origin = pass(OriginCheck, 0, 48);
    let scan = pass(Scan, 0, 48);
    let audit = approved(pass(Audit, 0, 48), &["op_1", "op_2"]);
    let cases: [(Vec<Evidence>, u8); 8] = [
        (vec![], 1),
        (vec![decision.clone()], 2),
        (vec![origin.clone()], 2),
        // A scan of somebody nobody knows is worth nothing.
        (vec![scan.clone()], 1),
        (vec![scan.clone(), audit.clone()], 1),
        (vec![origin, scan.clone()], 3),
        (vec![decision.clone(), audit.clone()], 2),
        (vec![decision, scan, audit], 4),
    ];
    for (evidence, expected) in cases {
        assert_eq!(level(&facts(), &evidence, 1), expected, "{evidence:?}");
    }
}

#[test]
fn without_a_proven_key_or_an_owner_there_is_no_level() {
    let evidence = [pass(EvidenceType::OperatorDecision, 0, 48)];
    for (proof, expected) in [
        (Proof::Carried, 2),
        (Proof::Until(at(2)), 2),
        (Proof::Until(at(1)), 0),
        (Proof::None, 0),
    ] {
        assert_eq!(level(&Facts { proof, ..facts() }, &evidence, 1), expected);
    }
    let disabled = Facts {
        accountable: false,
        ..facts()
    };
    assert_eq!(level(&disabled, &evidence, 1), 0);
}

#[test]
fn evidence_of_another_manifest_or_origin_is_void() {
    use EvidenceType::{OperatorDecision, OriginCheck, Scan};
    let evidence = [pass(OperatorDecision, 0, 48), pass(Scan, 0, 48)];
    assert_eq!(level(&facts(), &evidence, 1), 3);
    let changed = Facts {
        manifest: Some(manifest(1)),
        ..facts()
    };
    assert_eq!(level(&changed, &evidence, 1), 2);
    let checked = [pass(OriginCheck, 0, 48)];
    let moved = Facts {
        origin: Some("https://b.example".to_owned()),
        ..facts()
    };
    assert_eq!(level(&moved, &checked, 1), 1);
    // A server whose tools nobody knows is not verified by its address.
    let unpublished = Facts {
        manifest: None,
        ..facts()
    };
    assert_eq!(level(&unpublished, &checked, 1), 1);
    let agent = Facts {
        kind: Kind::Agent,
        manifest: None,
        ..facts()
    };
    assert_eq!(level(&agent, &checked, 1), 2);
}

#[test]
fn what_fails_voids_what_passed_before_and_nothing_after() {
    use EvidenceType::{OperatorDecision, OriginCheck, Scan};
    let known = [pass(OperatorDecision, 0, 48), pass(Scan, 1, 48)];
    let with = |more: Evidence| [&known[..], &[more]].concat();
    assert_eq!(level(&facts(), &with(fail(Scan, 2)), 3), 2);
    assert_eq!(level(&facts(), &with(fail(Scan, 1)), 3), 2);
    assert_eq!(level(&facts(), &with(fail(Scan, 0)), 3), 3);
    // An operator's no reaches what was seen of the origin too.
    let checked = [pass(OriginCheck, 0, 48), fail(OperatorDecision, 1)];
    assert_eq!(level(&facts(), &checked, 2), 1);
}

#[test]
fn an_audit_needs_two_who_are_not_its_submitter() {
    use EvidenceType::{Audit, OperatorDecision, Scan};
    for (who, expected) in [
        (&[][..], 3),
        (&["op_1"], 3),
        (&["op_0", "op_1"], 3),
        (&["op_1", "op_1"], 3),
        (&["op_1", "op_2"], 4),
    ] {
        let audit = approved(pass(Audit, 0, 48), who);
        let evidence = [pass(OperatorDecision, 0, 48), pass(Scan, 0, 48), audit];
        assert_eq!(level(&facts(), &evidence, 1), expected, "{who:?}");
    }
}

#[test]
fn says_what_lapses_when_and_what_comes_next() {
    use EvidenceType::{OperatorDecision, Scan};
    let evidence = [pass(OperatorDecision, 0, 10), pass(Scan, 0, 48)];
    let found = assess(&facts(), &evidence, &policy(), at(1));
    // The scan counts 30 hours by policy, and the rung falls with the one below.
    assert_eq!(found.rungs[2].requirements[0].lapses_at, Some(at(30)));
    assert_eq!(found.lapses_at(TrustLevel::L3), Some(at(10)));
    assert_eq!(found.lapses_at(TrustLevel::L4), None);
    assert!(found.next().unwrap().contains("--type audit"), "{found:?}");
    let found = assess(&facts(), &[], &policy(), at(1));
    assert!(found.next().unwrap().contains("mcps trust challenge"));
}

fn any_kind() -> impl Strategy<Value = EvidenceType> {
    prop_oneof![
        Just(EvidenceType::OriginCheck),
        Just(EvidenceType::OperatorDecision),
        Just(EvidenceType::Scan),
        Just(EvidenceType::Audit),
    ]
}

prop_compose! {
    fn any_piece()(
        kind in any_kind(),
        passes in any::<bool>(),
        observed in 0..20_i64,
        lasts in 1..80_i64,
        of in 0..2_u8,
        approvers in proptest::collection::vec(0..4_u8, 0..4),
    ) -> Evidence {
        let verdict = if passes { Verdict::Pass } else { Verdict::Fail };
        let mut one = piece(kind, verdict, observed, observed + lasts);
        one.content.manifest = one.content.manifest.map(|_| manifest(of));
        one.approvals = approvers
            .into_iter()
            .map(|n| Approval { who: format!("op_{n}"), at: at(observed + i64::from(n)) })
            .collect();
        one
    }
}

fn any_evidence() -> impl Strategy<Value = Vec<Evidence>> {
    proptest::collection::vec(any_piece(), 0..10)
}

/// Whether there is at all something that could carry a requirement at `now`.
fn exists(evidence: &[Evidence], now: i64, fits: impl Fn(&Evidence) -> bool) -> bool {
    evidence.iter().any(|one| {
        let content = &one.content;
        content.verdict == Verdict::Pass
            && content.observed_at <= at(now)
            && at(now) < content.valid_until
            && at(now) < content.observed_at.plus(policy().life(content.kind))
            && fits(one)
    })
}

proptest! {
    #[test]
    fn more_that_passes_never_lowers(evidence in any_evidence(), more in any_piece(), now in 0..120_i64) {
        let before = level(&facts(), &evidence, now);
        let mut more = more;
        more.content.verdict = Verdict::Pass;
        let after = [&evidence[..], &[more]].concat();
        prop_assert!(level(&facts(), &after, now) >= before);
    }

    #[test]
    fn more_that_fails_never_raises(evidence in any_evidence(), more in any_piece(), now in 0..120_i64) {
        let before = level(&facts(), &evidence, now);
        let mut more = more;
        more.content.verdict = Verdict::Fail;
        let after = [&evidence[..], &[more]].concat();
        prop_assert!(level(&facts(), &after, now) <= before);
    }

    #[test]
    fn one_approval_more_never_lowers(evidence in any_evidence(), which in any::<prop::sample::Index>(), who in 0..6_u8, now in 0..120_i64) {
        prop_assume!(!evidence.is_empty());
        let mut after = evidence.clone();
        let one = which.index(after.len());
        after[one].approvals.push(Approval { who: format!("op_{who}"), at: at(0) });
        prop_assert!(level(&facts(), &after, now) >= level(&facts(), &evidence, now));
    }

    #[test]
    fn no_level_is_above_what_evidence_permits(evidence in any_evidence(), now in 0..120_i64) {
        use EvidenceType::{Audit, OperatorDecision, OriginCheck, Scan};
        let found = level(&facts(), &evidence, now);
        let current = |one: &Evidence| one.content.manifest == Some(manifest(0));
        if found >= 2 {
            let known = exists(&evidence, now, |one| matches!(one.content.kind, OriginCheck | OperatorDecision));
            prop_assert!(known);
        }
        if found >= 3 {
            prop_assert!(exists(&evidence, now, |one| one.content.kind == Scan && current(one)));
        }
        if found >= 4 {
            let two = |one: &Evidence| {
                let who = one.approvals.iter().filter(|approval| approval.at <= at(now));
                let who = who.map(|approval| approval.who.as_str());
                who.filter(|who| *who != "op_0").collect::<BTreeSet<_>>().len() >= 2
            };
            prop_assert!(exists(&evidence, now, |one| one.content.kind == Audit && current(one) && two(one)));
        }
    }

    #[test]
    fn the_order_of_the_file_does_not_matter(evidence in any_evidence(), now in 0..120_i64) {
        let mut turned = evidence.clone();
        turned.reverse();
        prop_assert_eq!(level(&facts(), &evidence, now), level(&facts(), &turned, now));
    }

    /// From when all is on file, a level holds exactly until it says that it lapses.
    #[test]
    fn a_level_holds_until_it_lapses_and_no_longer(evidence in any_evidence(), now in 24..120_i64) {
        let found = assess(&facts(), &evidence, &policy(), at(now));
        match found.lapses_at(found.level) {
            Some(lapse) => {
                let just_before = lapse.minus(Duration::from_millis(1));
                prop_assert_eq!(assess(&facts(), &evidence, &policy(), just_before).level, found.level);
                prop_assert!(assess(&facts(), &evidence, &policy(), lapse).level < found.level);
            }
            None => prop_assert!(found.level <= TrustLevel::L1),
        }
        prop_assert!(level(&facts(), &evidence, 20 + 80) <= 1);
    }
}
