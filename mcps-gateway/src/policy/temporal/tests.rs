//! The engine against an evaluator that looks over the whole trace each time.

use std::sync::Arc;

use mcps_core::clock::Timestamp;
use proptest::prelude::*;

mod joining;

use super::layout::Pattern;
use super::{BUCKETS, Form, Layout, Memory, Then, parse, width};
use crate::policy::config::{On, Scope};
use crate::policy::fact::{FactSet, FactTable};

/// Facts 0–3 of calls, 4–5 of results.
const FACTS: usize = 6;

fn table() -> FactTable {
    let mut text = String::new();
    for place in 0..FACTS {
        let on = if place < 4 { "call" } else { "result" };
        text += &format!("[[fact]]\nid = 'f{place}'\non = '{on}'\nwhen = {{ tool = ['*'] }}\n");
    }
    table_of(text)
}

/// The facts of a file.
pub(super) fn table_of(text: String) -> FactTable {
    let mut faults = crate::policy::source::Faults::default();
    let source = crate::policy::source::Source {
        name: "t.toml".into(),
        kind: crate::policy::source::Kind::Toml,
        text,
    };
    let declared = crate::policy::load::declared(&[source], &mut faults);
    assert!(faults.is_empty(), "{faults:?}");
    declared.facts
}

fn layout(forms: &[(Form, Option<i64>)]) -> Arc<Layout> {
    let patterns = forms
        .iter()
        .enumerate()
        .map(|(at, (form, within))| Pattern {
            within: *within,
            ..Pattern::new(
                &format!("p{at}"),
                &format!("{form:?}"),
                form.clone(),
                Scope::Session,
                Then::Deny,
            )
        });
    Layout::new(&table(), patterns.collect())
}

/// What an event is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    Result,
    /// A result that is still to come.
    AtOnce,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: i64,
    kind: Kind,
    facts: FactSet,
}

impl Event {
    fn shows(&self, place: usize) -> bool {
        let kind = if place < 4 { Kind::Call } else { Kind::Result };
        self.kind == kind
    }
}

/// Whether `form` acts at the last event of `trace`, by its definition.
fn naive(form: &Form, within: Option<i64>, trace: &[Event]) -> bool {
    let Some((now, before)) = trace.split_last() else {
        return false;
    };
    // What comes of the call that goes on acts when it is there, but where it counts.
    if now.kind == Kind::AtOnce && !matches!(form, Form::Count { .. }) {
        return false;
    }
    let recent = |at: i64| within.is_none_or(|within| now.at - at <= within);
    match form {
        Form::Chain(chain) => {
            let (last, rest) = chain.split_last().unwrap();
            now.facts.has(*last) && starts(rest, trace).into_iter().any(recent)
        }
        Form::All(all) => {
            all.iter().any(|place| now.facts.has(*place))
                && all.iter().all(|place| {
                    trace
                        .iter()
                        .any(|event| event.facts.has(*place) && recent(event.at))
                })
        }
        Form::Since { held, since } => {
            now.facts.has(*held)
                && (0..trace.len()).any(|start| {
                    trace[start].facts.has(*since)
                        && recent(trace[start].at)
                        && trace[start + 1..]
                            .iter()
                            .filter(|event| event.shows(*held))
                            .all(|event| event.facts.has(*held))
                })
        }
        Form::Never {
            fact,
            before: wanted,
        } => {
            now.facts.has(*fact)
                && !before.iter().any(|event| {
                    event.facts.has(*wanted) && event.shows(*wanted) && recent(event.at)
                })
        }
        Form::Count { fact, window, over } => {
            let bucket = |at: i64| at.div_euclid(width(*window));
            let events = trace.iter().filter(|event| {
                event.facts.has(*fact) && bucket(event.at) >= bucket(now.at) - BUCKETS
            });
            now.facts.has(*fact) && events.count() > usize::from(*over)
        }
    }
}

/// The start of every way to find `chain` in `trace`, in order, several in one event allowed.
fn starts(chain: &[usize], trace: &[Event]) -> Vec<i64> {
    fn follow(chain: &[usize], trace: &[Event]) -> bool {
        let Some((first, rest)) = chain.split_first() else {
            return true;
        };
        (0..trace.len()).any(|at| trace[at].facts.has(*first) && follow(rest, &trace[at..]))
    }
    let Some((first, rest)) = chain.split_first() else {
        return trace.last().map(|event| event.at).into_iter().collect();
    };
    let begin = (0..trace.len()).filter(|at| trace[*at].facts.has(*first));
    begin
        .filter(|at| follow(rest, &trace[*at..]))
        .map(|at| trace[at].at)
        .collect()
}

fn form() -> impl Strategy<Value = (Form, Option<i64>)> {
    let places = || Just((0..FACTS).collect::<Vec<_>>()).prop_shuffle();
    let within = prop::option::of(1_i64..2_000);
    (
        0_u8..5,
        places(),
        1_usize..5,
        within,
        1_i64..3_000,
        0_u16..6,
    )
        .prop_map(|(kind, places, length, within, window, over)| {
            let form = match kind {
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
            };
            let within = within.filter(|_| !matches!(form, Form::Count { .. }));
            (form, within)
        })
}

fn trace() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![Just(Kind::Call), Just(Kind::Result), Just(Kind::AtOnce)];
    prop::collection::vec((0_i64..400, kind, any::<u8>(), any::<u8>()), 1..40).prop_map(|steps| {
        let mut at = 1_000;
        let steps = steps.into_iter().map(|(pause, kind, bits, mask)| {
            at += pause;
            // Sparse, and only of the event's kind.
            let facts = FactSet(u128::from(bits & mask) & shown(kind).0);
            Event { at, kind, facts }
        });
        steps.collect()
    })
}

fn shown(kind: Kind) -> FactSet {
    match kind {
        Kind::Call => FactSet(0b1111),
        Kind::Result | Kind::AtOnce => FactSet(0b11_0000),
    }
}

fn step(memory: &mut Memory, event: &Event) -> FactSet {
    let now = Timestamp::from_millis(event.at);
    if event.kind == Kind::AtOnce {
        let fired = memory.probe(FactSet::default(), event.facts, now);
        memory.add(event.facts, now);
        memory.arm(event.facts, now);
        return fired;
    }
    let fired = memory.probe(event.facts, event.facts, now);
    memory.take(event.facts, shown(event.kind), now);
    fired
}

proptest! {
    #[test]
    fn acts_exactly_where_the_whole_trace_says(
        forms in prop::collection::vec(form(), 1..12),
        events in trace(),
        evict in prop::collection::vec(any::<bool>(), 40),
    ) {
        let layout = layout(&forms);
        let mut memory = Memory::fresh(&layout, Scope::Session, Timestamp::from_millis(0));
        for (at, event) in events.iter().enumerate() {
            let fired = step(&mut memory, event);
            for (place, (form, within)) in forms.iter().enumerate() {
                prop_assert_eq!(
                    fired.has(place),
                    naive(form, *within, &events[..=at]),
                    "{:?} within {:?} at event {}", form, within, at
                );
            }
            if evict[at] {
                memory = Memory::from_bytes(&memory.to_bytes(), &layout, Scope::Session).unwrap();
            }
        }
    }

    #[test]
    fn stored_bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let layout = layout(&[(Form::Chain(vec![0, 1, 2]), None)]);
        let _ = Memory::from_bytes(&bytes, &layout, Scope::Session);
    }

    #[test]
    fn what_is_unknown_acts_wherever_a_true_history_would(
        forms in prop::collection::vec(form(), 1..12), events in trace(),
    ) {
        let layout = layout(&forms);
        let mut memory = Memory::fresh(&layout, Scope::Session, Timestamp::from_millis(0));
        events.iter().for_each(|event| { step(&mut memory, event); });
        let now = Timestamp::from_millis(events.last().unwrap().at);
        let unknown = Memory::unknown(&layout, Scope::Session, now);
        for facts in 0..64_u128 {
            let true_history = memory.probe(FactSet(facts), FactSet(facts), now);
            prop_assert_eq!(true_history.and(unknown.probe(FactSet(facts), FactSet(facts), now)), true_history);
        }
    }
}

#[test]
fn one_call_that_reads_and_sends_acts_at_once() {
    let layout = layout(&[(Form::Chain(vec![0, 1]), Some(1000))]);
    let memory = Memory::fresh(&layout, Scope::Session, Timestamp::from_millis(0));
    assert!(
        memory
            .probe(FactSet(0b11), FactSet(0b11), Timestamp::from_millis(5))
            .has(0)
    );
    assert!(
        !memory
            .probe(FactSet(0b10), FactSet(0b10), Timestamp::from_millis(5))
            .has(0)
    );
}

#[test]
fn overlapping_starts_are_not_missed() {
    // A at 0 and 900, B at 950: within 100 ms of the later A only.
    let layout = layout(&[(Form::Chain(vec![0, 1, 2]), Some(200))]);
    let mut memory = Memory::fresh(&layout, Scope::Session, Timestamp::from_millis(0));
    for (at, bits) in [(10, 1), (900, 1), (950, 2)] {
        step(
            &mut memory,
            &Event {
                at,
                kind: Kind::Call,
                facts: FactSet(bits),
            },
        );
    }
    assert!(
        memory
            .probe(
                FactSet(0b100),
                FactSet(0b100),
                Timestamp::from_millis(1_050)
            )
            .has(0)
    );
    assert!(
        !memory
            .probe(
                FactSet(0b100),
                FactSet(0b100),
                Timestamp::from_millis(1_150)
            )
            .has(0)
    );
}

#[test]
fn state_follows_a_sequence_to_a_new_set_by_its_name() {
    let old = layout(&[
        (
            Form::Count {
                fact: 1,
                window: 60_000,
                over: 1,
            },
            None,
        ),
        (Form::Chain(vec![0, 1, 2]), None),
    ]);
    let mut memory = Memory::fresh(&old, Scope::Session, Timestamp::from_millis(0));
    for (at, bits) in [(10, 1), (20, 2), (30, 2)] {
        step(
            &mut memory,
            &Event {
                at,
                kind: Kind::Call,
                facts: FactSet(bits),
            },
        );
    }
    // A set with a sequence more: old state stays, the new one begins with what is known.
    let new = layout(&[
        (
            Form::Count {
                fact: 1,
                window: 60_000,
                over: 1,
            },
            None,
        ),
        (Form::Chain(vec![0, 1, 2]), None),
        (Form::Chain(vec![0, 1, 3]), None),
        (Form::Never { fact: 4, before: 0 }, None),
    ]);
    let moved = memory.on(&new);
    let fired = moved.probe(
        FactSet(0b1_1110),
        FactSet(0b1_1110),
        Timestamp::from_millis(40),
    );
    assert_eq!(fired, FactSet(0b0111));
}

#[test]
fn patterns_that_cannot_be_meant_are_refused() {
    let place = |name: &str| ["a", "b", "c"].iter().position(|known| *known == name);
    for (text, why) in [
        ("a ; d", "no fact `d`"),
        ("a ; b & c", "two sequences"),
        ("a ; a", "twice"),
        ("", "empty"),
        ("a b", "no pattern"),
        ("a ;", "no pattern"),
        ("count(a, 60) > 2", "no time"),
        ("count(a, 60s) > x", "no number"),
        ("count(a, 60s) < 3", "no pattern|no meaning"),
        ("a | b", "no meaning"),
    ] {
        let error = parse(text, place).unwrap_err();
        assert!(
            why.split('|').any(|why| error.contains(why)),
            "{text}: {error}"
        );
    }
    assert_eq!(parse("a;b ; c", place), Ok(Form::Chain(vec![0, 1, 2])));
    assert_eq!(
        parse("count( a ,60s)>=20", place),
        Ok(Form::Count {
            fact: 0,
            window: 60_000,
            over: 19
        })
    );
    assert_eq!(
        parse("never a before b", place),
        Ok(Form::Never { fact: 0, before: 1 })
    );
    let _ = On::Call;
}
