//! An authority with a feed, which signs what it is told, honestly or not.

use std::sync::LazyLock;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Draft, Event, Frame, genesis, link};
use mcps_core::key::SecretKey;
use mcps_core::random::SeededRandom;
use mcps_core::signer::Signer as _;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

pub(crate) const NAME: &str = "authority.example";
/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);
pub(crate) const LIFE: Duration = Duration::from_secs(30);

pub(crate) static ROOT: LazyLock<SecretKey> = LazyLock::new(|| key(100));
pub(crate) static FEED: LazyLock<SecretKey> = LazyLock::new(|| key(105));
pub(crate) static STRANGER: LazyLock<SecretKey> = LazyLock::new(|| key(999));
pub(crate) static BUNDLE: LazyLock<TrustBundle> = LazyLock::new(|| bundle_of(NAME));

pub(crate) fn bundle_of(name: &str) -> TrustBundle {
    let keys = [(&ROOT, KeyUse::Root), (&FEED, KeyUse::Feed)].map(|(key, usage)| TrustedKey {
        usage,
        state: KeyState::Active,
        public_key: key.public_key().clone(),
    });
    let root = ROOT.public_key().key_id();
    TrustBundle::parse(&TrustBundle::unsigned_json(name, 1, NOW, root, &keys)).unwrap()
}

pub(crate) fn key(seed: u64) -> SecretKey {
    SecretKey::generate(&SeededRandom::new(seed)).unwrap()
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
    pub(crate) fn new(name: &'static str, epoch: u64) -> Self {
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

    pub(crate) fn commit(&mut self, action: &Action, at: Timestamp) -> u64 {
        self.append(Event::new(self.seq() + 1, at, action, "policy").unwrap())
    }

    pub(crate) fn append(&mut self, event: Event) -> u64 {
        let last = self.chains.last().unwrap();
        self.chains.push(link(last, &event));
        self.events.push(event);
        self.seq()
    }

    /// The frame with the events after `after`, up to `to`; a heartbeat when they are the same.
    pub(crate) fn frame(&self, after: u64, to: u64, iat: Timestamp, life: Duration) -> String {
        self.signed_by(&FEED, after, to, iat, life)
    }

    pub(crate) fn signed_by(
        &self,
        signer: &SecretKey,
        after: u64,
        to: u64,
        iat: Timestamp,
        life: Duration,
    ) -> String {
        let (from, to) = (after as usize, to as usize);
        let draft = Draft {
            authority: self.name,
            epoch: self.epoch,
            after,
            prev: *self.chains.get(from).unwrap(),
            events: self.events.get(from..to).unwrap(),
            iat,
            fresh_until: iat.plus(life),
        };
        draft.sign(signer).unwrap()
    }

    pub(crate) fn heartbeat(&self, iat: Timestamp) -> String {
        self.frame(self.seq(), self.seq(), iat, LIFE)
    }

    pub(crate) fn verified(&self, text: &str) -> Frame {
        Frame::verify(text, &BUNDLE).unwrap()
    }
}
