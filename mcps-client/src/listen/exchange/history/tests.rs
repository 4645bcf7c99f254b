use super::{History, stream_of};

#[test]
fn what_came_after_an_event_comes_again_as_it_was() {
    let (mut history, primer) = History::begin(7);
    assert_eq!(primer.id(), Some(&b"7-0"[..]));
    let events: Vec<_> = ["a", "b", "c"].map(|text| history.add(text)).to_vec();
    assert_eq!(events[2].id(), Some(&b"7-3"[..]));
    assert_eq!(history.after("7-0").unwrap(), events);
    assert_eq!(history.after("7-2").unwrap(), events[2..]);
    assert_eq!(history.after("7-3").unwrap(), []);
    assert_eq!(history.after("7-4"), None);
    assert_eq!(history.after("8-2"), None);
}

#[test]
fn ids_of_others_are_none() {
    assert_eq!(stream_of("3-14"), Some(3));
    for id in [
        "",
        "-",
        "3",
        "3-",
        "-3",
        "3-x",
        "a-1",
        "3-1-1",
        "3-99999999999999999999",
    ] {
        assert_eq!(stream_of(id), None, "{id}");
    }
}
