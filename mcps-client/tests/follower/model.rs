//! Honest histories, what an adversary does to their delivery, and what must hold whatever it does.
//! The program `benches/histories.rs` runs the same a million times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mcps_client::follower::{Alert, Follower, Progress, Resync, State};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Entry, Epoch, Event, FeedError, Frame, Held, Lifts, Position};
use mcps_core::feed::{Snapshot, Target, Unverified};
use mcps_core::level::TrustLevel;
use mcps_core::passport::PassportId;

use super::authority::{Authority, BUNDLE, FEED, LIFE, NAME, NOW, ROOT, STRANGER};

/// SplitMix64: repeatable, and fast.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `sides` − 1.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }
}

/// One frame as it is sent.
#[derive(Clone, Debug)]
struct Sent {
    text: String,
    frame: Frame,
    at: Timestamp,
}

/// An honest history: its frames in order, the last one a heartbeat, and what is in force after
/// each event.
#[derive(Clone, Debug)]
pub(crate) struct History {
    authority: Authority,
    sent: Vec<Sent>,
    truth: Vec<Vec<Entry>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attack {
    None,
    Drop,
    Reorder,
    Edit,
    Replay,
    ForeignKey,
    ForeignAuthority,
    Expire,
    Rollback,
    Fork,
}

impl Attack {
    pub(crate) const ALL: [Attack; 10] = [
        Self::None,
        Self::Drop,
        Self::Reorder,
        Self::Edit,
        Self::Replay,
        Self::ForeignKey,
        Self::ForeignAuthority,
        Self::Expire,
        Self::Rollback,
        Self::Fork,
    ];
}

/// How it went. Whatever must not happen panics instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// An alert was raised.
    Alert,
    /// Nothing was said, and what the follower knows has lapsed, or nobody ever vouched for it.
    Stale,
    /// Nothing was said, and nothing was lost: the follower knows what the authority does.
    Harmless,
}

fn target(dice: &mut Dice) -> Target {
    let id = |n| PassportId::parse(&format!("asp_{n:032x}")).unwrap();
    match dice.roll(6) {
        0..4 => Target::Passport(id(dice.roll(6))),
        4 => Target::Tenant(format!("tenant-{}", dice.roll(3))),
        _ => Target::Agent {
            tenant: "acme".to_owned(),
            name: format!("agent-{}", dice.roll(3)),
        },
    }
}

fn action(dice: &mut Dice, now: Timestamp) -> Action {
    let target = target(dice);
    let subject = !matches!(target, Target::Tenant(_));
    match dice.roll(8) {
        0..3 => Action::Revoke(target),
        3 | 4 => Action::Suspend {
            until: (dice.roll(2) == 0).then(|| now.plus(Duration::from_secs(3600))),
            target,
        },
        5 | 6 => Action::Reinstate {
            target,
            lifts: Lifts::Suspend,
        },
        _ if subject => Action::TrustChange {
            target,
            level: TrustLevel::ALL[dice.roll(5) as usize],
        },
        _ => match target {
            Target::Tenant(tenant) if dice.roll(2) == 0 => Action::PolicyChange {
                policy: Digest::of(&[dice.roll(3) as u8]),
                tenant: Some(tenant),
            },
            Target::Tenant(tenant) if dice.roll(2) == 0 => Action::VerdictChange {
                verdicts: Digest::of(&[dice.roll(3) as u8]),
                tenant,
            },
            target => Action::Stop(target),
        },
    }
}

/// The model of what is in force, which knows nothing of how the follower does it.
fn in_force(events: &[Event]) -> Vec<Entry> {
    let mut held: BTreeMap<(u8, Target), Held> = BTreeMap::new();
    for event in events {
        match event.action().unwrap().clone() {
            Action::Revoke(target) => drop(held.insert((0, target), Held::Revoked)),
            Action::Suspend { target, until } => {
                held.insert((1, target), Held::Suspended(until));
            }
            Action::Reinstate { target, .. } => drop(held.remove(&(1, target))),
            Action::Stop(target) => drop(held.insert((3, target), Held::Stopped)),
            Action::TrustChange { target, level } => {
                held.insert((5, target), Held::Level(level));
            }
            Action::PolicyChange { tenant, policy } => {
                let tenant = Target::Tenant(tenant.unwrap());
                held.insert((6, tenant), Held::Policy(policy));
            }
            Action::VerdictChange { tenant, verdicts } => {
                let tenant = Target::Tenant(tenant);
                held.insert((7, tenant), Held::Verdicts(verdicts));
            }
            other => unreachable!("{other:?}"),
        }
    }
    let entries = held.into_iter();
    entries
        .map(|((_, target), held)| Entry { target, held })
        .collect()
}

impl History {
    pub(crate) fn generate(dice: &mut Dice) -> Self {
        let mut authority = Authority::new(NAME, 1);
        let mut sent = Vec::new();
        let mut now = NOW;
        let mut send = |authority: &Authority, after, to, at, life| {
            let text = authority.frame(after, to, at, life);
            let frame = authority.verified(&text);
            sent.push(Sent { text, frame, at });
        };
        for _ in 0..4 + dice.roll(8) {
            now = now.plus(Duration::from_millis(50 + dice.roll(5000)));
            let after = authority.seq();
            for _ in 0..dice.roll(5) {
                authority.commit(&action(dice, now), now);
            }
            // More than one frame takes: the first vouches for nothing.
            let to = authority.seq();
            if to > after + 2 {
                send(&authority, after, after + 2, now, Duration::ZERO);
                send(&authority, after + 2, to, now, LIFE);
            } else {
                send(&authority, after, to, now, LIFE);
            }
        }
        now = now.plus(Duration::from_secs(1));
        send(&authority, authority.seq(), authority.seq(), now, LIFE);
        let truth = (0..=authority.events.len()).map(|to| in_force(&authority.events[..to]));
        Self {
            truth: truth.collect(),
            authority,
            sent,
        }
    }

    fn position(&self, epoch: u64) -> Position {
        Position {
            epoch,
            seq: self.authority.seq(),
            chain: *self.authority.chains.last().unwrap(),
        }
    }
}

/// One run: a follower, and what it must not forget.
struct Run<'h> {
    history: &'h History,
    follower: Follower,
    now: Timestamp,
    must: BTreeSet<Target>,
    alerts: usize,
    /// The feed key itself lies, so that nobody can say which history is the authority's.
    forked: bool,
}

/// Lets the adversary loose on one history, then mends what it broke.
pub(crate) fn attacked(history: &History, attack: Attack, dice: &mut Dice) -> Seen {
    let mut run = Run {
        history,
        follower: Follower::new(NAME),
        now: NOW,
        must: BTreeSet::new(),
        alerts: 0,
        forked: attack == Attack::Fork,
    };
    run.follower.start(1);
    let last = history.sent.len() as u64 - 1;
    let cut = (1 + dice.roll(last)) as usize;
    for sent in &history.sent[..cut] {
        run.honest(sent);
    }
    run.attack(attack, cut, dice);
    let seen = run.seen();
    if attack == Attack::None {
        assert_eq!((run.alerts, seen), (0, Seen::Harmless), "a false alarm");
    }
    run.mend();
    seen
}

impl Run<'_> {
    /// In order, and in time: never an alarm.
    fn honest(&mut self, sent: &Sent) {
        self.now = sent.at;
        let progress = self.follower.hear(Ok(&sent.frame), self.now);
        self.note(&sent.frame);
        match progress {
            Ok(Progress::Moved(events)) => assert_eq!(events, sent.frame.events()),
            Ok(Progress::Heartbeat) => assert!(sent.frame.events().is_empty()),
            other => panic!("a false alarm: {other:?}"),
        }
        let expected = if sent.frame.vouches() || self.follower.state(self.now) == State::Live {
            State::Live
        } else {
            self.follower.state(self.now)
        };
        assert_eq!(self.follower.state(self.now), expected);
        let seq = sent.frame.to() as usize;
        let entries: Vec<Entry> = self.follower.blocks().entries().collect();
        assert_eq!(entries, self.history.truth[seq]);
        self.holds();
    }

    fn hear(&mut self, frame: Result<&Frame, FeedError>) {
        let before = self.follower.position();
        if let Ok(frame) = frame
            && frame.authority() == NAME
        {
            self.note(frame);
        }
        if self.follower.hear(frame, self.now).is_err() {
            self.alerts += 1;
            assert_eq!(self.follower.position(), before, "it moved on an alert");
            assert!(self.follower.wants().is_some());
        }
        self.holds();
    }

    /// As bytes, through reading and verification.
    fn receive(&mut self, text: &str) {
        let frame = Unverified::read(text).and_then(|frame| frame.verify(&BUNDLE));
        self.hear(frame.as_ref().map_err(|error| *error));
    }

    fn note(&mut self, frame: &Frame) {
        let revoked = frame
            .events()
            .iter()
            .filter_map(|event| match event.action() {
                Some(Action::Revoke(target)) => Some(target.clone()),
                _ => None,
            });
        self.must.extend(revoked);
    }

    /// What must hold at any time.
    fn holds(&self) {
        let revoked = |target: &Target| {
            let block = self.follower.blocks().target(target, self.now);
            block == Some(mcps_client::follower::Block::Revoked)
        };
        assert!(self.must.iter().all(revoked), "a revocation was lost");
        if self.forked {
            return;
        }
        let at = self.follower.position().unwrap();
        let chain = &self.history.authority.chains[at.seq as usize];
        assert_eq!(&at.chain, chain, "another history was followed");
        // What it claims to know of, it knows.
        if let Some(fresh) = self.follower.freshness(self.now) {
            let vouched = self.now.minus(fresh.age);
            let mut missed = self.history.authority.events[at.seq as usize..].iter();
            assert!(missed.all(|event| event.at() > vouched), "fresh by mistake");
        }
    }

    fn rest(&mut self, from: usize) {
        let history = self.history;
        for sent in history.sent.iter().skip(from) {
            self.now = self.now.max(sent.at);
            self.hear(Ok(&sent.frame));
        }
    }

    fn attack(&mut self, attack: Attack, cut: usize, dice: &mut Dice) {
        let history = self.history;
        let Some(next) = history.sent.get(cut) else {
            return;
        };
        let (after, to) = (next.frame.before(), next.frame.to());
        match attack {
            Attack::None => {
                for sent in &history.sent[cut..] {
                    self.honest(sent);
                }
                return;
            }
            Attack::Drop => return self.rest(cut + 1),
            Attack::Reorder => {
                if let Some(later) = history.sent.get(cut + 1) {
                    self.now = later.at;
                    self.hear(Ok(&later.frame));
                }
                self.hear(Ok(&next.frame));
                return self.rest(cut + 2);
            }
            Attack::Edit => {
                self.now = next.at;
                let mut bytes = next.text.clone().into_bytes();
                let at = dice.roll(bytes.len() as u64) as usize;
                bytes[at] = 32 + dice.roll(95) as u8;
                self.receive(&String::from_utf8(bytes).unwrap());
                return self.rest(cut + 1);
            }
            Attack::Replay => {
                let old = &history.sent[dice.roll(cut as u64) as usize];
                self.hear(Ok(&old.frame));
            }
            Attack::ForeignKey => {
                let text = history
                    .authority
                    .signed_by(&STRANGER, after, to, self.now, LIFE);
                self.receive(&text);
            }
            Attack::ForeignAuthority => {
                let other = Authority::new("other.example", 1);
                self.receive(&other.heartbeat(self.now));
            }
            Attack::Expire => {
                self.now = next
                    .at
                    .plus(LIFE + Duration::from_millis(dice.roll(60_000)));
                self.hear(Ok(&next.frame));
                return;
            }
            Attack::Rollback => {
                let have = self.follower.position().unwrap().seq;
                if have > 0 {
                    let to = dice.roll(have);
                    let iat = self.now.plus(Duration::from_millis(1));
                    self.receive(&history.authority.frame(to, to, iat, LIFE));
                }
            }
            Attack::Fork => self.fork(dice),
        }
        self.rest(cut);
    }

    /// The feed key tells another history, from somewhere at or before the position on.
    fn fork(&mut self, dice: &mut Dice) {
        let have = self.follower.position().unwrap().seq;
        let since = have - dice.roll(have.min(3) + 1);
        let mut other = self.history.authority.clone();
        other.events.truncate(since as usize);
        other.chains.truncate(since as usize + 1);
        let id = PassportId::parse(&format!("asp_{:032x}", 77)).unwrap();
        for _ in since..=have.max(since) {
            other.commit(&Action::Revoke(Target::Passport(id.clone())), self.now);
        }
        let text = other.signed_by(&FEED, since, other.seq(), self.now, LIFE);
        self.receive(&text);
    }

    fn seen(&self) -> Seen {
        if self.alerts > 0 {
            return Seen::Alert;
        }
        let fresh = self.follower.freshness(self.now);
        if fresh.is_none_or(|fresh| fresh.lapsed) {
            return Seen::Stale;
        }
        let authority = &self.history.authority;
        let at = self.follower.position().unwrap();
        assert_eq!(at.seq, authority.seq(), "neither detected nor harmless");
        assert_eq!(Some(&at.chain), authority.chains.last());
        let entries: Vec<Entry> = self.follower.blocks().entries().collect();
        assert_eq!(Some(&entries), self.history.truth.last());
        Seen::Harmless
    }

    /// Whatever happened, what the follower asks for brings it back to what the authority knows.
    fn mend(&mut self) {
        let authority = &self.history.authority;
        let divided = self.follower.wants() > Some(Resync::Resume);
        if divided {
            let snapshot = self.snapshot(1);
            if let Err(alert) = self.follower.adopt(&snapshot, self.now) {
                assert!(
                    self.forked && matches!(alert, Alert::Behind { .. } | Alert::Forked { .. })
                );
                self.turn();
                return;
            }
        } else {
            let at = self.follower.resume().unwrap();
            // Heartbeats are not kept for those who catch up.
            let kept = |sent: &&Sent| sent.frame.to() > at.seq && !sent.frame.events().is_empty();
            for sent in self.history.sent.iter().filter(kept) {
                self.now = self.now.max(sent.at);
                let heard = self.follower.hear(Ok(&sent.frame), self.now);
                assert!(heard.is_ok(), "catching up: {heard:?}");
            }
        }
        self.now = self.now.plus(Duration::from_secs(1));
        let closing = authority.verified(&authority.heartbeat(self.now));
        let heard = self.follower.hear(Ok(&closing), self.now);
        assert!(heard.is_ok(), "mending: {heard:?}");
        assert_eq!(self.follower.position(), Some(self.history.position(1)));
        assert_eq!(self.follower.state(self.now), State::Live);
        self.holds();
        if !divided {
            let entries: Vec<Entry> = self.follower.blocks().entries().collect();
            assert_eq!(Some(&entries), self.history.truth.last());
        }
    }

    fn snapshot(&self, epoch: u64) -> Snapshot {
        Snapshot {
            authority: NAME.to_owned(),
            position: self.history.position(epoch),
            iat: self.now,
            fresh_until: self.now.plus(LIFE),
            entries: self.history.truth.last().unwrap().clone(),
        }
    }

    /// The fork is longer than the history: only the root can end that.
    fn turn(&mut self) {
        let at = self.history.position(1);
        let epoch = Epoch {
            authority: NAME.to_owned(),
            epoch: 2,
            previous_epoch: 1,
            seq: at.seq,
            chain: at.chain,
            iat: self.now,
        };
        self.follower
            .turn(&epoch.sign(&*ROOT).unwrap(), &BUNDLE)
            .unwrap();
        let snapshot = self.snapshot(2);
        self.follower.adopt(&snapshot, self.now).unwrap();
        self.holds();
    }
}
