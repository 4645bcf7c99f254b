use std::time::Duration;

use super::{Assessment, Facts, Proof, assess};
use crate::levels::{
    Approval, Content, Evidence, EvidenceType, Policy, Signed, Subject, Verdict, Waived,
};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;

mod laws;

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
        exception: hours(20),
        approvers: 2,
        exception_approvers: 1,
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
        scanner: None,
        reported: None,
        waives: None,
    };
    content.into()
}

/// Approved by one who did not ask for it.
fn exception(waives: Waived, observed: i64, valid: i64) -> Evidence {
    let mut one = pass(EvidenceType::Exception, observed, valid);
    one.content.waives = Some(waives);
    one.content.manifest = (waives == Waived::ManifestScanned).then(|| manifest(0));
    approved(one, &["op_1"])
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
            signed: Some(Signed {
                key_id: format!("key of {who}"),
                valid_until: at(1000),
            }),
            void: false,
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

fn found(evidence: &[Evidence], now: i64) -> Assessment {
    assess(&facts(), evidence, &policy(), at(now))
}

#[test]
fn an_approval_counts_while_its_key_and_its_time_hold() {
    use EvidenceType::{Audit, OperatorDecision, Scan};
    let audit = approved(pass(Audit, 0, 48), &["op_1", "op_2"]);
    let with = |change: &dyn Fn(&mut Approval)| {
        let mut audit = audit.clone();
        change(&mut audit.approvals[1]);
        [pass(OperatorDecision, 0, 48), pass(Scan, 0, 48), audit]
    };
    assert_eq!(level(&facts(), &with(&|_| ()), 1), 4);
    assert_eq!(level(&facts(), &with(&|one| one.void = true), 1), 3);
    assert_eq!(level(&facts(), &with(&|one| one.signed = None), 1), 3);
    assert_eq!(level(&facts(), &with(&|one| one.at = at(2)), 1), 3);
    let ends = with(&|one| {
        let signed = one.signed.as_mut().unwrap();
        signed.valid_until = at(5);
    });
    assert_eq!(found(&ends, 1).lapses_at(TrustLevel::L4), Some(at(5)));
    assert_eq!(
        (level(&facts(), &ends, 4), level(&facts(), &ends, 5)),
        (4, 3)
    );
}

#[test]
fn what_leans_on_a_revoked_scanner_raises_nobody_and_still_lowers() {
    use EvidenceType::{OperatorDecision, Scan};
    let void = |mut one: Evidence| {
        one.void = true;
        one
    };
    let known = pass(OperatorDecision, 0, 48);
    assert_eq!(
        level(&facts(), &[known.clone(), void(pass(Scan, 0, 48))], 1),
        2
    );
    let evidence = [known, pass(Scan, 0, 48), void(fail(Scan, 1))];
    assert_eq!(level(&facts(), &evidence, 2), 2);
    let next = found(&evidence, 2).next().unwrap();
    assert!(next.contains("scanner it leaned on was revoked"), "{next}");
}

#[test]
fn what_is_incomplete_neither_raises_nor_lowers() {
    use EvidenceType::{OperatorDecision, Scan};
    let half = piece(Scan, Verdict::Incomplete, 2, 48);
    let known = pass(OperatorDecision, 0, 48);
    assert_eq!(level(&facts(), &[known.clone(), half.clone()], 3), 2);
    let next = found(&[known.clone(), half.clone()], 3).next().unwrap();
    assert!(next.contains("not complete"), "{next}");
    assert_eq!(level(&facts(), &[known, pass(Scan, 0, 48), half], 3), 3);
}

#[test]
fn an_exception_carries_for_a_time_and_never_to_the_top() {
    use EvidenceType::{Audit, OperatorDecision, Scan};
    let known = pass(OperatorDecision, 0, 48);
    let audit = approved(pass(Audit, 0, 48), &["op_1", "op_2"]);
    let without = exception(Waived::ManifestScanned, 2, 48);
    let evidence = [known.clone(), audit.clone(), without.clone()];
    let now = found(&evidence, 3);
    assert_eq!(now.level, TrustLevel::L3);
    assert!(now.by_exception() && now.rungs[2].requirements[0].waived);
    // 20 hours, whatever it says itself.
    assert_eq!(now.lapses_at(TrustLevel::L3), Some(at(22)));
    assert_eq!(level(&facts(), &evidence, 22), 2);
    assert!(now.next().unwrap().contains("by itself"), "{now:?}");
    // Where the scan is there, the exception is not needed, and not in the way.
    let evidence = [known.clone(), audit, without.clone(), pass(Scan, 0, 48)];
    let now = found(&evidence, 3);
    assert_eq!((now.level, now.by_exception()), (TrustLevel::L4, false));
    // Nobody approved it but who asked for it.
    let alone = approved(without.clone(), &["op_0"]);
    assert_eq!(level(&facts(), &[known.clone(), alone], 3), 2);
    // It does without a scan, also without what one found before, but not after.
    for (failed, expected) in [(1, 3), (2, 2), (3, 2)] {
        let evidence = [known.clone(), without.clone(), fail(Scan, failed)];
        assert_eq!(level(&facts(), &evidence, 3), expected, "{failed}");
    }
    // For another manifest it is none; for another requirement neither.
    let changed = Facts {
        manifest: Some(manifest(1)),
        ..facts()
    };
    assert_eq!(level(&changed, &[known, without], 3), 2);
    let identity = exception(Waived::IdentityVerified, 2, 48);
    assert_eq!(level(&facts(), std::slice::from_ref(&identity), 3), 2);
    let denied = [identity, fail(OperatorDecision, 3)];
    assert_eq!(level(&facts(), &denied, 4), 1);
}
