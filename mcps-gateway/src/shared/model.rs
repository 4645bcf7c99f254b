//! Gateways over one store, held against one naive history to which everything happens in turn.

use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcps_core::clock::{Clock, ManualClock, Timestamp};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use tokio::task::JoinSet;

use super::cells::{Cell, Cells, Committed, Committing, Stored, Tag};
use super::marker::{self, Marker};
use super::{SharedError, Together};
use crate::call::sample::call;
use crate::history::{HistoryError, Key};
use crate::policy::sample::{policies as sample_policies, question};
use crate::policy::{History, Memory, Policies, Scope};

const FACTS: &str = r#"
version = 1
[[fact]]
id = "secret"
on = "call"
when = { tool = ["read"] }
[[fact]]
id = "out"
on = "call"
when = { tool = ["send"] }
[[fact]]
id = "refused"
on = "denied"
when = { tool = ["send"] }
[[sequence]]
id = "leak"
match = "secret ; out"
within = "1h"
then = "deny"
reason = "no"
[[sequence]]
id = "many"
match = "count(secret, 60s) > 5"
scope = "tenant"
then = "deny"
reason = "no"
[[sequence]]
id = "insists"
match = "count(refused, 10m) > 2"
scope = "principal"
then = "lower_trust(L1)"
reason = "no"
"#;

/// What gateways have that did not hear of those yet.
const OLDER: &str = r#"
version = 1
[[fact]]
id = "looks"
on = "call"
when = { tool = ["look"] }
"#;

const START: i64 = 1_800_000_000_000;

fn policies() -> Policies {
    sample_policies(FACTS)
}

/// Decides and commits one call; whether it went on.
fn happen(policies: &Policies, tool: &str, at: Timestamp, mut three: [&mut Memory; 3]) -> bool {
    let call = call("one", "{}");
    let question = question(tool, &call.message, at);
    let facts = policies.classify(&question);
    let [session, principal, tenant] = &three;
    let history = History {
        session,
        principal,
        tenant,
    };
    let decision = policies.decide(&question, &facts, &history);
    for memory in &mut three {
        match decision.is_allowed() {
            true => policies.commit_call(memory, &decision, at),
            false => policies.commit_denied(memory, &decision, at),
        }
    }
    decision.is_allowed()
}

/// A store in memory that answers when it likes.
#[derive(Debug)]
struct Fake {
    marker: Mutex<Arc<Marker>>,
    held: Mutex<(u64, HashMap<Key, Stored>)>,
    chance: Mutex<u64>,
    /// Always something else than was expected.
    restless: bool,
}

impl Fake {
    fn new(seed: u64) -> Self {
        Self {
            marker: Mutex::new(Arc::new(sample("a", false))),
            held: Mutex::default(),
            chance: Mutex::new(seed | 1),
            restless: false,
        }
    }

    fn next(&self) -> u64 {
        let mut chance = self.chance.lock().unwrap();
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        *chance
    }

    async fn dawdle(&self) {
        for _ in 0..self.next() % 4 {
            tokio::task::yield_now().await;
        }
    }

    fn apply(&self, marker: &Marker, cells: &[Cell; 3]) -> Committed {
        if self.marker.lock().unwrap().id != marker.id {
            return Committed::Moved;
        }
        let mut held = self.held.lock().unwrap();
        let tag = |key: &Key| match held.1.get(key) {
            None => Tag::Absent,
            Some(stored) => Tag::Written(stored.tag.clone()),
        };
        if self.restless || cells.iter().any(|cell| tag(&cell.key) != cell.rests_on) {
            return Committed::Stale(
                [0, 1, 2].map(|at: usize| held.1.get(&cells[at].key).cloned()),
            );
        }
        held.0 += 1;
        let mut salt = [0; marker::SALT];
        salt[..8].copy_from_slice(&self.next().to_le_bytes());
        let tag = marker::tag(marker, held.0, salt);
        for cell in cells {
            if let Some(bytes) = cell.becomes.clone() {
                let tag = tag.clone();
                held.1.insert(cell.key, Stored { tag, bytes });
            }
        }
        Committed::Done(tag)
    }
}

fn sample(id: &str, lost: bool) -> Marker {
    let made = Timestamp::from_millis(START - 1000);
    Marker::new(id.repeat(32), 1, (made, made), lost, 0)
}

impl Cells for Fake {
    fn marker(&self) -> Arc<Marker> {
        Arc::clone(&self.marker.lock().unwrap())
    }

    fn commit<'a>(
        &'a self,
        marker: &'a Marker,
        cells: &'a [Cell; 3],
        _: Duration,
    ) -> Committing<'a> {
        Box::pin(async move {
            self.dawdle().await;
            let done = self.apply(marker, cells);
            self.dawdle().await;
            Ok(done)
        })
    }

    fn find<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<(), SharedError>> + Send + 'a>> {
        Box::pin(ready(Ok(())))
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(START)))
}

fn gateway(fake: &Arc<Fake>, former: HashMap<Key, Vec<u8>>) -> Arc<Together> {
    let cells: Arc<dyn Cells> = Arc::<Fake>::clone(fake);
    Arc::new(Together::new(
        cells,
        Duration::from_secs(60),
        former,
        clock(),
    ))
}

/// One call at one gateway: which one of its session it was, and whether it went on.
async fn at(gateway: &Together, policies: &Policies, tool: &str, at: Timestamp) -> (u32, bool) {
    let three = Key::three(&call("one", "{}"));
    let done = gateway.under(three, policies, |scopes| {
        let (calls, denied) = scopes.read().session.calls();
        let mut allowed = false;
        scopes.all(|three| allowed = happen(policies, tool, at, three));
        (calls + denied, allowed)
    });
    done.await.unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever came when, it is as if one gateway had been asked one call after the other.
    #[test]
    fn two_gateways_are_one(seed in any::<u64>(), calls in 2_usize..40) {
        let fake = Arc::new(Fake::new(seed));
        let gateways = [gateway(&fake, HashMap::new()), gateway(&fake, HashMap::new())];
        let policies = Arc::new(policies());
        let all: Vec<(&'static str, Timestamp)> = (0..calls).map(|_| {
            let tool = ["read", "send", "look"][(fake.next() % 3) as usize];
            let now = START + i64::try_from(fake.next() % 90_000).unwrap();
            (tool, Timestamp::from_millis(now))
        }).collect();
        let mut done = run(async {
            let mut tasks = JoinSet::new();
            for (tool, now) in all {
                let gateway = Arc::clone(&gateways[(fake.next() % 2) as usize]);
                let policies = Arc::clone(&policies);
                tasks.spawn(async move { (at(&gateway, &policies, tool, now).await, tool, now) });
            }
            tasks.join_all().await
        });
        done.sort_unstable_by_key(|((place, _), ..)| *place);
        let places: HashSet<u32> = done.iter().map(|((place, _), ..)| *place).collect();
        prop_assert_eq!(places.len(), calls, "two calls took the same place");
        let start = Timestamp::from_millis(START);
        let mut naive = [Scope::Session, Scope::Principal, Scope::Tenant]
            .map(|scope| policies.fresh(scope, start));
        for ((_, allowed), tool, now) in &done {
            let [session, principal, tenant] = &mut naive;
            let expected = happen(&policies, tool, *now, [session, principal, tenant]);
            prop_assert_eq!(expected, *allowed);
        }
        let held = fake.held.lock().unwrap();
        let [(_, session), ..] = Key::three(&call("one", "{}"));
        let [expected, ..] = &naive;
        prop_assert_eq!(&held.1[&session].bytes, &expected.to_bytes());
        prop_assert!(held.0 >= u64::try_from(calls).unwrap());
    }
}

#[test]
fn of_a_lost_store_everything_is_assumed_until_nothing_of_it_would_count() {
    let (fake, policies) = (Arc::new(Fake::new(7)), policies());
    let now = Timestamp::from_millis(START);
    let one = gateway(&fake, HashMap::new());
    assert!(run(at(&one, &policies, "send", now)).1);
    *fake.held.lock().unwrap() = Default::default();
    *fake.marker.lock().unwrap() = Arc::new(sample("b", true));
    assert!(
        !run(at(&one, &policies, "send", now)).1,
        "it was there before"
    );
    let other = gateway(&fake, HashMap::new());
    assert!(!run(at(&other, &policies, "send", now)).1);
    let later = now.plus(Duration::from_secs(3601));
    assert!(run(at(&other, &policies, "send", later)).1);
}

#[test]
fn what_fell_back_counts_as_lost_though_it_is_there() {
    let (fake, policies) = (Arc::new(Fake::new(7)), policies());
    let now = Timestamp::from_millis(START);
    let one = gateway(&fake, HashMap::new());
    assert!(run(at(&one, &policies, "look", now)).1);
    *fake.marker.lock().unwrap() = Arc::new(sample("b", true));
    let other = gateway(&fake, HashMap::new());
    assert!(!run(at(&other, &policies, "send", now)).1);
}

#[test]
fn what_a_gateway_did_alone_goes_with_it() {
    let (fake, policies) = (Arc::new(Fake::new(7)), policies());
    let now = Timestamp::from_millis(START);
    let [(_, session), ..] = Key::three(&call("one", "{}"));
    let mut memory = policies.fresh(Scope::Session, now);
    let mut others = [Scope::Principal, Scope::Tenant].map(|scope| policies.fresh(scope, now));
    let [principal, tenant] = &mut others;
    assert!(happen(
        &policies,
        "read",
        now,
        [&mut memory, principal, tenant]
    ));
    let former = HashMap::from([(session, memory.to_bytes())]);
    let one = gateway(&fake, former);
    assert!(run(at(&one, &policies, "look", now)).1);
    let other = gateway(&fake, HashMap::new());
    assert!(
        !run(at(&other, &policies, "send", now)).1,
        "another knows it too"
    );
}

#[test]
fn a_call_that_never_comes_first_is_refused() {
    let fake = Arc::new(Fake {
        restless: true,
        ..Fake::new(7)
    });
    let (gateway, policies) = (gateway(&fake, HashMap::new()), policies());
    let three = Key::three(&call("one", "{}"));
    let done = run(gateway.under(three, &policies, |_| ()));
    assert!(matches!(
        done,
        Err(HistoryError::Shared(SharedError::Crowded))
    ));
}

#[test]
fn a_gateway_with_an_older_set_takes_nothing_from_those_with_the_newer() {
    let (fake, newer, older) = (Arc::new(Fake::new(7)), policies(), sample_policies(OLDER));
    let now = Timestamp::from_millis(START);
    let [one, other] = [0, 1].map(|_| gateway(&fake, HashMap::new()));
    assert!(run(at(&one, &newer, "read", now)).1);
    assert!(run(at(&other, &older, "look", now)).1);
    assert!(!run(at(&one, &newer, "send", now)).1);
}

#[test]
fn what_one_with_an_older_set_assumes_those_with_the_newer_assume_of_theirs() {
    let (fake, newer, older) = (Arc::new(Fake::new(7)), policies(), sample_policies(OLDER));
    let now = Timestamp::from_millis(START);
    let [one, other] = [0, 1].map(|_| gateway(&fake, HashMap::new()));
    assert!(run(at(&one, &newer, "send", now)).1);
    *fake.held.lock().unwrap() = Default::default();
    *fake.marker.lock().unwrap() = Arc::new(sample("b", true));
    assert!(run(at(&other, &older, "look", now)).1);
    let third = gateway(&fake, HashMap::new());
    assert!(!run(at(&third, &newer, "send", now)).1);
}

#[test]
fn a_write_that_is_counted_anew_is_told_from_the_one_that_was_lost() {
    let (fake, policies) = (Arc::new(Fake::new(7)), policies());
    let now = Timestamp::from_millis(START);
    let [one, other] = [0, 1].map(|_| gateway(&fake, HashMap::new()));
    for gateway in [&one, &other] {
        assert!(run(at(gateway, &policies, "look", now)).1);
    }
    let before = fake.held.lock().unwrap().clone();
    assert!(run(at(&one, &policies, "look", now)).1);
    let lost = std::mem::replace(&mut *fake.held.lock().unwrap(), before);
    assert!(run(at(&other, &policies, "read", now)).1);
    assert_eq!(lost.0, fake.held.lock().unwrap().0);
    assert!(!run(at(&one, &policies, "send", now)).1);
}
