use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Event, Lifts, Target};

use super::event;

const AT: Timestamp = Timestamp::from_millis(1_795_262_400_000);

fn line(action: &Action) -> String {
    let told = Event::new(7, AT, action, "policy").unwrap();
    event(2, &told, AT.plus(Duration::from_millis(12)))
}

#[test]
fn an_event_is_one_line_with_its_delay() {
    let target = Target::Agent {
        tenant: "acme".to_owned(),
        name: "crawler".to_owned(),
    };
    assert_eq!(
        line(&Action::Revoke(target.clone())),
        "2026-11-21T12:00:00.012Z  event 2:7  revoke agent acme/crawler  reason: policy  12 ms"
    );
    let lifts = Lifts::Suspend;
    assert_eq!(
        line(&Action::Reinstate { target, lifts }),
        "2026-11-21T12:00:00.012Z  event 2:7  reinstate agent acme/crawler (suspend is lifted)  reason: policy  12 ms"
    );
    assert_eq!(
        line(&Action::Stop(Target::All)),
        "2026-11-21T12:00:00.012Z  event 2:7  stop everything  reason: policy  12 ms"
    );
}
