use proptest::prelude::*;

use super::{
    AuditError, Checkpoint, Draft, Examined, Examiner, Fault, LANES, Place, Record, Wrong,
};
use crate::digest::Digest;
use crate::feed::FeedError;
use crate::fixture::{AUTHORITY, NOW, key};
use crate::signer::Signer as _;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

const ROOT: u64 = 100;
const AUDIT: u64 = 110;
const BURNT: u64 = 111;
const TAINTED: u64 = 112;
const FEED: u64 = 113;

fn bundle() -> TrustBundle {
    let keys = [
        (ROOT, KeyUse::Root, KeyState::Active),
        (AUDIT, KeyUse::Audit, KeyState::Active),
        (BURNT, KeyUse::Audit, KeyState::Revoked),
        (TAINTED, KeyUse::Audit, KeyState::Tainted),
        (FEED, KeyUse::Feed, KeyState::Active),
    ]
    .map(|(seed, usage, state)| TrustedKey {
        usage,
        state,
        public_key: key(seed).public_key().clone(),
    });
    let root = key(ROOT);
    let text = TrustBundle::unsigned_json(AUTHORITY, 1, NOW, root.public_key().key_id(), &keys);
    TrustBundle::parse(&text).unwrap()
}

fn draft(lane: u64, seq: u64, prev: Digest) -> Draft<'static> {
    Draft {
        authority: AUTHORITY,
        lane,
        seq,
        prev,
        at: NOW,
        by: "op_1",
        action: "passport.issue",
        subject: "agent-\"1\"",
        detail: &[],
    }
}

/// A lane of so many records, each by the key of that seed.
fn lane_by(lane: u64, seeds: &[u64]) -> Vec<String> {
    let mut prev = super::genesis(AUTHORITY, lane);
    let mut texts = Vec::new();
    for (seq, seed) in (1..).zip(seeds) {
        let text = draft(lane, seq, prev).sign(&key(*seed)).unwrap();
        prev = Digest::of(text.as_bytes());
        texts.push(text);
    }
    texts
}

fn lane(lane: u64, count: usize) -> Vec<String> {
    lane_by(lane, &vec![AUDIT; count])
}

fn head(texts: &[String]) -> (u64, Digest) {
    let genesis = super::genesis(AUTHORITY, 0);
    let last = texts.last();
    let digest = last.map_or(genesis, |text| Digest::of(text.as_bytes()));
    (texts.len() as u64, digest)
}

/// Reads lane 0 alone, each row in the place it has in the list.
fn examine(rows: &[String], head: Option<(u64, Digest)>) -> Examined {
    let bundle = bundle();
    let mut examiner = Examiner::new(&bundle);
    for (claimed, text) in (1..).zip(rows) {
        examiner.row(claimed, text);
    }
    examiner.end(head);
    examiner.finish()
}

fn told(examined: &Examined) -> Vec<String> {
    examined.faults.iter().map(Fault::to_string).collect()
}

fn flip(text: &str) -> String {
    text.replace("op_1", "op_2")
}

fn checkpoint(number: u64, texts: &[String], seed: u64) -> String {
    let mut lanes: Vec<_> = (0..LANES)
        .map(|lane| (0, super::genesis(AUTHORITY, lane)))
        .collect();
    lanes[0] = head(texts);
    let checkpoint = Checkpoint {
        authority: AUTHORITY.to_owned(),
        number,
        at: NOW,
        lanes,
    };
    checkpoint.sign(&key(seed)).unwrap()
}

#[test]
fn a_record_says_what_was_signed() {
    let prev = Digest::of(b"before");
    let detail = [
        ("reason", "policy".to_owned()),
        ("note", "\u{1b}[2J".to_owned()),
    ];
    let draft = Draft {
        detail: &detail,
        ..draft(3, 17, prev)
    };
    let text = draft.sign(&key(AUDIT)).unwrap();
    let record = Record::verify(&text, &bundle()).unwrap();
    assert_eq!((record.lane, record.seq, record.prev), (3, 17, prev));
    assert_eq!(record.subject, "agent-\"1\"");
    assert_eq!(record.detail("note"), Some("\u{1b}[2J"));
    assert_eq!(record.detail("other"), None);
    assert_eq!(record.digest, Digest::of(text.as_bytes()));
}

#[test]
fn nothing_is_believed_that_an_audit_key_did_not_sign() {
    let first = draft(0, 1, super::genesis(AUTHORITY, 0));
    for seed in [ROOT, FEED, 999] {
        let text = first.sign(&key(seed)).unwrap();
        let error = Record::verify(&text, &bundle()).unwrap_err();
        assert_eq!(error, AuditError::ForeignKey);
    }
    let text = first.sign(&key(AUDIT)).unwrap();
    for (from, to, error) in [
        ("op_1", "op_2", AuditError::BadSignature),
        (AUTHORITY, "another", AuditError::ForeignAuthority),
        (
            r#""lane":0"#,
            r#""lane":8"#,
            FeedError::Member("lane").into(),
        ),
        (r#""seq":1"#, r#""seq":0"#, FeedError::Member("seq").into()),
        (
            r#""seq":1"#,
            r#""seq":1,"more":1"#,
            AuditError::UnknownMember,
        ),
        (
            r#""detail":{}"#,
            r#""detail":{"a":1}"#,
            FeedError::Member("detail").into(),
        ),
    ] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text);
        assert_eq!(Record::verify(&edited, &bundle()).unwrap_err(), error);
    }
}

#[test]
fn an_honest_trail_has_no_fault() {
    for count in [0, 1, 5] {
        let rows = lane(0, count);
        for head in [None, Some(head(&rows))] {
            let examined = examine(&rows, head);
            assert_eq!(told(&examined), Vec::<String>::new());
            assert_eq!(examined.records, count as u64);
        }
    }
    let examined = examine(&lane_by(0, &[TAINTED, TAINTED, AUDIT]), None);
    assert_eq!(examined.wrong, 0);
}

#[test]
fn each_kind_of_change_is_named_by_its_record() {
    let rows = lane(0, 5);
    let head = Some(head(&rows));
    let mut edited = rows.clone();
    edited[2] = flip(&rows[2]);
    let fault = "record 0:3: edited: its content is not what was signed";
    assert_eq!(told(&examine(&edited, head)), [fault]);

    let mut cut = rows.clone();
    cut.remove(2);
    let fault = "record 0:3: cut: it is not there";
    assert_eq!(told(&examine(&cut, head)), [fault]);
    assert_eq!(
        told(&examine(&rows[..4], head)),
        ["record 0:5: cut: it is not there"]
    );

    let mut inserted = rows.clone();
    inserted.insert(2, flip(&rows[2]));
    let fault = "row 0:3: inserted: its content is not what was signed";
    assert_eq!(told(&examine(&inserted, head)), [fault]);

    let mut copied = rows.clone();
    copied.insert(3, rows[0].clone());
    let fault = "row 0:4: inserted: a copy of another record";
    assert_eq!(told(&examine(&copied, head)), [fault]);

    let mut moved = rows.clone();
    moved.swap(1, 3);
    let faults = [
        "record 0:3: re-ordered: it stands somewhere else",
        "record 0:2: re-ordered: it stands somewhere else",
    ];
    assert_eq!(told(&examine(&moved, head)), faults);

    let mut of_another_lane = rows.clone();
    of_another_lane[1] = lane(1, 2)[1].clone();
    let faults = [
        "row 0:2: inserted: a copy of another record",
        "record 0:2: cut: it is not there",
    ];
    assert_eq!(told(&examine(&of_another_lane, head)), faults);
}

#[test]
fn two_histories_do_not_fit_together() {
    let rows = lane(0, 4);
    // From a copy of the database that went on by itself.
    let prev = Digest::of(rows[1].as_bytes());
    let mut other = draft(0, 3, prev);
    other.subject = "another";
    let mut mixed = rows.clone();
    mixed[2] = other.sign(&key(AUDIT)).unwrap();
    let fault =
        "record 0:4: it does not continue the one before it; one of them is of another history";
    assert_eq!(told(&examine(&mixed, Some(head(&rows)))), [fault]);
}

#[test]
fn the_head_must_be_the_last_record() {
    let rows = lane(0, 3);
    let fault = "head of lane 0: not where the records end";
    let other = Some((3, Digest::of(b"other")));
    assert_eq!(told(&examine(&rows, other)), [fault]);
    let before = Some(head(&rows[..2]));
    assert_eq!(told(&examine(&rows, before)), [fault]);
}

#[test]
fn a_checkpoint_tells_of_an_end_that_was_cut_off() {
    let bundle = bundle();
    let rows = lane(0, 5);
    let mut examiner = Examiner::new(&bundle);
    examiner.checkpoint(1, &checkpoint(1, &rows, AUDIT));
    for (claimed, text) in (1..).zip(&rows[..3]) {
        examiner.row(claimed, text);
    }
    // Whoever cut them off set the head back as well.
    examiner.end(Some(head(&rows[..3])));
    let examined = examiner.finish();
    let faults = [
        "record 0:4: cut: it is not there",
        "record 0:5: cut: it is not there",
    ];
    assert_eq!(told(&examined), faults);
    assert_eq!(examined.newest.unwrap().0.number, 1);
}

#[test]
fn checkpoints_are_numbered_and_signed() {
    let bundle = bundle();
    let rows = lane(0, 1);
    let mut examiner = Examiner::new(&bundle);
    examiner.checkpoint(1, &checkpoint(1, &rows, AUDIT));
    examiner.checkpoint(
        3,
        &checkpoint(3, &rows, AUDIT).replace("\"seq\":1", "\"seq\":2"),
    );
    examiner.checkpoint(4, &checkpoint(5, &rows, AUDIT));
    examiner.checkpoint(5, &checkpoint(5, &rows, BURNT));
    examiner.row(1, &rows[0]);
    examiner.end(None);
    let faults = [
        "checkpoint 2: cut: it is not there",
        "checkpoint 3: edited: its content is not what was signed",
        "checkpoint 4: re-ordered: it stands somewhere else",
        "checkpoint 5: edited: it names a key that is not one of the authority's audit keys",
    ];
    assert_eq!(told(&examiner.finish()), faults);
}

#[test]
fn what_a_revoked_key_signed_needs_a_later_checkpoint() {
    let bundle = bundle();
    let rows = lane_by(0, &[BURNT, BURNT, AUDIT]);
    let examined = examine(&rows, None);
    let revoked = "signed by a revoked key, and no checkpoint by a good one covers it";
    let faults = [
        format!("record 0:1: {revoked}"),
        format!("record 0:2: {revoked}"),
    ];
    assert_eq!(told(&examined), faults);

    let mut examiner = Examiner::new(&bundle);
    examiner.checkpoint(1, &checkpoint(1, &rows, AUDIT));
    for (claimed, text) in (1..).zip(&rows) {
        examiner.row(claimed, text);
    }
    examiner.end(None);
    assert_eq!(examiner.finish().wrong, 0);
}

#[test]
fn a_record_that_was_exchanged_is_not_what_the_checkpoint_covers() {
    let bundle = bundle();
    let rows = lane(0, 2);
    let prev = Digest::of(rows[0].as_bytes());
    let mut other = draft(0, 2, prev);
    other.by = "op_9";
    let other = other.sign(&key(AUDIT)).unwrap();
    let mut examiner = Examiner::new(&bundle);
    examiner.checkpoint(1, &checkpoint(1, &rows, AUDIT));
    examiner.row(1, &rows[0]);
    examiner.row(2, &other);
    examiner.end(None);
    let fault = Fault {
        place: Place::Record { lane: 0, seq: 2 },
        wrong: Wrong::OtherThanCovered(1),
    };
    assert_eq!(examiner.finish().faults, [fault]);
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Edit,
    Cut,
    Insert,
    Copy,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_one_change_is_named_and_nothing_else(
        count in 1_usize..12,
        at in any::<prop::sample::Index>(),
        deed in prop::sample::select(vec![Deed::Edit, Deed::Cut, Deed::Insert, Deed::Copy]),
    ) {
        let rows = lane(0, count);
        let head = Some(head(&rows));
        let at = at.index(count);
        let mut changed = rows.clone();
        let seq = at as u64 + 1;
        let place = match deed {
            Deed::Edit => { changed[at] = flip(&rows[at]); Place::Record { lane: 0, seq } }
            Deed::Cut => { changed.remove(at); Place::Record { lane: 0, seq } }
            Deed::Insert => { changed.insert(at, flip(&rows[at])); Place::Row { lane: 0, seq } }
            Deed::Copy => { changed.insert(at + 1, rows[at].clone()); Place::Row { lane: 0, seq: seq + 1 } }
        };
        let examined = examine(&changed, head);
        prop_assert_eq!(examined.wrong, 1);
        prop_assert_eq!(examined.faults[0].place, place);
    }

    #[test]
    fn no_bytes_make_it_panic(text in ".{0,200}") {
        prop_assert!(Record::verify(&text, &bundle()).is_err());
        prop_assert!(Checkpoint::verify(&text, &bundle()).is_err());
    }
}
