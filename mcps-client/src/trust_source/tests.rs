use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::level::TrustLevel;
use mcps_core::passport::PassportId;
use mcps_core::random::SeededRandom;
use mcps_core::refusal::Refusal;
use mcps_core::status::{State, Status};
use mcps_core::trust::TrustStore;

use super::{Freshness, Heard, Live, TrustSource};

const ID: &str = "asp_0123456789abcdef0123456789abcdef";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
}

fn said(state: State, produced_at: Timestamp) -> Status {
    Status {
        authority: "authority".to_owned(),
        passport_id: PassportId::parse(ID).unwrap(),
        state,
        trust_level: Some(TrustLevel::L2),
        reason: None,
        revoked_at: None,
        nonce: String::new(),
        produced_at,
        fresh_until: produced_at.plus(Duration::from_secs(60)),
    }
}

fn heard(statuses: &[(State, i64)]) -> (State, Timestamp) {
    let mut heard = Heard::default();
    for (state, seconds) in statuses {
        heard.hear(said(*state, at(*seconds)));
    }
    let last = heard.status.unwrap();
    (last.state, last.produced_at)
}

#[test]
fn the_newest_word_counts_in_whatever_order_it_arrives() {
    assert_eq!(
        heard(&[(State::Good, 0), (State::Suspended, 5)]),
        (State::Suspended, at(5))
    );
    assert_eq!(
        heard(&[(State::Suspended, 5), (State::Good, 0)]),
        (State::Suspended, at(5))
    );
    assert_eq!(
        heard(&[(State::Suspended, 5), (State::Good, 9)]),
        (State::Good, at(9))
    );
}

#[test]
fn a_revocation_is_for_good() {
    assert_eq!(
        heard(&[(State::Revoked, 0), (State::Good, 9)]).0,
        State::Revoked
    );
    // Even one that seems to be from before: the clocks of two replicas differ.
    assert_eq!(
        heard(&[(State::Good, 9), (State::Revoked, 0)]).0,
        State::Revoked
    );
}

#[tokio::test]
async fn a_clock_set_back_does_not_make_old_knowledge_fresh() {
    let clock = Arc::new(ManualClock::new(at(0)));
    let trust = TrustSource::new(
        TrustStore::default(),
        None,
        Freshness::default(),
        clock.clone(),
        Arc::new(SeededRandom::new(1)),
    );
    let id = PassportId::parse(ID).unwrap();
    trust.note(&id, |heard| heard.hear(said(State::Good, at(0))));
    assert_eq!(trust.status(&id).await.unwrap().age, Duration::ZERO);
    clock.set(at(-7200));
    let live = trust.status(&id).await.unwrap();
    assert_eq!(live.age, Duration::from_secs(7200));
    assert_eq!(live.level(), Ok(TrustLevel::L1));
    // The rest after a failed question does not last until the clock is back where it was.
    assert!(trust.last(&id, at(-7200)).1);
    assert!(!trust.last(&id, at(-9000)).1);
}

#[tokio::test]
async fn nothing_heard_is_not_good() {
    let trust = TrustSource::new(
        TrustStore::default(),
        None,
        Freshness::default(),
        Arc::new(ManualClock::new(at(0))),
        Arc::new(SeededRandom::new(1)),
    );
    let id = PassportId::parse(ID).unwrap();
    assert_eq!(trust.status(&id).await, Err(Refusal::AuthorityUnreachable));
}

#[test]
fn of_a_passport_and_its_issuer_the_worse_counts() {
    let live = |seconds, recorded| Live {
        age: Duration::from_secs(seconds),
        recorded,
        most: TrustLevel::L4,
    };
    let both = live(5, Some(TrustLevel::L2)).and(live(9, Some(TrustLevel::L1)));
    assert_eq!(both, live(9, Some(TrustLevel::L1)));
    assert_eq!(live(5, None).and(live(1, None)), live(5, None));
}
