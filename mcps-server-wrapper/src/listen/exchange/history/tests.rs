use super::{EVENTS, History, parse, primer};

#[test]
fn what_came_after_an_event_comes_again_as_it_was() {
    let mut history = History::new(7);
    assert_eq!(primer(7).id(), Some(&b"7-0"[..]));
    let events: Vec<_> = ["a", "b", "c"].map(|text| history.add(text)).to_vec();
    assert_eq!(events[2].id(), Some(&b"7-3"[..]));
    assert_eq!(history.after(0).unwrap(), events);
    assert_eq!(history.after(2).unwrap(), events[2..]);
    assert_eq!(history.after(3).unwrap(), []);
    assert_eq!(history.after(4), None);
}

#[test]
fn only_so_much_is_kept() {
    let mut history = History::new(1);
    for _ in 0..EVENTS + 5 {
        history.add("x");
    }
    assert_eq!(history.after(4), None);
    assert_eq!(history.after(5).unwrap().len(), EVENTS);
    let large = "x".repeat(700 * 1024);
    history.add(&large);
    history.add(&large);
    let last = u64::try_from(EVENTS + 7).unwrap();
    assert_eq!(history.after(last - 2), None);
    assert_eq!(history.after(last - 1).unwrap().len(), 1);
}

#[test]
fn ids_of_others_are_none() {
    assert_eq!(parse("3-14"), Some((3, 14)));
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
        assert_eq!(parse(id), None, "{id}");
    }
}
