use super::Places;

#[test]
fn each_has_a_share_and_all_have_no_more_than_there_is() {
    let places = Places::new(3, 2);
    let first = places.take(Some("a")).unwrap();
    let _second = places.take(Some("a")).unwrap();
    assert!(places.take(Some("a")).is_none(), "its share");
    let nobody = places.clone().take(None).unwrap();
    assert!(places.take(Some("b")).is_none(), "all of them");
    drop(nobody);
    let _other = places.take(Some("b")).unwrap();
    drop(first);
    assert!(places.take(Some("a")).is_some(), "one that is free again");
    assert_eq!(
        places.taken.all().len(),
        2,
        "who has none is not remembered"
    );
}
