//! What is joined of two replicas, against the same evaluator.

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use proptest::prelude::*;

use super::*;

/// A trace, cut over two replicas as `mine` says.
fn cut(events: &[Event], mine: &[bool]) -> [Vec<Event>; 2] {
    let of = |whose: bool| {
        let each = events
            .iter()
            .zip(mine)
            .filter(move |(_, mine)| **mine == whose);
        each.map(|(event, _)| *event).collect()
    };
    [of(true), of(false)]
}

/// Whether `form` acts where this call or result comes after `trace`.
fn acts(form: &Form, within: Option<i64>, trace: &[Event], next: Event) -> bool {
    naive(form, within, &[trace, &[next]].concat())
}

/// Every call and every result that there may be at that time.
fn nexts(at: i64) -> impl Iterator<Item = Event> {
    let calls = (0..16).map(|bits| (Kind::Call, FactSet(bits)));
    let results = (0..4).map(|bits| (Kind::Result, FactSet(bits << 4)));
    let all = calls.chain(results);
    all.map(move |(kind, facts)| Event { at, kind, facts })
}

fn took(layout: &Arc<Layout>, events: &[Event]) -> Memory {
    let mut memory = Memory::fresh(layout, Scope::Session, Timestamp::from_millis(0));
    for event in events {
        step(&mut memory, event);
    }
    memory
}

proptest! {
    #[test]
    fn merging_is_commutative_and_joins_a_copy_without_a_change(
        forms in prop::collection::vec(form(), 1..12),
        events in trace(),
        mine in prop::collection::vec(any::<bool>(), 40),
    ) {
        let layout = layout(&forms);
        let fresh = || Memory::fresh(&layout, Scope::Session, Timestamp::from_millis(0));
        let mut whole = fresh();
        events.iter().for_each(|event| { step(&mut whole, event); });
        let mut joined = whole.clone();
        joined.merge(&whole);
        prop_assert_eq!(joined.to_bytes(), whole.to_bytes());
        let (mut a, mut b) = (fresh(), fresh());
        for (at, event) in events.iter().enumerate() {
            step(if mine[at] { &mut a } else { &mut b }, event);
        }
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        prop_assert_eq!(ab.to_bytes(), ba.to_bytes());
        let mut again = ab.clone();
        again.merge(&b);
        prop_assert_eq!(again.to_bytes(), ab.to_bytes());
    }

    #[test]
    fn what_acts_on_what_one_replica_saw_acts_when_they_are_joined(
        forms in prop::collection::vec(form(), 1..12),
        events in trace(),
        mine in prop::collection::vec(any::<bool>(), 40),
        pause in 0_i64..2_500,
    ) {
        let layout = layout(&forms);
        let halves = cut(&events, &mine);
        let [mut joined, other] = halves.each_ref().map(|half| took(&layout, half));
        joined.merge(&other);
        for next in nexts(events.last().unwrap().at + pause) {
            let fired = joined.probe(next.facts, next.facts, Timestamp::from_millis(next.at));
            for (place, (form, within)) in forms.iter().enumerate() {
                let [a, b] = halves.each_ref().map(|half| acts(form, *within, half, next));
                let whole = acts(form, *within, &events, next);
                let joined = fired.has(place);
                let is_right = match form {
                    // The latest times say everything. What calms calms wherever it was seen.
                    Form::All(_) | Form::Never { .. } => joined == whole,
                    // Where one saw it begin and the other end, nobody may count on the end.
                    Form::Since { .. } => joined == (a || b) && joined >= whole,
                    // At least what either saw, and nothing that was not.
                    Form::Chain(chain) if chain.len() < 3 => joined == whole,
                    Form::Chain(_) | Form::Count { .. } => joined >= (a || b) && joined <= whole,
                };
                prop_assert!(is_right, "{form:?} within {within:?} at {next:?}: {joined}, not {a} or {b} of {whole}");
            }
        }
    }

    #[test]
    fn an_older_copy_takes_nothing_away(
        forms in prop::collection::vec(form(), 1..12),
        events in trace(),
        upto in 0_usize..40,
        pause in 0_i64..2_500,
    ) {
        let layout = layout(&forms);
        let before = &events[..upto.min(events.len())];
        let (whole, older) = (took(&layout, &events), took(&layout, before));
        let (mut joined, mut renewed) = (whole.clone(), older.clone());
        joined.merge(&older);
        renewed.merge(&whole);
        prop_assert_eq!(joined.to_bytes(), renewed.to_bytes());
        // Only what had been held for a time, and is not any more, is more than there was.
        if !forms.iter().any(|(form, _)| matches!(form, Form::Since { .. })) {
            prop_assert_eq!(joined.to_bytes(), whole.to_bytes());
        }
        for next in nexts(events.last().unwrap().at + pause) {
            let fired = joined.probe(next.facts, next.facts, Timestamp::from_millis(next.at));
            for (place, (form, within)) in forms.iter().enumerate() {
                let resumes = matches!(form, Form::Since { .. }) && acts(form, *within, before, next);
                let wanted = resumes || acts(form, *within, &events, next);
                prop_assert_eq!(fired.has(place), wanted, "{:?} within {:?} at {:?}", form, within, next);
            }
        }
    }

    #[test]
    fn what_lasts_of_either_lasts(
        noted in prop::collection::vec((any::<bool>(), 0_usize..3, 0_i64..3_000), 0..12),
        pause in 0_i64..3_000,
    ) {
        let then = [Then::StopSession, Then::LowerTrust(TrustLevel::L1), Then::LowerTrust(TrustLevel::L0)];
        let patterns = then.into_iter().enumerate().map(|(at, then)| Pattern {
            within: Some(1_000),
            ..Pattern::new(&format!("p{at}"), "f0", Form::Chain(vec![0]), Scope::Session, then)
        });
        let layout = Layout::new(&table(), patterns.collect());
        let fresh = || Memory::fresh(&layout, Scope::Session, Timestamp::from_millis(0));
        let (mut a, mut b) = (fresh(), fresh());
        let mut noted = noted;
        noted.sort_unstable_by_key(|(_, _, at)| *at);
        for (mine, place, at) in noted {
            if mine { &mut a } else { &mut b }.note(place, Timestamp::from_millis(at));
        }
        let mut joined = a.clone();
        joined.merge(&b);
        let now = Timestamp::from_millis(3_000 + pause - 1_500);
        prop_assert_eq!(joined.fired(), a.fired().or(b.fired()));
        prop_assert_eq!(joined.is_stopped(), a.is_stopped() || b.is_stopped());
        let lowest = [&a, &b].into_iter().filter_map(|memory| memory.lowered(now)).min();
        prop_assert!(lowest.is_none_or(|lowest| joined.lowered(now).is_some_and(|joined| joined <= lowest)));
    }
}
