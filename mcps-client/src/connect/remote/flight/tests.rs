use super::{Arc, Flights, Id, MAX_BYTES, MAX_IN_FLIGHT, Refusal};

fn id(number: usize) -> Id {
    let document = mcps_core::json::Document::parse(number.to_string()).unwrap();
    Id::from_value(document.root()).unwrap()
}

#[test]
fn an_id_is_in_flight_once_and_free_again_afterwards() {
    let flights = Arc::new(Flights::default());
    let flight = flights.begin(&id(1), true, 1).unwrap();
    let twice = flights.begin(&id(1), true, 1).unwrap_err();
    assert!(matches!(twice, Refusal::Message(_)));
    drop(flight);
    assert_eq!(flights.cancel(&id(1)), None);
    drop(flights.begin(&id(1), false, 1).unwrap());
}

#[test]
fn refuses_more_than_there_is_room_for() {
    let flights = Arc::new(Flights::default());
    let held: Vec<_> = (0..MAX_IN_FLIGHT)
        .map(|number| flights.begin(&id(number), true, 1).unwrap())
        .collect();
    let full = flights.begin(&id(MAX_IN_FLIGHT), true, 1).unwrap_err();
    assert!(matches!(full, Refusal::Full(_)));
    drop(held);
    let large = flights.begin(&id(0), true, MAX_BYTES).unwrap();
    let full = flights.begin(&id(1), true, 1).unwrap_err();
    assert!(matches!(full, Refusal::Full(_)));
    drop(large);
    drop(flights.begin(&id(1), true, 1).unwrap());
}

#[tokio::test]
async fn cancelling_closes_a_modern_response_and_leaves_a_legacy_one_open() {
    let flights = Arc::new(Flights::default());
    let modern = flights.begin(&id(1), true, 1).unwrap();
    let legacy = flights.begin(&id(2), false, 1).unwrap();
    assert!(modern.wanted().is_so());
    assert_eq!(flights.cancel(&id(1)), Some(true));
    assert_eq!(flights.cancel(&id(2)), Some(false));
    modern.closed().await;
    assert!(!modern.wanted().is_so() && !legacy.wanted().is_so());
    tokio::select! {
        biased;
        () = legacy.closed() => panic!("closed"),
        () = std::future::ready(()) => {}
    }
}
