use super::{Duration, LONGEST, Patience, SHORTEST, TRIES};

#[test]
fn pauses_grow_and_end() {
    let mut patience = Patience::default();
    let pauses: Vec<_> = std::iter::from_fn(|| patience.next()).collect();
    assert_eq!(pauses.len(), usize::try_from(TRIES).unwrap());
    assert!(pauses.windows(2).all(|two| two[0] < two[1]), "{pauses:?}");
    patience.renew();
    assert_eq!(patience.next(), pauses.first().copied());
}

#[test]
fn a_server_is_left_alone_for_as_long_as_it_asks_within_bounds() {
    let mut patience = Patience::default();
    patience.wait(Some(Duration::from_millis(10)));
    patience.wait(None);
    assert_eq!(patience.next(), Some(Duration::from_millis(10)));
    patience.renew();
    patience.wait(Some(Duration::ZERO));
    assert_eq!(patience.next(), Some(SHORTEST));
    patience.wait(Some(Duration::from_secs(3600)));
    assert_eq!(patience.next(), Some(LONGEST));
}
