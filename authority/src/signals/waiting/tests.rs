use super::*;

#[test]
fn an_endpoint_has_two_places_whatever_others_have() {
    let waiting = Waiting::default();
    let first = waiting.place("a").unwrap();
    let _second = waiting.place("a").unwrap();
    assert!(waiting.place("a").is_none());
    let _other = waiting.place("b").unwrap();
    drop(first);
    let _again = waiting.place("a").unwrap();
    assert!(waiting.place("a").is_none());
}

#[test]
fn all_endpoints_share_the_places_and_give_them_back() {
    let waiting = Waiting::default();
    let names: Vec<String> = (0..=ALL).map(|n| n.to_string()).collect();
    let all = names.iter().map(|name| waiting.place(name));
    let all: Vec<_> = all.collect();
    assert_eq!(all.iter().flatten().count(), ALL);
    assert!(all[ALL].is_none());
    drop(all);
    assert!(waiting.0.lock().unwrap().is_empty());
    assert!(waiting.place(&names[ALL]).is_some());
}
