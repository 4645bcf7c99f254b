use std::cell::Cell;

use mcps_client::home::Home;

use super::{FILE, Note, UNREADABLE, leave, was_shared};

#[test]
fn a_gateway_leaves_once() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    let times = Cell::new(0);
    let first = || {
        times.set(times.get() + 1);
        Ok(())
    };
    leave(&home, first).unwrap();
    assert!(!was_shared(&home) && times.get() == 0);
    let note = Note {
        id: "a".repeat(32),
        seen: 7,
        alone: false,
    };
    note.write(&home).unwrap();
    assert_eq!(Note::read(&home), Some(note.clone()));
    leave(&home, first).unwrap();
    leave(&home, first).unwrap();
    assert_eq!(times.get(), 1);
    let alone = Note {
        alone: true,
        ..note
    };
    assert_eq!(Note::read(&home), Some(alone));
}

#[test]
fn what_cannot_be_read_is_a_store_that_nobody_knows() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    for text in [&b""[..], b"\n", b"\xff\xfe"] {
        std::fs::write(home.path(FILE), text).unwrap();
        assert_eq!(Note::read(&home).unwrap().id, UNREADABLE);
    }
    std::fs::write(home.path(FILE), "abc -1 alone").unwrap();
    let note = Note::read(&home).unwrap();
    assert_eq!((note.id.as_str(), note.seen, note.alone), ("abc", 0, true));
}
