//! An authority with a feed, and a network that a test writes: what each question is answered with.

pub(super) mod network;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Draft, Entry, Epoch, Event, Position, Snapshot, Target};
use mcps_core::feed::{genesis, link};
use mcps_core::key::SecretKey;
use mcps_core::random::SeededRandom;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

use crate::follower::Block;

pub(crate) const NAME: &str = "authority.example";
/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);
pub(crate) const LIFE: Duration = Duration::from_secs(30);

pub(crate) static ROOT: LazyLock<SecretKey> = LazyLock::new(|| key(100));
pub(crate) static FEED: LazyLock<SecretKey> = LazyLock::new(|| key(105));
/// The feed key of the next key set.
pub(crate) static NEXT: LazyLock<SecretKey> = LazyLock::new(|| key(106));

pub(crate) fn key(seed: u64) -> SecretKey {
    SecretKey::generate(&SeededRandom::new(seed)).unwrap()
}

/// The key set of that number; from 2 on the next feed key is in it.
pub(crate) fn bundle(number: i64) -> Arc<TrustBundle> {
    let mut keys = vec![(&ROOT, KeyUse::Root), (&FEED, KeyUse::Feed)];
    if number > 1 {
        keys.push((&NEXT, KeyUse::Feed));
    }
    let keys: Vec<_> = keys
        .into_iter()
        .map(|(key, usage)| TrustedKey {
            usage,
            state: KeyState::Active,
            public_key: key.public_key().clone(),
        })
        .collect();
    let root = ROOT.public_key().key_id();
    let text = TrustBundle::unsigned_json(NAME, number, NOW, root, &keys);
    Arc::new(TrustBundle::parse(&text).unwrap())
}

/// The events of one epoch and the chain after each.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) name: &'static str,
    pub(crate) epoch: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) chains: Vec<Digest>,
}

impl Authority {
    pub(crate) fn new(epoch: u64) -> Self {
        Self::named(NAME, epoch)
    }

    pub(crate) fn named(name: &'static str, epoch: u64) -> Self {
        Self {
            name,
            epoch,
            events: Vec::new(),
            chains: vec![genesis(name, epoch)],
        }
    }

    pub(crate) fn seq(&self) -> u64 {
        self.events.len() as u64
    }

    pub(crate) fn revoke(&mut self, tenant: &str) {
        self.commit(&Action::Revoke(Target::Tenant(tenant.to_owned())));
    }

    pub(crate) fn commit(&mut self, action: &Action) {
        let event = Event::new(self.seq() + 1, NOW, action, "policy").unwrap();
        let last = self.chains.last().unwrap();
        self.chains.push(link(last, &event));
        self.events.push(event);
    }

    pub(crate) fn frame(&self, after: u64, to: u64, iat: Timestamp) -> String {
        self.signed_by(&FEED, after, to, iat)
    }

    pub(crate) fn signed_by(
        &self,
        signer: &SecretKey,
        after: u64,
        to: u64,
        iat: Timestamp,
    ) -> String {
        let (from, last) = (after as usize, to as usize);
        let draft = Draft {
            authority: self.name,
            epoch: self.epoch,
            after,
            prev: *self.chains.get(from).unwrap(),
            events: self.events.get(from..last).unwrap(),
            iat,
            fresh_until: iat.plus(LIFE),
        };
        draft.sign(signer).unwrap()
    }

    pub(crate) fn heartbeat(&self, iat: Timestamp) -> String {
        self.frame(self.seq(), self.seq(), iat)
    }

    pub(crate) fn snapshot(&self, iat: Timestamp, entries: Vec<Entry>) -> String {
        let snapshot = Snapshot {
            authority: self.name.to_owned(),
            position: Position {
                epoch: self.epoch,
                seq: self.seq(),
                chain: *self.chains.last().unwrap(),
            },
            iat,
            fresh_until: iat.plus(LIFE),
            entries,
        };
        snapshot.sign(&*FEED).unwrap()
    }

    /// The root's word that `next` follows this, of which `seq` events are still known.
    pub(crate) fn followed_by(&self, next: u64, seq: u64) -> String {
        let epoch = Epoch {
            authority: self.name.to_owned(),
            epoch: next,
            previous_epoch: self.epoch,
            seq,
            chain: *self.chains.get(seq as usize).unwrap(),
            iat: NOW,
        };
        epoch.sign(&*ROOT).unwrap()
    }
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

#[test]
fn every_block_has_its_code() {
    for (block, code) in [
        (Block::Revoked, "MCPS-003"),
        (Block::Suspended, "MCPS-003"),
        (Block::Unclear, "MCPS-003"),
        (Block::Overflow, "MCPS-003"),
        (Block::Quarantined, "MCPS-021"),
        (Block::Stopped, "MCPS-025"),
    ] {
        assert_eq!(Refusal::from(block).code().id(), code, "{block:?}");
    }
}
