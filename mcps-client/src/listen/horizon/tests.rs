use crate::home::Home;
use mcps_core::clock::Timestamp;

use super::Horizon;

#[test]
fn what_was_accepted_is_below_the_floor_of_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    let at = |ms: i64| Timestamp::from_millis(1_795_262_400_000 + ms);
    let first = Horizon::load(&home).unwrap();
    assert_eq!(first.floor(), Timestamp::from_millis(1));
    for ms in [0, 500, 999, 1500, 700] {
        first.cover(at(ms)).unwrap();
        assert!(first.floor() > at(ms));
    }
    assert!(Horizon::load(&home).is_err(), "two at a time");
    drop(first);
    let second = Horizon::load(&home).unwrap();
    assert!(second.floor() > at(1500));
    assert!(second.floor() <= at(2600));
}

#[test]
fn a_file_that_holds_no_time_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    home.write("accepted-until", "soon").unwrap();
    assert!(Horizon::load(&home).is_err());
}
