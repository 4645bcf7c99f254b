//! Holds records against their chain and against what the gateway has signed, one after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::key::KeyId;

use crate::record::checkpoint::Checkpoint;
use crate::segment::Record;

/// For how long records may be without a signature. The gateway signs every second.
const UNSIGNED: Duration = Duration::from_secs(60);

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The record, or the first of them.
    pub(crate) record: u64,
    /// `changed`, `cut`, `inserted`, `reordered`, `damaged`, `unsigned` or `foreign`.
    pub(crate) kind: &'static str,
    /// In a sentence.
    pub(crate) says: String,
}

/// Records of which there are none.
struct Gap {
    last: u64,
    /// Bytes that are no record stand in their place.
    damaged: Option<String>,
}

/// Goes over records.
pub(crate) struct Examiner {
    keys: Vec<KeyId>,
    pub(crate) records: u64,
    pub(crate) first: Option<u64>,
    /// The record that is next, and the digest of the one before.
    expected: Option<(u64, Digest)>,
    pub(crate) faults: Vec<Fault>,
    gaps: BTreeMap<u64, Gap>,
    /// Bytes that are no record, since the last record.
    damaged: Option<String>,
    /// Digests since the last checkpoint that held.
    digests: BTreeMap<u64, Digest>,
    /// The first record and time that nothing vouches for yet.
    unsigned: Option<(u64, Timestamp)>,
    /// Up to which record it is signed, and by which key.
    pub(crate) signed: Option<(u64, KeyId)>,
    /// The last record says that it is the end.
    pub(crate) closed: bool,
    /// Runs that ended without a word.
    pub(crate) broken_off: u64,
}

impl Examiner {
    /// That believes these keys.
    pub(crate) const fn new(keys: Vec<KeyId>) -> Self {
        Self {
            keys,
            records: 0,
            first: None,
            expected: None,
            faults: Vec::new(),
            gaps: BTreeMap::new(),
            damaged: None,
            digests: BTreeMap::new(),
            unsigned: None,
            signed: None,
            closed: true,
            broken_off: 0,
        }
    }

    fn fault(&mut self, record: u64, kind: &'static str, says: String) {
        self.faults.push(Fault { record, kind, says });
    }

    /// Bytes that are no record.
    pub(crate) fn damaged(&mut self, path: &Path, at: u64, len: usize) {
        self.damaged = Some(format!("{len} bytes at {at} of {}", path.display()));
    }

    /// The next record as it lies.
    pub(crate) fn record(&mut self, record: &Record) {
        self.records += 1;
        let damaged = self.damaged.take();
        let seq = record.seq;
        match self.expected {
            None => self.begins(record, damaged),
            Some((next, last)) if seq == next => {
                if record.previous != last {
                    self.fault(
                        seq.saturating_sub(1),
                        "changed",
                        format!("record {} is not the one that record {seq} was written after: it was changed", seq.saturating_sub(1)),
                    );
                }
                if let Some(damaged) = damaged {
                    self.fault(
                        seq,
                        "damaged",
                        format!("{damaged}, before record {seq}, are no record"),
                    );
                }
            }
            Some((next, _)) if seq > next => {
                let last = seq.saturating_sub(1);
                self.gaps.insert(next, Gap { last, damaged });
            }
            Some((next, _)) => {
                self.stray(seq, next);
                return;
            }
        }
        self.expected = Some((seq.saturating_add(1), record.digest));
        self.digests.insert(seq, record.digest);
        self.run(record);
        match record.event() {
            "checkpoint" => self.checkpoint(record),
            _ => self.unsigned(record),
        }
    }

    fn begins(&mut self, record: &Record, damaged: Option<String>) {
        self.first = Some(record.seq);
        if record.event() != "segment" || damaged.is_some() {
            self.fault(
                record.seq,
                "cut",
                format!(
                    "what stood before record {} was cut off: a segment begins otherwise",
                    record.seq
                ),
            );
        }
    }

    /// A record whose place was before.
    fn stray(&mut self, seq: u64, next: u64) {
        let gap = self.gaps.range(..=seq).next_back();
        let gap = gap.filter(|(_, gap)| gap.last >= seq);
        let Some((first, last)) = gap.map(|(first, gap)| (*first, gap.last)) else {
            let before = next.saturating_sub(1);
            self.fault(seq, "inserted", format!("another record {seq} stands behind record {before}: one of the two was inserted"));
            return;
        };
        self.gaps.remove(&first);
        for (first, last) in [
            (first, seq.saturating_sub(1)),
            (seq.saturating_add(1), last),
        ] {
            if first <= last {
                let damaged = None;
                self.gaps.insert(first, Gap { last, damaged });
            }
        }
        let before = next.saturating_sub(1);
        self.fault(
            seq,
            "reordered",
            format!("record {seq} stands behind record {before}: they were re-ordered"),
        );
    }

    fn run(&mut self, record: &Record) {
        match record.event() {
            "started" => {
                self.broken_off += u64::from(!self.closed && self.records > 2);
                // Nobody signed while nobody ran.
                self.unsigned = None;
                self.closed = false;
            }
            "stopped" => self.closed = true,
            // The last signature comes after the last word.
            "checkpoint" | "segment" => {}
            _ => self.closed = false,
        }
    }

    fn unsigned(&mut self, record: &Record) {
        let Some(at) = record.at() else {
            return;
        };
        match self.unsigned {
            None => self.unsigned = Some((record.seq, at)),
            Some((first, since)) if at > since.plus(UNSIGNED) => {
                self.fault(
                    first,
                    "unsigned",
                    format!("from record {first} on nothing is signed for more than a minute"),
                );
                self.unsigned = Some((record.seq, at));
            }
            Some(_) => {}
        }
    }

    fn checkpoint(&mut self, record: &Record) {
        let seq = record.seq;
        let Some((checkpoint, key)) = Checkpoint::verify(&record.body) else {
            self.fault(
                seq,
                "changed",
                format!("the checkpoint in record {seq} is not what was signed"),
            );
            return;
        };
        if !self.keys.contains(&key) {
            self.fault(seq, "foreign", format!("the checkpoint in record {seq} is signed by the key {key}, which is not this gateway's; if it had that key before, say so with --key {key}"));
            return;
        }
        let of = checkpoint.seq;
        if self
            .digests
            .get(&of)
            .is_some_and(|digest| *digest != checkpoint.digest)
        {
            let from = self
                .signed
                .as_ref()
                .map_or(1, |(signed, _)| signed.saturating_add(1));
            self.fault(
                from,
                "changed",
                format!(
                    "what stands from record {from} to record {of} is not what the gateway signed"
                ),
            );
        }
        self.digests = self.digests.split_off(&of);
        self.unsigned = None;
        self.signed = Some((of, key));
    }

    /// Says of what is missing that it is, and gives all faults in order.
    pub(crate) fn finish(mut self) -> Self {
        for (first, Gap { last, damaged }) in std::mem::take(&mut self.gaps) {
            let which = match first == last {
                true => format!("record {first} is"),
                false => format!("records {first} to {last} are"),
            };
            match damaged {
                Some(damaged) => self.fault(
                    first,
                    "damaged",
                    format!("{which} no more what was written: {damaged} are no record"),
                ),
                None => self.fault(first, "cut", format!("{which} missing: cut out")),
            }
        }
        if let Some(damaged) = self.damaged.take() {
            let next = self.expected.map_or(1, |(next, _)| next);
            self.fault(next, "damaged", format!("{damaged} are no record"));
        }
        if self.signed.is_none() && self.records > 0 {
            self.fault(
                self.first.unwrap_or(1),
                "unsigned",
                "nothing is signed".to_owned(),
            );
        }
        self.faults.sort_by_key(|fault| fault.record);
        self
    }
}

#[cfg(test)]
mod tests;
