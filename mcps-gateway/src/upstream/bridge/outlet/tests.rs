use mcps_core::message::Message;

use super::{Outlet, fine};

fn message(id: u32) -> Message {
    Message::parse(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)).unwrap()
}

#[tokio::test]
async fn a_document_was_taken_or_not() {
    let (mut outlet, seat, left) = Outlet::new();
    outlet.answer(message(1), fine).await;
    let (taken, response) = tokio::join!(outlet.parted(left), seat.wait());
    assert!(taken && response.is_ok());

    let (mut outlet, seat, left) = Outlet::new();
    outlet.answer(message(1), fine).await;
    drop(seat);
    assert!(!outlet.parted(left).await);
    let (mut outlet, seat, left) = Outlet::new();
    drop(seat);
    outlet.answer(message(1), fine).await;
    assert!(!outlet.parted(left).await);
}

#[tokio::test]
async fn the_last_event_was_taken_or_not() {
    for count in [2, 1] {
        let (mut outlet, seat, left) = Outlet::new();
        outlet.say(&message(1)).await;
        outlet.answer(message(2), fine).await;
        let Ok(super::Response::Events { mut events, .. }) = seat.wait().await else {
            panic!("a stream");
        };
        for _ in 0..count {
            events.next().await.unwrap().unwrap();
        }
        drop(events);
        assert_eq!(outlet.parted(left).await, count == 2);
    }
}
