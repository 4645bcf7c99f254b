use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use serde_json::json;

use super::{Found, Log};
use crate::record::Keep;
use crate::segment::{NOTHING, Piece, Pieces, Record, Segment};

const KEEP: Keep = Keep {
    segment_bytes: 1000,
    bytes: 1_000_000,
    age: Duration::from_secs(7 * 24 * 3600),
};

fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn open(folder: &Path) -> (Log, Found) {
    Log::open(folder, KEEP, now()).unwrap()
}

fn put(log: &mut Log, number: u64) {
    let said = json!({"event": "test", "number": number}).to_string();
    log.append(&said, now()).unwrap();
}

/// All records, and that they are a chain.
fn chain(folder: &Path) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for segment in Segment::of(folder).unwrap() {
        let bytes = fs::read(&segment.path).unwrap();
        for (_, piece) in Pieces::of(&bytes) {
            let Piece::Record(body) = piece else {
                panic!("{piece:?}");
            };
            records.push(Record::read(body).unwrap());
        }
    }
    let mut last = (records[0].seq - 1, records[0].previous);
    for record in &records {
        assert_eq!((record.seq, record.previous), (last.0 + 1, last.1));
        last = (record.seq, record.digest);
    }
    records
}

#[test]
fn records_are_one_chain_over_segments_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let (mut log, found) = open(folder.path());
        assert_eq!(found, Found::default());
        for number in 0..10 {
            put(&mut log, run * 10 + number);
        }
    }
    assert!(Segment::of(folder.path()).unwrap().len() > 2);
    let records = chain(folder.path());
    assert_eq!((records[0].seq, records[0].previous), (1, NOTHING));
    let numbers: Vec<u64> = records
        .iter()
        .filter(|record| record.event() == "test")
        .map(|record| record.body["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
}

#[test]
fn an_end_that_was_torn_off_is_put_aside_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path());
    put(&mut log, 1);
    drop(log);
    let path = Segment::of(folder.path()).unwrap()[0].path.clone();
    let torn = b"half a record";
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(torn).unwrap();
    let (mut log, found) = open(folder.path());
    let (bytes, aside) = found.torn.unwrap();
    assert_eq!(bytes, 13);
    assert_eq!(fs::read(aside).unwrap(), torn);
    put(&mut log, 2);
    assert_eq!(chain(folder.path()).len(), 3);
}

#[test]
fn a_segment_of_which_nothing_is_left_does_not_end_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path());
    while Segment::of(folder.path()).unwrap().len() < 2 {
        put(&mut log, 1);
    }
    drop(log);
    let path = Segment::of(folder.path()).unwrap()[1].path.clone();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(0).unwrap();
    let (mut log, _) = open(folder.path());
    put(&mut log, 2);
    chain(folder.path());
}

#[test]
fn damage_before_the_end_is_found_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path());
    put(&mut log, 1);
    put(&mut log, 2);
    drop(log);
    let path = Segment::of(folder.path()).unwrap()[0].path.clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (_, found) = open(folder.path());
    assert_eq!(found.damaged, [0]);
    assert_eq!(found.torn, None);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn what_could_not_be_written_is_said_as_soon_as_something_can() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path());
    put(&mut log, 1);
    let good = log.file.try_clone().unwrap();
    log.replace(File::open("/dev/null").unwrap());
    let said = json!({"event": "test"}).to_string();
    for _ in 0..3 {
        log.fresh = false;
        assert!(log.append(&said, now()).is_err());
    }
    log.fresh = false;
    log.replace(good);
    put(&mut log, 5);
    let records = chain(folder.path());
    let gap = &records[2];
    assert_eq!((gap.event(), &gap.body["lost"]), ("gap", &json!(3)));
    assert_eq!(records[3].body["number"], 5);
}

#[test]
fn a_piece_that_could_not_be_taken_back_never_stands_before_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path());
    put(&mut log, 1);
    // A part of a record came to the disk, nothing could be done about it, and no other file begun.
    let path = Segment::of(folder.path()).unwrap()[0].path.clone();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"\0\0\0\x40half").unwrap();
    log.spoilt = true;
    put(&mut log, 2);
    assert_eq!(chain(folder.path()).len(), 3);
}

#[test]
fn the_oldest_segments_go_when_there_is_more_than_is_kept_and_the_last_never() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        bytes: 3000,
        ..KEEP
    };
    let (mut log, _) = Log::open(folder.path(), keep, now()).unwrap();
    for number in 0..100 {
        put(&mut log, number);
        let sizes = Segment::of(folder.path()).unwrap();
        let bytes: u64 = sizes
            .iter()
            .map(|segment| fs::metadata(&segment.path).unwrap().len())
            .sum();
        assert!(bytes < 4200, "{bytes}");
    }
    let records = chain(folder.path());
    assert!(records[0].seq > 50 && records[0].event() == "segment");
    log.prune(now().plus(Duration::from_secs(3650 * 24 * 3600)));
    assert_eq!(Segment::of(folder.path()).unwrap().len(), 1);
    put(&mut log, 101);
    chain(folder.path());
}

#[test]
fn a_segment_is_begun_each_day_and_kept_for_as_long_as_is_said() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path());
    let mut at = now();
    let said = json!({"event": "test"}).to_string();
    for _ in 0..20 {
        log.append(&said, at).unwrap();
        at = at.plus(DAY);
    }
    let first = Segment::of(folder.path()).unwrap()[0].begun().unwrap();
    let age = at.since(first) / 86_400_000;
    assert_eq!(age, 9, "a day of its own, seven after its end");
}
