//! What callers were told, and what has to be true because of it.

use std::collections::{BTreeMap, BTreeSet};

use mcps_client::follower::{Follower, Progress};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::feed::Event;
use mcps_core::json::Document;
use serde_json::Value;

use super::Ground;

/// An order, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Its `Idempotency-Key`.
    pub(super) key: String,
    pub(super) name: String,
    /// As it was acknowledged.
    pub(super) position: Option<String>,
}

/// A passport that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) body: String,
}

/// What callers know.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Passports that were answered: whose, and their text, by their id.
    pub(super) passports: BTreeMap<String, (String, String)>,
    /// Whose requests for a passport were not answered.
    pub(super) unsure: Vec<Asked>,
    /// Orders that were acknowledged.
    pub(super) orders: Vec<Order>,
    /// Orders that were not answered, to be given again.
    pub(super) open: Vec<Order>,
    /// Names that have a passport and no order yet.
    pub(super) names: Vec<String>,
    /// Requests for a passport that were answered when they were sent again.
    pub(super) late: usize,
    /// Answers that were neither success nor a reason to try again.
    pub(super) strange: Vec<String>,
}

/// What was found when all was over.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) events: usize,
    pub(super) passports: usize,
}

impl Ledger {
    /// Holds what was told against what is there.
    pub(super) async fn settle(&self, ground: &Ground) -> Found {
        assert!(self.strange.is_empty(), "{:?}", self.strange);
        assert!(self.open.is_empty() && self.unsure.is_empty());
        let seq = |order: &Order| {
            let (_, seq) = order.position.as_deref()?.split_once(':')?;
            seq.parse::<u64>().ok()
        };
        let last = self.orders.iter().filter_map(seq).max().unwrap_or(0);
        let events = history(ground, last).await;
        let mut told = BTreeMap::new();
        for event in &events {
            let target = event.target().unwrap().to_json();
            let first = told.insert(target, event.seq());
            assert!(first.is_none(), "told twice: {}", event.canonical());
        }
        for order in &self.orders {
            let seq = told.get(&target(&order.name));
            let seq = seq.unwrap_or_else(|| panic!("{order:?} was acknowledged and is lost"));
            assert_eq!(order.position, Some(format!("1:{seq}")), "{order:?}");
        }
        assert_eq!(told.len(), self.orders.len(), "told, and ordered by nobody");
        let issued = self.issued(ground).await;
        Found {
            events: events.len(),
            passports: issued,
        }
    }

    /// Every passport that left is known as it left, none is there twice, and whoever was revoked is.
    async fn issued(&self, ground: &Ground) -> usize {
        let mut cursor = String::new();
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let page = ground
                .get(&format!("/v1/passports?limit=200{cursor}"))
                .await;
            let page = page.unwrap();
            for passport in page["passports"].as_array().unwrap() {
                let id = passport["passport_id"].as_str().unwrap().to_owned();
                let name = passport["name"].as_str().unwrap().to_owned();
                assert!(
                    names.insert(name),
                    "two passports by one challenge: {passport}"
                );
                assert!(ids.insert(id), "one id twice: {passport}");
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let revoked: BTreeSet<&str> = self.orders.iter().map(|order| &*order.name).collect();
        for (id, (name, text)) in &self.passports {
            assert!(ids.contains(id), "{id} left and is unknown");
            let shown = ground.get(&format!("/v1/passports/{id}")).await.unwrap();
            let passport: Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                shown["passport"], passport,
                "it left otherwise than it is stored"
            );
            if revoked.contains(name.as_str()) {
                assert_eq!(shown["status"]["state"], "revoked", "{name}: {shown}");
            }
        }
        ids.len()
    }
}

/// The target of an order against an agent.
pub(super) fn target(name: &str) -> String {
    format!(r#"{{"kind":"agent","name":"{name}","tenant":"default"}}"#)
}

/// The whole feed, proven from its beginning, once `last` is published: an order is answered before.
async fn history(ground: &Ground, last: u64) -> Vec<Event> {
    let mut follower = Follower::new(ground.bundle.authority());
    follower.start(1);
    let mut events = Vec::new();
    let mut polls = 0;
    loop {
        let at = follower.resume().unwrap();
        // What is acknowledged is published within the second; what nobody ordered is not waited for.
        let wait = u8::from(at.seq < last);
        let path = format!("/v1/feed/frames?after=1:{}&wait_s={wait}", at.seq);
        let answer = ground.http.get(format!("{}{path}", ground.url()));
        let text = answer.send().await.unwrap().text().await.unwrap();
        let mut moved = false;
        for frame in frames(&text) {
            match follower
                .receive(frame, &ground.bundle, SystemClock.now())
                .unwrap()
            {
                Progress::Moved(new) => {
                    moved = true;
                    events.extend(new);
                }
                Progress::Heartbeat | Progress::Known => {}
                Progress::Waiting => panic!("the feed does not continue at {at:?}"),
            }
        }
        polls += usize::from(!moved);
        if !moved && (at.seq >= last || polls > 60) {
            break;
        }
    }
    let numbers = events.iter().map(Event::seq);
    assert!(numbers.eq(1..=events.len() as u64), "a gap in the feed");
    events
}

/// The frames of an answer to a long poll, each as it was signed.
pub(super) fn frames(text: &str) -> Vec<String> {
    let Ok(document) = Document::parse(text) else {
        return Vec::new();
    };
    let frames = document.root().get("frames");
    let Some(frames) = frames.and_then(|frames| frames.as_array()) else {
        return Vec::new();
    };
    frames.iter().map(|frame| frame.raw().to_owned()).collect()
}
