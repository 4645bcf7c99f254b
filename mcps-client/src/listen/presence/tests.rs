use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, ManualClock, Timestamp};

use super::Presence;

#[test]
fn is_idle_once_nothing_is_under_way() {
    let manual = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&manual);
    let presence = Presence::new(&clock);
    assert_eq!(presence.idle_since(), Some(Timestamp::from_millis(1_000)));
    let (one, other) = (presence.enter(), presence.enter());
    manual.advance(Duration::from_secs(1));
    drop(one);
    assert_eq!(presence.idle_since(), None);
    manual.advance(Duration::from_secs(1));
    drop(other);
    assert_eq!(presence.idle_since(), Some(Timestamp::from_millis(3_000)));
}
