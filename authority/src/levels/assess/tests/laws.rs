//! What holds for whatever is on file.

use std::time::Duration;

use mcps_core::level::TrustLevel;
use proptest::prelude::*;

use super::{HOUR, at, facts, level, manifest, piece, policy};
use crate::levels::assess::assess;
use crate::levels::{Approval, Evidence, EvidenceType, Signed, Verdict, Waived};

fn any_kind() -> impl Strategy<Value = EvidenceType> {
    prop_oneof![
        Just(EvidenceType::OriginCheck),
        Just(EvidenceType::OperatorDecision),
        Just(EvidenceType::Scan),
        Just(EvidenceType::Audit),
        Just(EvidenceType::Exception),
    ]
}

prop_compose! {
    /// All are given by the time that all evidence is on file.
    fn any_approval()(
        who in 0..4_u8,
        given in 0..24_i64,
        lasts in 1..100_i64,
        signed in prop_oneof![5 => Just(true), 1 => Just(false)],
        void in prop_oneof![5 => Just(false), 1 => Just(true)],
    ) -> Approval {
        let valid_until = at(given + lasts);
        Approval {
            who: format!("op_{who}"),
            at: at(given),
            signed: signed.then(|| Signed { key_id: format!("key {who}"), valid_until }),
            void,
        }
    }
}

prop_compose! {
    fn any_piece()(
        kind in any_kind(),
        verdict in prop_oneof![
            3 => Just(Verdict::Pass),
            1 => Just(Verdict::Fail),
            1 => Just(Verdict::Incomplete),
        ],
        void in prop_oneof![4 => Just(false), 1 => Just(true)],
        waives in prop_oneof![Just(Waived::IdentityVerified), Just(Waived::ManifestScanned)],
        observed in 0..20_i64,
        lasts in 1..80_i64,
        of in 0..2_u8,
        approvers in proptest::collection::vec(any_approval(), 0..5),
    ) -> Evidence {
        let mut one = piece(kind, verdict, observed, observed + lasts);
        one.content.manifest = one.content.manifest.map(|_| manifest(of));
        if kind == EvidenceType::Exception {
            one.content.waives = Some(waives);
            one.content.manifest = (waives == Waived::ManifestScanned).then(|| manifest(of));
        }
        one.void = void && kind == EvidenceType::Scan;
        one.approvals = approvers;
        one
    }
}

fn any_evidence() -> impl Strategy<Value = Vec<Evidence>> {
    proptest::collection::vec(any_piece(), 0..10)
}

/// The rule once more, as slowly and plainly as it can be said: a rung holds when for each thing it asks
/// for there is one piece of evidence that carries it, and nothing at or after that speaks against it.
mod plainly {
    use super::*;

    fn speaks_against(
        evidence: &[Evidence],
        one: &Evidence,
        now: i64,
        what: impl Fn(&Evidence) -> bool,
    ) -> bool {
        evidence.iter().any(|other| {
            other.content.verdict == Verdict::Fail
                && other.content.observed_at <= at(now)
                && other.content.observed_at >= one.content.observed_at
                && what(other)
        })
    }

    fn approvers(one: &Evidence, now: i64) -> usize {
        ["op_0", "op_1", "op_2", "op_3", "op_4", "op_5"]
            .into_iter()
            .filter(|who| *who != one.content.who)
            .filter(|who| {
                one.approvals.iter().any(|approval| {
                    let signed = approval.signed.as_ref();
                    let holds = signed.is_some_and(|signed| at(now) < signed.valid_until);
                    approval.who == *who && approval.at <= at(now) && holds && !approval.void
                })
            })
            .count()
    }

    fn counts(one: &Evidence, now: i64) -> bool {
        let content = &one.content;
        let (life, needed) = match content.kind {
            EvidenceType::OriginCheck => (40, 0),
            EvidenceType::OperatorDecision => (50, 0),
            EvidenceType::Scan => (30, 0),
            EvidenceType::Audit => (60, 2),
            EvidenceType::Exception => (20, 1),
        };
        content.verdict == Verdict::Pass
            && content.observed_at <= at(now)
            && at(now) < content.valid_until
            && at(now).since(content.observed_at) < life * HOUR
            && !one.void
            && approvers(one, now) >= needed
    }

    fn current(one: &Evidence) -> bool {
        one.content.manifest == Some(manifest(0))
    }

    fn is(one: &Evidence, kind: EvidenceType) -> bool {
        one.content.kind == kind
    }

    fn identified(all: &[Evidence], now: i64) -> bool {
        use EvidenceType::{OperatorDecision, OriginCheck};
        all.iter().any(|one| {
            let of_it = is(one, OperatorDecision) || is(one, OriginCheck);
            let denied = speaks_against(all, one, now, |other| is(other, OperatorDecision));
            let failed = speaks_against(all, one, now, |other| {
                is(one, OriginCheck) && is(other, OriginCheck)
            });
            of_it && counts(one, now) && !denied && !failed
        })
    }

    fn of_manifest(all: &[Evidence], kind: EvidenceType, now: i64) -> bool {
        all.iter().any(|one| {
            let failed = speaks_against(all, one, now, |other| is(other, kind) && current(other));
            is(one, kind) && current(one) && counts(one, now) && !failed
        })
    }

    fn waived(all: &[Evidence], waives: Waived, now: i64) -> bool {
        use EvidenceType::{Exception, OperatorDecision, Scan};
        let bound = waives == Waived::ManifestScanned;
        let of_it = |one: &Evidence| {
            is(one, Exception) && one.content.waives == Some(waives) && (!bound || current(one))
        };
        all.iter().any(|one| {
            let taken_back = speaks_against(all, one, now, of_it);
            let found = speaks_against(all, one, now, |other| match waives {
                Waived::IdentityVerified => is(other, OperatorDecision),
                Waived::ManifestScanned => is(other, Scan) && current(other),
            });
            of_it(one) && counts(one, now) && !taken_back && !found
        })
    }

    pub(super) fn level(all: &[Evidence], now: i64) -> u8 {
        let identity = identified(all, now);
        let scan = of_manifest(all, EvidenceType::Scan, now);
        if !identity && !waived(all, Waived::IdentityVerified, now) {
            1
        } else if !scan && !waived(all, Waived::ManifestScanned, now) {
            2
        } else if identity && scan && of_manifest(all, EvidenceType::Audit, now) {
            4
        } else {
            3
        }
    }
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
        let signed = Signed { key_id: format!("key {who}"), valid_until: at(1000) };
        let approval = Approval { who: format!("op_{who}"), at: at(0), signed: Some(signed), void: false };
        after[one].approvals.push(approval);
        prop_assert!(level(&facts(), &after, now) >= level(&facts(), &evidence, now));
    }

    #[test]
    fn a_level_is_what_the_rule_plainly_says(evidence in any_evidence(), now in 0..120_i64) {
        prop_assert_eq!(level(&facts(), &evidence, now), plainly::level(&evidence, now));
    }

    #[test]
    fn to_revoke_a_scanner_or_an_approver_never_raises(evidence in any_evidence(), which in 0..4_u8, now in 0..120_i64) {
        let mut after = evidence.clone();
        for one in &mut after {
            one.void |= one.content.kind == EvidenceType::Scan;
            for approval in &mut one.approvals {
                approval.void |= approval.who == format!("op_{which}");
            }
        }
        prop_assert!(level(&facts(), &after, now) <= level(&facts(), &evidence, now));
    }

    #[test]
    fn what_is_incomplete_or_foreign_changes_nothing(evidence in any_evidence(), more in any_piece(), now in 0..120_i64) {
        let before = level(&facts(), &evidence, now);
        let mut half = more.clone();
        half.content.verdict = Verdict::Incomplete;
        prop_assert_eq!(level(&facts(), &[&evidence[..], &[half]].concat(), now), before);
        let mut foreign = more;
        if foreign.content.manifest.is_some() {
            foreign.content.manifest = Some(manifest(7));
            prop_assert_eq!(level(&facts(), &[&evidence[..], &[foreign]].concat(), now), before);
        }
    }

    #[test]
    fn no_exception_yields_the_top(evidence in any_evidence(), now in 0..120_i64) {
        let found = assess(&facts(), &evidence, &policy(), at(now));
        prop_assert!(!(found.by_exception() && found.level == TrustLevel::L4));
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
