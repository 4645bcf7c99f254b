use std::sync::Arc;

use mcps_core::clock::{Clock, ManualClock, Timestamp};

use super::{ANEW_AFTER, Entry, Found, Journal, KEPT};
use crate::history::Key;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)))
}

fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>) -> (Journal, Found) {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Journal::open(&folder.path().join("histories"), clock).unwrap()
}

fn key(number: u8) -> Key {
    Key([number; 32])
}

fn entry(number: u8, bytes: Vec<u8>) -> Entry {
    Entry {
        key: key(number),
        bytes,
        keep: KEPT,
    }
}

#[test]
fn gives_back_the_last_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let (mut journal, found) = open(&folder, &clock);
    assert!(found.stored.is_empty() && !found.damaged);
    journal
        .append(&[entry(1, vec![1]), entry(2, vec![2, 2])])
        .unwrap();
    journal.append(&[entry(1, vec![3; 4000])]).unwrap();
    drop(journal);
    for _ in 0..2 {
        let (_, found) = open(&folder, &clock);
        assert!(!found.damaged);
        assert_eq!(found.stored.len(), 2);
        assert_eq!(found.stored[&key(1)], vec![3; 4000]);
        assert_eq!(found.stored[&key(2)], [2, 2]);
    }
}

#[test]
fn a_torn_end_is_cut_and_a_flipped_bit_anywhere_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let file = folder.path().join("histories");
    let (mut journal, _) = open(&folder, &clock);
    for number in 0..3 {
        journal.append(&[entry(number, vec![number; 9])]).unwrap();
    }
    drop(journal);
    let whole = std::fs::read(&file).unwrap();
    let one = whole.len() / 3;
    for len in 0..whole.len() {
        std::fs::write(&file, &whole[..len]).unwrap();
        let (mut journal, found) = open(&folder, &clock);
        assert!(!found.damaged, "{len}");
        assert_eq!(found.stored.len(), len / one, "{len}");
        // What comes after it can be read.
        journal.append(&[entry(9, vec![9])]).unwrap();
        drop(journal);
        let (_, found) = open(&folder, &clock);
        assert!(
            !found.damaged && found.stored.contains_key(&key(9)),
            "{len}"
        );
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let (_, found) = open(&folder, &clock);
        assert!(found.damaged, "{at}");
    }
}

#[test]
fn forgets_what_is_old_and_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let (mut journal, _) = open(&folder, &clock);
    journal.append(&[entry(1, vec![1])]).unwrap();
    clock.advance(KEPT / 2);
    journal.append(&[entry(2, vec![2])]).unwrap();
    clock.advance(KEPT * 3 / 4);
    let big = vec![0; 1 << 20];
    let file = folder.path().join("histories");
    for _ in 0..70 {
        journal.append(&[entry(3, big.clone())]).unwrap();
    }
    let len = std::fs::metadata(&file).unwrap().len();
    assert!(len < ANEW_AFTER / 4, "{len}");
    drop(journal);
    let (_, found) = open(&folder, &clock);
    assert!(!found.stored.contains_key(&key(1)));
    assert_eq!(found.stored[&key(2)], [2]);
    assert_eq!(found.stored[&key(3)], big);
}
