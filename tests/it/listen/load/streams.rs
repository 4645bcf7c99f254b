//! Many clients that hold a stream each: of the older era the server's own, of the newer one the
//! answer to `subscriptions/listen`, which never ends. Each hears of a resource of its own.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::era::Era;
use super::ground::Ground;
use super::member::{Answer, Crew, Member};

/// How much the wrapper's memory may grow, in KiB, from the time all streams have flowed for a
/// while to the end. An event that left 30 bytes behind would be found out within `make load`.
const MARGIN: u64 = 4 * 1024;
/// After so many events each client calls, so that both ways are used.
const CALL_AFTER: u64 = 25;

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) clients: usize,
    /// How often each server speaks.
    pub(crate) every_ms: u64,
    /// Events at each client before memory counts: the last 256 of a stream are kept.
    pub(crate) settle: u64,
    /// Events at each client after that.
    pub(crate) events: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) flowing: Duration,
    pub(crate) events: u64,
    pub(crate) calls: u64,
    /// Of the wrapper, in KiB: settled, halfway, and at the end.
    pub(crate) resident: [u64; 3],
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [settled, halfway, end] = self.resident;
        let (events, calls) = (self.events, self.calls);
        writeln!(
            f,
            "{events} events and {calls} calls in {:.1?}",
            self.flowing
        )?;
        write!(
            f,
            "mcps-wrap: {settled} KiB settled, {halfway} KiB halfway, {end} KiB at the end"
        )
    }
}

/// A client and its stream.
struct Listener<'c> {
    own: usize,
    member: &'c Member,
    stream: Answer,
    /// The number of the last event.
    heard: u64,
}

impl Streams {
    pub(crate) async fn bear(self) -> Report {
        let ground = Ground::set(self.every_ms).await;
        let crew = ground.crew();
        let members = join(&crew, self.clients).await;
        let subscribing = members
            .iter()
            .enumerate()
            .map(async |(own, member)| Listener {
                own,
                member,
                stream: member.subscribe(&uri(own)).await.unwrap(),
                heard: 0,
            });
        let mut listeners = join_all(subscribing).await;
        hear(&mut listeners, self.settle).await;
        let settled = ground.resident();
        let since = Instant::now();
        hear(&mut listeners, self.events / 2).await;
        let halfway = ground.resident();
        hear(&mut listeners, self.events.div_ceil(2)).await;
        let flowing = since.elapsed();
        let resident = [settled, halfway, ground.resident()];
        let grown = resident[2].saturating_sub(settled);
        assert!(
            grown <= MARGIN,
            "the wrapper grew by {grown} KiB: {resident:?}"
        );
        ground.is_well();
        let clients = u64::try_from(self.clients).unwrap();
        Report {
            flowing,
            events: self.events * clients,
            calls: self.events / CALL_AFTER * clients,
            resident,
        }
    }
}

async fn join(crew: &Crew, clients: usize) -> Vec<Member> {
    let joining = (0..clients).map(|index| crew.join(Era::of(index)));
    let joined = join_all(joining).await;
    joined.into_iter().map(Result::unwrap).collect()
}

/// Hears so many more events of each stream.
async fn hear(listeners: &mut [Listener<'_>], events: u64) {
    let hearing = listeners.iter_mut().map(|listener| listener.hear(events));
    join_all(hearing).await;
}

impl Listener<'_> {
    /// The oracle: events of its own resource, one by one.
    async fn hear(&mut self, events: u64) {
        for _ in 0..events {
            let event = self.stream.next(self.member).await.unwrap().unwrap();
            self.heard += 1;
            let told = event["params"]["uri"].as_str();
            let due = format!("{}/{}", uri(self.own), self.heard);
            assert_eq!(told, Some(due.as_str()), "{}", Value::to_string(&event));
            if self.heard.is_multiple_of(CALL_AFTER) {
                let words = format!("client {} heard {}", self.own, self.heard);
                self.member.echo(&words).await.unwrap();
            }
        }
    }
}

fn uri(own: usize) -> String {
    format!("load:///{own}")
}
