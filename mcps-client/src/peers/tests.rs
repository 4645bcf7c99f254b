use mcps_core::clock::{ManualClock, Timestamp};

use super::Peers;
use crate::home::Home;

#[test]
fn what_another_process_remembers_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    let clock = ManualClock::new(Timestamp::from_millis(0));
    let mut one = Peers::load(&home).unwrap();
    let mut other = Peers::load(&home).unwrap();
    one.remember("a", "first", 60, &clock).unwrap();
    other.remember("b", "second", 60, &clock).unwrap();
    let now = Peers::load(&home).unwrap();
    assert!(now.must_sign("a", &clock) && now.must_sign("b", &clock));
    assert!(other.must_sign("a", &clock));
}
