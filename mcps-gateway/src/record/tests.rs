use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, SystemClock};

use super::{Keep, Need, Outcome, RecordError, Recorder};
use crate::call::sample::call;
use crate::judge::Permit;
use crate::segment::{Piece, Pieces, Record, Segment};

const KEEP: Keep = Keep {
    segment_bytes: 1_000_000,
    bytes: 10_000_000,
    age: Duration::from_secs(3600),
};

fn recorder(folder: &tempfile::TempDir) -> Recorder {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let lines = folder.path().join("lines");
    Recorder::open(folder.path(), KEEP, Some(&lines), None, clock).unwrap()
}

fn records(folder: &tempfile::TempDir) -> Vec<Record> {
    let segment = Segment::of(folder.path()).unwrap().remove(0);
    let bytes = fs::read(segment.path).unwrap();
    let bodies = Pieces::of(&bytes).map(|(_, piece)| match piece {
        Piece::Record(body) => Record::read(body).unwrap(),
        other => panic!("{other:?}"),
    });
    bodies.collect()
}

#[tokio::test]
async fn a_decision_is_in_the_file_when_the_call_goes_on_and_an_outcome_when_its_answer_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(&folder);
    let call = call("s", r#"{"password":"hunter2"}"#);
    let permit = Permit::default();
    for need in [Need::Written, Need::Durable] {
        let before = records(&folder).len();
        let recorded = recorder.decision(&call, Ok(&permit), need).await;
        recorded.unwrap();
        assert_eq!(records(&folder)[before].event(), "decision");
    }
    recorder.outcome(&call, &Outcome::Left);
    assert_eq!(records(&folder).last().unwrap().event(), "outcome");
    drop(recorder);
    let all = records(&folder);
    let events: Vec<&str> = all.iter().map(Record::event).collect();
    let expected = [
        "segment", "started", "decision", "decision", "outcome", "stopped",
    ];
    assert_eq!(events, expected);
    let lines = fs::read_to_string(folder.path().join("lines")).unwrap();
    assert_eq!(lines.lines().count(), 5);
    assert!(!lines.contains("hunter2"), "no argument is on record");
}

#[tokio::test]
async fn what_cannot_be_written_is_an_error_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(&folder);
    let call = call("s", "{}");
    let permit = Permit::default();
    recorder.disk.replace(File::open("/dev/null").unwrap());
    let recorded = recorder.decision(&call, Ok(&permit), Need::Durable).await;
    assert_eq!(recorded, Err(RecordError::Unwritable));
    // Since the file could not be mended either, the next record is in another.
    let recorded = recorder.decision(&call, Ok(&permit), Need::Durable).await;
    recorded.unwrap();
    assert_eq!(Segment::of(folder.path()).unwrap().len(), 2);
}
