use std::sync::Barrier;
use std::thread;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::pin::{Change, Server};
use mcps_core::refusal::Refusal;

use super::{change_pins, load_pins};
use crate::error::ClientError;
use crate::home::Home;

fn server(number: u32) -> Server {
    Server::Origin(format!("https://{number}.example"))
}

#[test]
fn connections_that_pin_at_once_keep_each_others_pins() {
    const AT_ONCE: u32 = 8;
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    let start = Barrier::new(usize::try_from(AT_ONCE).unwrap());
    thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (home, start) = (&home, &start);
            scope.spawn(move || {
                start.wait();
                for tool in ["a", "b", "c"] {
                    let seen = change_pins(home, |pins| {
                        let hash = Digest::of(tool.as_bytes());
                        let now = Timestamp::from_millis(0);
                        Ok::<_, ClientError>(pins.look(&server(number), tool, &hash, now)?)
                    });
                    seen.unwrap();
                }
            });
        }
    });
    let pins = load_pins(&home).unwrap();
    assert_eq!(pins.len(), 3 * usize::try_from(AT_ONCE).unwrap());
}

#[test]
fn a_refused_change_is_not_stored_and_a_quarantine_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    let now = Timestamp::from_millis(5);
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    let pin = |hash: Digest, then: Result<(), Refusal>| {
        change_pins(&home, |pins| {
            let seen = pins.look(&server(1), "t", &hash, now);
            then?;
            Ok::<_, ClientError>(seen.is_ok())
        })
    };
    assert!(pin(old, Err(Refusal::Unsigned)).is_err());
    assert!(load_pins(&home).unwrap().is_empty());
    assert!(pin(old, Ok(())).unwrap());
    assert!(!pin(new, Ok(())).unwrap());
    let pins = load_pins(&home).unwrap();
    let change = pins.pin(&server(1), "t").unwrap().change;
    assert_eq!(
        change,
        Some(Change {
            hash: new,
            since: now
        })
    );
}
