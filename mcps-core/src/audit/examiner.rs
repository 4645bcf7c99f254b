//! Reads every row of a trail in the order in which it lies, and names what is not as it was written.

use std::collections::BTreeMap;

use super::fault::{Fault, MAX_FAULTS, Place, Wrong};
use super::{AuditError, Checkpoint, LANES, Record, genesis};
use crate::digest::Digest;
use crate::trust::TrustBundle;

/// What an examination found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Records that are as they were written.
    pub records: u64,
    /// Checkpoints that verify.
    pub checkpoints: u64,
    /// What is wrong, at most [`MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// How much is wrong.
    pub wrong: u64,
    /// The newest checkpoint that verifies, and its signed text.
    pub newest: Option<(Checkpoint, String)>,
}

impl Examined {
    fn add(&mut self, place: Place, wrong: Wrong) {
        self.wrong = self.wrong.saturating_add(1);
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { place, wrong });
        }
    }
}

/// One examination: first the checkpoints, then lane by lane its rows and its head.
#[derive(Debug)]
pub struct Examiner<'a> {
    bundle: &'a TrustBundle,
    found: Examined,
    /// By lane and number: the digest there, and the checkpoint that says so.
    covered: BTreeMap<(u64, u64), (Digest, u64)>,
    /// The number of the last checkpoint.
    checkpoint: u64,
    lane: Lane,
}

/// Where the reading of a lane stands.
#[derive(Debug)]
struct Lane {
    lane: u64,
    /// The number of the next record.
    next: u64,
    /// The digest of the one before it, if that is known.
    before: Option<Digest>,
    /// Rows since the last good record that nobody signed.
    strange: Vec<(u64, AuditError)>,
    /// Records that did not come in their place: from, to.
    missing: BTreeMap<u64, u64>,
    /// Records by a revoked key that no checkpoint has vouched for yet.
    doubtful: Vec<u64>,
}

impl Lane {
    fn new(authority: &str, lane: u64) -> Self {
        Self {
            lane,
            next: 1,
            before: Some(genesis(authority, lane)),
            strange: Vec::new(),
            missing: BTreeMap::new(),
            doubtful: Vec::new(),
        }
    }

    const fn record(&self, seq: u64) -> Place {
        Place::Record {
            lane: self.lane,
            seq,
        }
    }

    /// Whether that record was missed, which it is not any more.
    fn was_missing(&mut self, seq: u64) -> bool {
        let range = self.missing.range(..=seq).next_back();
        let Some((&from, &to)) = range.filter(|(_, to)| **to >= seq) else {
            return false;
        };
        self.missing.remove(&from);
        if from < seq {
            self.missing.insert(from, seq.saturating_sub(1));
        }
        if seq < to {
            self.missing.insert(seq.saturating_add(1), to);
        }
        true
    }
}

impl<'a> Examiner<'a> {
    /// An examination by the key set of the authority, which must have been verified.
    #[must_use]
    pub fn new(bundle: &'a TrustBundle) -> Self {
        Self {
            bundle,
            found: Examined::default(),
            covered: BTreeMap::new(),
            checkpoint: 0,
            lane: Lane::new(bundle.authority(), 0),
        }
    }

    /// The next checkpoint in the order of `number`, as its row has it.
    pub fn checkpoint(&mut self, number: u64, text: &str) {
        for missing in self.checkpoint.saturating_add(1)..number {
            self.found.add(Place::Checkpoint(missing), Wrong::Cut);
            if self.found.faults.len() == MAX_FAULTS {
                break;
            }
        }
        self.checkpoint = self.checkpoint.max(number);
        match Checkpoint::verify(text, self.bundle) {
            Ok(checkpoint) if checkpoint.number == number => self.keep(checkpoint, text),
            Ok(_) => self.found.add(Place::Checkpoint(number), Wrong::Moved),
            Err(error) => {
                let wrong = Wrong::Edited(error);
                self.found.add(Place::Checkpoint(number), wrong);
            }
        }
    }

    /// A checkpoint that was kept somewhere else, verified, and its text.
    pub fn keep(&mut self, checkpoint: Checkpoint, text: &str) {
        for (lane, (seq, digest)) in (0..).zip(&checkpoint.lanes) {
            if *seq > 0 {
                let said = (*digest, checkpoint.number);
                self.covered.entry((lane, *seq)).or_insert(said);
            }
        }
        self.found.checkpoints += 1;
        let newest = self.found.newest.as_ref();
        if newest.is_none_or(|(newest, _)| newest.number < checkpoint.number) {
            self.found.newest = Some((checkpoint, text.to_owned()));
        }
    }

    /// The next row of the present lane, in the order of the numbers that the rows claim.
    pub fn row(&mut self, claimed: u64, text: &str) -> Option<Record> {
        let record = match Record::verify(text, self.bundle) {
            Ok(record) if record.lane == self.lane.lane => record,
            Ok(_) => {
                let lane = self.lane.lane;
                let place = Place::Row { lane, seq: claimed };
                self.found.add(place, Wrong::Copied);
                return None;
            }
            Err(error) => {
                self.lane.strange.push((claimed, error));
                return None;
            }
        };
        if record.seq < self.lane.next {
            // It was missed at its place, or it was there.
            let place = match self.lane.was_missing(record.seq) {
                true => (self.lane.record(record.seq), Wrong::Moved),
                false => {
                    let lane = self.lane.lane;
                    (Place::Row { lane, seq: claimed }, Wrong::Copied)
                }
            };
            self.found.add(place.0, place.1);
            return Some(record);
        }
        self.settle(record.seq);
        let linked = self.lane.before.is_none_or(|before| before == record.prev);
        if !linked {
            let place = self.lane.record(record.seq);
            self.found.add(place, Wrong::Unlinked);
        }
        if record.by_revoked_key {
            self.lane.doubtful.push(record.seq);
        }
        match self.covered.get(&(self.lane.lane, record.seq)) {
            Some((digest, _)) if *digest == record.digest => self.lane.doubtful.clear(),
            Some((_, number)) => {
                let wrong = Wrong::OtherThanCovered(*number);
                let place = self.lane.record(record.seq);
                self.found.add(place, wrong);
            }
            None => {}
        }
        self.lane.next = record.seq.saturating_add(1);
        self.lane.before = Some(record.digest);
        if linked {
            self.found.records += 1;
        }
        Some(record)
    }

    /// The end of the present lane, and how far its head says that it goes. The next lane follows.
    pub fn end(&mut self, head: Option<(u64, Digest)>) {
        let lane = self.lane.lane;
        let covered = self.covered.range((lane, 0)..=(lane, u64::MAX)).next_back();
        let covered = covered.map_or(0, |((_, seq), _)| *seq);
        // The last good record, before what is missing at the end.
        let ends = self.lane.next.saturating_sub(1);
        let other = |(seq, digest): (u64, Digest)| {
            let before = self.lane.before;
            seq < ends || (seq == ends && before.is_some_and(|before| before != digest))
        };
        if head.is_some_and(other) {
            self.found.add(Place::Head(lane), Wrong::OtherHead);
        }
        // What nobody signed stands where the last ones should, or it was put there.
        let end = covered.max(head.map_or(0, |(seq, _)| seq));
        self.settle(end.saturating_add(1).max(self.lane.next));
        let missing = std::mem::take(&mut self.lane.missing);
        for (from, to) in missing {
            for seq in from..=to {
                self.found.add(self.lane.record(seq), Wrong::Cut);
                if self.found.faults.len() == MAX_FAULTS {
                    let rest = to.saturating_sub(seq);
                    self.found.wrong = self.found.wrong.saturating_add(rest);
                    break;
                }
            }
        }
        for seq in std::mem::take(&mut self.lane.doubtful) {
            self.found.add(self.lane.record(seq), Wrong::RevokedKey);
        }
        self.lane = Lane::new(self.bundle.authority(), lane.saturating_add(1));
    }

    /// What was found, after every lane was read to its end.
    #[must_use]
    pub fn finish(mut self) -> Examined {
        while self.lane.lane < LANES {
            self.end(None);
        }
        self.found
    }

    /// A good record of that number comes, or none any more. Rows that nobody signed stand for those
    /// before it; the rest of either is cut or inserted.
    fn settle(&mut self, seq: u64) {
        let lane = self.lane.lane;
        let gap = seq.saturating_sub(self.lane.next);
        let strange = std::mem::take(&mut self.lane.strange);
        let stands = u64::try_from(strange.len()).unwrap_or(u64::MAX).min(gap);
        for (at, (claimed, error)) in (0..).zip(strange) {
            let (place, wrong) = if at < stands {
                let own = self.lane.next.saturating_add(at);
                (self.lane.record(own), Wrong::Edited(error))
            } else {
                (Place::Row { lane, seq: claimed }, Wrong::Inserted(error))
            };
            self.found.add(place, wrong);
        }
        if gap > stands {
            let from = self.lane.next.saturating_add(stands);
            self.lane.missing.insert(from, seq.saturating_sub(1));
        }
        if gap > 0 {
            self.lane.next = seq;
            self.lane.before = None;
        }
    }
}
