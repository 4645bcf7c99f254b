use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, SystemClock};
use mcps_core::key::{KeyId, SecretKey};
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer;
use serde_json::{Map, Value, json};

use super::Examiner;
use crate::call::sample::call;
use crate::events::Failure;
use crate::events::follow::{Found, all};
use crate::frame;
use crate::record::{Keep, Outcome, Recorder};
use crate::segment::{Piece, Pieces, Record, Segment};

const KEEP: Keep = Keep {
    segment_bytes: 1 << 20,
    bytes: 1 << 30,
    age: Duration::from_secs(3600),
};

/// What a gateway has recorded, and somebody who may write to its files.
struct Stand {
    folder: tempfile::TempDir,
    key: Arc<SecretKey>,
}

impl Stand {
    fn new() -> Self {
        let stand = Self {
            folder: tempfile::tempdir().unwrap(),
            key: Arc::new(SecretKey::generate(&SystemRandom).unwrap()),
        };
        stand.runs();
        stand
    }

    /// A run of ten calls.
    fn runs(&self) {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let signer: Arc<dyn Signer> = Arc::<SecretKey>::clone(&self.key);
        let lines = self.folder.path().join("lines");
        let recorder = Recorder::open(self.folder.path(), KEEP, Some(&lines), Some(signer), clock);
        let recorder = recorder.unwrap();
        for number in 0..10 {
            recorder.outcome(&call(&number.to_string(), "{}"), &Outcome::Left);
        }
    }

    fn path(&self) -> PathBuf {
        Segment::of(self.folder.path()).unwrap().remove(0).path
    }

    /// The bodies of all records, changed and written back with good checksums.
    fn forge(&self, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let bytes = fs::read(self.path()).unwrap();
        let mut bodies: Vec<Vec<u8>> = Pieces::of(&bytes)
            .map(|(_, piece)| match piece {
                Piece::Record(body) => body.to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        change(&mut bodies);
        let mut bytes = Vec::new();
        for body in bodies {
            frame::put(&body, &mut bytes);
        }
        fs::write(self.path(), bytes).unwrap();
    }

    fn examine_with(&self, keys: Vec<KeyId>) -> Examiner {
        let mut examiner = Examiner::new(keys);
        all(self.folder.path(), 0, |found| {
            match found {
                Found::Record(record) => examiner.record(&record),
                Found::Damaged(path, at, len) => examiner.damaged(&path, at, len),
                Found::Torn(..) => {}
            }
            Ok::<(), Failure>(())
        })
        .unwrap();
        examiner.finish()
    }

    fn examine(&self) -> Examiner {
        self.examine_with(vec![self.key.public_key().key_id().clone()])
    }

    fn faults(&self) -> Vec<(u64, &'static str)> {
        let examiner = self.examine();
        let faults = examiner.faults.iter();
        faults.map(|fault| (fault.record, fault.kind)).collect()
    }
}

/// The same record with another decision id.
fn changed(body: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(body).unwrap();
    let other = text.replace(r#""decision_id":"""#, r#""decision_id":"x""#);
    assert_ne!(text, other);
    other.into_bytes()
}

#[test]
fn what_nobody_touched_is_whole_and_signed_to_its_end() {
    let stand = Stand::new();
    stand.runs();
    let examiner = stand.examine();
    assert_eq!(examiner.faults, []);
    let (signed, _) = examiner.signed.unwrap();
    assert_eq!(signed + 1, examiner.records, "the last is the signature");
    assert!(examiner.closed && examiner.broken_off == 0);
}

#[test]
fn a_record_that_was_changed_is_named() {
    let stand = Stand::new();
    stand.forge(|bodies| bodies[5] = changed(&bodies[5]));
    assert_eq!(stand.faults(), [(6, "changed")]);
}

#[test]
fn a_byte_that_was_changed_is_found_where_it_is() {
    let stand = Stand::new();
    let mut bytes = fs::read(stand.path()).unwrap();
    let (at, _) = Pieces::of(&bytes).nth(5).unwrap();
    bytes[at + 40] ^= 1;
    fs::write(stand.path(), &bytes).unwrap();
    assert_eq!(stand.faults(), [(6, "damaged")]);
}

#[test]
fn records_that_were_cut_out_are_named() {
    let stand = Stand::new();
    stand.forge(|bodies| drop(bodies.drain(4..7)));
    let examiner = stand.examine();
    assert_eq!(examiner.faults.len(), 1);
    assert!(
        examiner.faults[0]
            .says
            .contains("records 5 to 7 are missing")
    );
    let stand = Stand::new();
    stand.forge(|bodies| drop(bodies.drain(..2)));
    assert_eq!(stand.faults(), [(3, "cut")]);
}

#[test]
fn a_record_that_was_put_between_is_named() {
    let stand = Stand::new();
    stand.forge(|bodies| {
        let copy = bodies[5].clone();
        bodies.insert(8, copy);
    });
    assert_eq!(stand.faults(), [(6, "inserted")]);
}

#[test]
fn records_that_changed_places_are_named() {
    let stand = Stand::new();
    stand.forge(|bodies| bodies.swap(5, 6));
    assert_eq!(stand.faults(), [(6, "reordered")]);
}

/// Whoever may write the files, but not sign, makes a chain that fits.
fn refit(bodies: &mut [Vec<u8>]) {
    let mut last: Option<(u64, mcps_core::digest::Digest)> = None;
    for body in bodies {
        let record = Record::read(body).unwrap();
        let mut said: Map<String, Value> = record.body.clone();
        said.remove("seq");
        said.remove("previous");
        let (seq, previous) = last.map_or((record.seq, record.previous), |(seq, digest)| {
            (seq + 1, digest)
        });
        let text = Record::write(seq, &previous, &Value::Object(said).to_string());
        last = Some((seq, mcps_core::digest::Digest::of(text.as_bytes())));
        *body = text.into_bytes();
    }
}

#[test]
fn a_chain_that_was_made_to_fit_again_is_not_what_was_signed() {
    for change in [
        (|bodies: &mut Vec<Vec<u8>>| bodies[5] = changed(&bodies[5])) as fn(&mut Vec<Vec<u8>>),
        |bodies| drop(bodies.remove(5)),
        |bodies| bodies.insert(5, bodies[6].clone()),
        |bodies| bodies.swap(5, 6),
    ] {
        let stand = Stand::new();
        stand.forge(|bodies| {
            change(bodies);
            refit(bodies);
        });
        let faults = stand.faults();
        assert!(!faults.is_empty(), "{faults:?}");
        assert!(
            faults.iter().all(|(_, kind)| *kind == "changed"),
            "{faults:?}"
        );
    }
}

#[test]
fn a_checkpoint_of_another_key_or_of_none_vouches_for_nothing() {
    let stand = Stand::new();
    let other = SecretKey::generate(&SystemRandom).unwrap();
    let examiner = stand.examine_with(vec![other.public_key().key_id().clone()]);
    assert!(examiner.faults.iter().any(|fault| fault.kind == "foreign"));
    assert!(examiner.signed.is_none());
    stand.forge(|bodies| {
        bodies.retain(|body| Record::read(body).unwrap().event() != "checkpoint");
        refit(bodies);
    });
    assert_eq!(stand.faults(), [(1, "unsigned")]);
    stand.forge(|bodies| {
        let forged = json!({"event": "checkpoint", "checkpoint": {"seq": 3}});
        let first = Record::read(&bodies[0]).unwrap();
        let record = Record::write(99, &first.digest, &forged.to_string());
        bodies.push(record.into_bytes());
        refit(bodies);
    });
    assert!(stand.faults().iter().any(|(_, kind)| *kind == "changed"));
}

#[test]
fn an_end_that_was_cut_off_is_said_to_be_no_end() {
    let stand = Stand::new();
    stand.forge(|bodies| bodies.truncate(8));
    assert!(!stand.examine().closed);
    stand.runs();
    assert_eq!(stand.examine().broken_off, 1);
}
