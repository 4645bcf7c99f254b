//! Gateways with two policy sets that write one history in turn.

use std::sync::Arc;

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use proptest::prelude::*;

use super::{Foreign, MOST, State};
use crate::policy::config::Scope;
use crate::policy::fact::FactSet;
use crate::policy::temporal::{Form, Layout, Memory, Pattern, Then};

/// Facts of calls, and after them of results.
const FACTS: usize = 6;
const CALLS: u128 = 0b1111;
const RESULTS: u128 = 0b11_0000;

/// A policy set: which of the facts it has, and which of the sequences over them.
#[derive(Clone, Debug)]
struct Set {
    facts: Vec<usize>,
    layout: Arc<Layout>,
}

impl Set {
    /// Sequences over facts that it does not have it has not either.
    fn new(facts: &[usize], forms: &[(usize, Form)]) -> Self {
        let place = |fact: &usize| facts.iter().position(|known| known == fact);
        let patterns = forms.iter().filter_map(|(id, form)| {
            let text = format!("{form:?}");
            let form = placed(form, place)?;
            let id = format!("p{id}");
            Some(Pattern::new(&id, &text, form, Scope::Session, Then::Deny))
        });
        let text = facts.iter().map(|fact| {
            let on = if *fact < 4 { "call" } else { "result" };
            format!("[[fact]]\nid = 'f{fact}'\non = '{on}'\nwhen = {{ tool = ['*'] }}\n")
        });
        let table = crate::policy::temporal::tests::table_of(text.collect());
        Self {
            facts: facts.to_vec(),
            layout: Layout::new(&table, patterns.collect()),
        }
    }

    fn local(&self, facts: u128) -> FactSet {
        let places = self.facts.iter().enumerate();
        let held = places.filter(|(_, fact)| facts & (1 << **fact) != 0);
        held.fold(FactSet::default(), |set, (place, _)| set.with(place))
    }

    fn fresh(&self) -> Memory {
        Memory::fresh(&self.layout, Scope::Session, Timestamp::from_millis(0))
    }

    fn unknown(&self, at: i64) -> Memory {
        let at = Timestamp::from_millis(at);
        Memory::unknown(&self.layout, Scope::Session, at)
    }

    fn read(&self, bytes: &[u8]) -> Memory {
        Memory::from_bytes(bytes, &self.layout, Scope::Session).unwrap()
    }

    fn step(&self, memory: &mut Memory, event: &Event) {
        let kind = if event.result { RESULTS } else { CALLS };
        let at = Timestamp::from_millis(event.at);
        let facts = self.local(event.facts & kind);
        let fired = memory.probe(facts, facts, at);
        memory.take(facts, self.local(kind), at);
        // One that `never` acts where nothing calmed it, which the other gateway may have seen.
        let calms = |place: &usize| matches!(self.layout.patterns[*place].form, Form::Never { .. });
        let fired = fired.places().filter(|place| !calms(place));
        fired.for_each(|place| memory.note(place, at));
    }
}

fn placed(form: &Form, place: impl Fn(&usize) -> Option<usize>) -> Option<Form> {
    let all = |facts: &[usize]| facts.iter().map(&place).collect::<Option<Vec<usize>>>();
    Some(match form {
        Form::Chain(chain) => Form::Chain(all(chain)?),
        Form::All(facts) => Form::All(all(facts)?),
        Form::Since { held, since } => Form::Since {
            held: place(held)?,
            since: place(since)?,
        },
        Form::Never { fact, before } => Form::Never {
            fact: place(fact)?,
            before: place(before)?,
        },
        Form::Count { fact, window, over } => Form::Count {
            fact: place(fact)?,
            window: *window,
            over: *over,
        },
    })
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: i64,
    result: bool,
    facts: u128,
    /// Which gateway it came to.
    by: usize,
}

fn form() -> impl Strategy<Value = Form> {
    let places = Just((0..FACTS).collect::<Vec<_>>()).prop_shuffle();
    (0_u8..5, places, 1_usize..5, 1_i64..3_000, 0_u16..6).prop_map(
        |(kind, places, length, window, over)| match kind {
            0 => Form::Chain(places[..length].to_vec()),
            1 => Form::All(places[..length.max(2)].to_vec()),
            2 => Form::Since {
                held: places[0],
                since: places[1],
            },
            3 => Form::Never {
                fact: places[0],
                before: places[1],
            },
            _ => Form::Count {
                fact: places[0],
                window,
                over,
            },
        },
    )
}

/// Two sets that have some facts and sequences in common.
fn sets() -> impl Strategy<Value = [Set; 2]> {
    let facts = || Just((0..FACTS).collect::<Vec<_>>()).prop_shuffle();
    let chosen = || (facts(), 1..=FACTS);
    let forms = prop::collection::vec((form(), any::<bool>(), any::<bool>()), 1..12);
    (chosen(), chosen(), forms).prop_map(|(one, other, forms)| {
        let set = |(facts, many): (Vec<usize>, usize), has: fn(&(Form, bool, bool)) -> bool| {
            let forms = forms.iter().enumerate().filter(|(_, form)| has(form));
            let forms: Vec<(usize, Form)> =
                forms.map(|(id, (form, ..))| (id, form.clone())).collect();
            Set::new(&facts[..many], &forms)
        };
        [
            set(one, |(_, first, second)| *first || !second),
            // What one saw by itself holds of `since` only where the other does not end it.
            set(other, |(form, first, second)| {
                *second && !(*first && matches!(form, Form::Since { .. }))
            }),
        ]
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let step = (
        0_i64..400,
        any::<bool>(),
        any::<u8>(),
        any::<u8>(),
        0_usize..2,
    );
    prop::collection::vec(step, 1..40).prop_map(|steps| {
        let mut at = 1_000;
        let steps = steps.into_iter().map(|(pause, result, bits, mask, by)| {
            at += pause;
            Event {
                at,
                result,
                facts: u128::from(bits & mask),
                by,
            }
        });
        steps.collect()
    })
}

/// Whether everything in `part` is in `whole` too: joining it adds nothing.
fn holds(whole: &Memory, part: &Memory) -> bool {
    let mut joined = whole.clone();
    joined.merge(part);
    joined.to_bytes() == whole.to_bytes()
}

/// The history that both write, read and written anew at each event; and what each set alone saw of it.
fn written(sets: &[Set; 2], events: &[Event]) -> (Vec<u8>, [Memory; 2]) {
    let [one, other] = sets;
    let mut alone = [one.fresh(), other.fresh()];
    let mut bytes = one.fresh().to_bytes();
    for event in events {
        let set = &sets[event.by];
        let mut memory = set.read(&bytes);
        set.step(&mut memory, event);
        set.step(&mut alone[event.by], event);
        bytes = memory.to_bytes();
    }
    (bytes, alone)
}

proptest! {
    #[test]
    fn of_two_sets_that_write_in_turn_neither_loses_what_it_knew(
        sets in sets(), events in events(),
    ) {
        let (bytes, alone) = written(&sets, &events);
        for (set, alone) in sets.iter().zip(&alone) {
            let read = set.read(&bytes);
            prop_assert!(holds(&read, alone), "{:?}\n{:?}", read, alone);
            prop_assert!(!read.is_lost());
            // Reading and writing changes nothing.
            prop_assert_eq!(set.read(&read.to_bytes()).to_bytes(), read.to_bytes());
        }
        // Every fact that its writer knew has the time when it was last true.
        for (at, event) in events.iter().enumerate() {
            let kind = if event.result { RESULTS } else { CALLS };
            for set in &sets {
                let read = set.read(&bytes);
                let both = set.local(event.facts & kind);
                let facts = both.places().filter(|place| sets[event.by].facts.contains(&set.facts[*place]));
                for place in facts {
                    prop_assert!(read.latest_of(place) >= event.at, "event {}", at);
                }
            }
        }
    }

    #[test]
    fn what_anybody_joins_has_what_each_set_saw_of_either(
        sets in sets(), events in events(), others in events(), joiner in 0_usize..3,
    ) {
        let ((one, mine), (other, theirs)) = (written(&sets, &events), written(&sets, &others));
        let third = Set::new(&[], &[]);
        let joiner = sets.get(joiner).unwrap_or(&third);
        let mut joined = joiner.read(&one);
        joined.merge(&joiner.read(&other));
        let mut turned = joiner.read(&other);
        turned.merge(&joiner.read(&one));
        prop_assert_eq!(joined.to_bytes(), turned.to_bytes());
        let joined = joined.to_bytes();
        for ((set, mine), theirs) in sets.iter().zip(&mine).zip(&theirs) {
            let read = set.read(&joined);
            prop_assert!(holds(&read, mine) && holds(&read, theirs));
        }
    }

    #[test]
    fn what_one_set_assumed_the_other_assumes_too(
        sets in sets(), events in events(), at in 0_i64..20_000, later in events(),
    ) {
        let [one, other] = &sets;
        let (bytes, alone) = written(&sets, &events);
        // Whoever notices the loss has the first set, and whoever writes next any.
        let mut memory = one.read(&bytes);
        memory.merge(&one.unknown(at));
        let mut bytes = memory.to_bytes();
        let mut since = alone;
        for event in &later {
            let event = Event { at: event.at + 20_000, ..*event };
            let set = &sets[event.by];
            let mut memory = set.read(&bytes);
            set.step(&mut memory, &event);
            set.step(&mut since[event.by], &event);
            bytes = memory.to_bytes();
        }
        let now = Timestamp::from_millis(60_000);
        for (set, since) in [one, other].into_iter().zip(&since) {
            let read = set.read(&bytes);
            prop_assert!(read.is_lost());
            for place in set.layout.sensitive.places() {
                prop_assert!(read.latest_of(place) >= at);
            }
            // As much as of what it saw itself, where that is bounded by nothing.
            for facts in 0..64_u128 {
                let facts = set.local(facts);
                let certain = since.probe(facts, facts, now).places().filter(|place| {
                    // Events of the other may have ended what was held.
                    !matches!(set.layout.patterns[*place].form, Form::Since { .. } | Form::Never { .. })
                });
                let told = read.probe(facts, facts, now);
                for place in certain {
                    prop_assert!(told.has(place), "{:?}", set.layout.patterns[place].form);
                }
            }
        }
    }

    #[test]
    fn stored_bytes_of_any_kind_are_kept_within_bounds(
        facts in prop::collection::vec((any::<u64>(), any::<i64>()), 0..600),
        patterns in prop::collection::vec((any::<u64>(), any::<u8>(), any::<u8>()), 0..300),
        lost in any::<bool>(),
    ) {
        let set = Set::new(&[0, 1], &[(0, Form::Chain(vec![0, 1]))]);
        let mut bytes = set.fresh().to_bytes();
        bytes.truncate(28);
        bytes[1] = if lost { 2 } else { 0 };
        bytes.extend((facts.len() as u16).to_le_bytes());
        for (key, time) in &facts {
            bytes.extend(key.to_le_bytes());
            bytes.extend(time.to_le_bytes());
        }
        for (key, flags, length) in &patterns {
            bytes.extend(key.to_le_bytes());
            bytes.extend([*flags, *length]);
            bytes.extend(std::iter::repeat_n(*flags, usize::from(*length) + 8 * usize::from(flags & 2 != 0)));
        }
        let memory = set.read(&bytes);
        let stored = memory.to_bytes();
        prop_assert!(stored.len() <= set.layout.bytes + MOST);
        let mut twice = set.read(&stored);
        twice.merge(&memory);
        prop_assert!(twice.to_bytes().len() <= set.layout.bytes + MOST);
    }
}

#[test]
fn a_sensitive_fact_survives_a_gateway_with_the_older_set() {
    let leak = (0, Form::Chain(vec![4, 1]));
    let older = Set::new(&[0, 1], &[]);
    let newer = Set::new(&[0, 1, 4], &[leak]);
    let mut memory = newer.fresh();
    let event = |at, result, facts| Event {
        at,
        result,
        facts,
        by: 0,
    };
    newer.step(&mut memory, &event(10, true, 0b1_0000));
    let mut memory = older.read(&memory.to_bytes());
    older.step(&mut memory, &event(20, false, 0b1));
    let memory = newer.read(&memory.to_bytes());
    let sends = memory.probe(
        newer.local(0b10),
        newer.local(0b10),
        Timestamp::from_millis(30),
    );
    assert!(sends.has(0));
}

/// A history of a set that knows nothing, with so many facts of others.
fn crowded(many: i64, at: impl Fn(i64) -> i64) -> Memory {
    let mut memory = Set::new(&[], &[]).fresh();
    for key in 0..many {
        memory.foreign.keep_fact(key.unsigned_abs(), at(key));
    }
    memory
}

#[test]
fn what_is_too_much_counts_as_lost_unless_it_is_old() {
    let most = i64::try_from(MOST / super::FACT).unwrap();
    let week = 7 * 24 * 3_600_000;
    let mut memory = crowded(most, |key| key);
    memory.trim();
    assert!(!memory.is_lost());
    // Of one more the oldest goes, and with it what is known of this history.
    let mut memory = crowded(most + 1, |key| key);
    memory.trim();
    assert!(memory.is_lost());
    assert_eq!(memory.foreign.facts().count(), MOST / super::FACT);
    // But not where nobody who knows it wrote for a week.
    let mut memory = crowded(most + 1, |key| if key == 0 { 0 } else { week + 1 });
    memory.trim();
    assert!(!memory.is_lost());
    assert!(memory.foreign.facts().all(|(key, _)| key != 0));
}

#[test]
fn states_of_one_pattern_that_differ_in_kind_count_as_lost() {
    let with = |bytes: &[u8]| {
        let mut foreign = Foreign::default();
        let state = State {
            fired: false,
            since: 5,
            bytes: bytes.to_vec(),
        };
        foreign.keep_pattern(1, state);
        Memory {
            foreign,
            ..Set::new(&[], &[]).fresh()
        }
    };
    for (one, other) in [(8, 16), (8, 34), (7, 7)] {
        let mut memory = with(&vec![1; one]);
        memory.merge(&with(&vec![2; other]));
        assert!(memory.is_lost(), "{one} {other}");
    }
    let mut memory = with(&[1; 8]);
    memory.lowered = Some((TrustLevel::L1, 9));
    memory.merge(&with(&[2; 8]));
    assert!(!memory.is_lost());
    assert_eq!(memory.foreign, with(&[2; 8]).foreign);
}
