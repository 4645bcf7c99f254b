use super::{Backlog, EVENTS};
use crate::sse::Event;

fn event(id: &str, data: &str) -> Event {
    Event::message(data.as_bytes()).with_id(id).unwrap()
}

fn data(events: Option<Vec<Event>>) -> Option<Vec<String>> {
    let text = |event: &Event| String::from_utf8(event.data().unwrap().to_vec()).unwrap();
    events.map(|events| events.iter().map(text).collect())
}

#[test]
fn gives_what_came_after_an_event() {
    let mut backlog = Backlog::default();
    for number in 1..=3 {
        backlog.add(event(&number.to_string(), &format!("m{number}")));
    }
    backlog.add(Event::message(b"without an id"));
    let some = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(data(backlog.after(b"2")), some(&["m3", "without an id"]));
    assert_eq!(data(backlog.after(b"4")), None);
    assert_eq!(backlog.last_id(), Some(&b"3"[..]));
}

#[test]
fn forgets_the_oldest() {
    let mut backlog = Backlog::default();
    for number in 0..=EVENTS {
        backlog.add(event(&number.to_string(), "m"));
    }
    assert!(backlog.after(b"0").is_none());
    assert_eq!(
        backlog.after(b"1").map(|events| events.len()),
        Some(EVENTS - 1)
    );
}

#[test]
fn keeps_the_last_whatever_its_size() {
    let mut backlog = Backlog::default();
    backlog.add(event("1", &"x".repeat(2_000_000)));
    backlog.add(event("2", &"y".repeat(2_000_000)));
    assert!(backlog.after(b"1").is_none());
    assert_eq!(backlog.after(b"2").map(|events| events.len()), Some(0));
}

#[test]
fn an_empty_id_resets_the_stream() {
    let mut backlog = Backlog::default();
    backlog.add(event("1", "m"));
    backlog.add(event("", "m"));
    assert_eq!(backlog.last_id(), None);
}
