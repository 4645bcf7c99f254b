#[test]
fn smoke() {
    let document =
        crate::json::Document::parse(r#"{"b":[1.50,-0,"\u0061\/"], "a":{"":null}}"#).unwrap();
    assert_eq!(
        super::to_string(document.root()),
        r#"{"a":{"":null},"b":[1.5,0,"a/"]}"#
    );
}
