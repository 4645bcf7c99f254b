use super::Fetch;
use mcps_core::message::Message;

#[test]
fn is_read_as_it_was_written_and_nothing_else_is() {
    for last_event_id in [None, Some("7-\u{e9}\"".to_owned())] {
        let fetch = Fetch {
            method: "GET".to_owned(),
            session: "s".to_owned(),
            last_event_id,
        };
        assert_eq!(Fetch::read(&fetch.message().unwrap()), Some(fetch));
    }
    for text in [
        r#"{"jsonrpc":"2.0","method":"dev.mcps/fetch"}"#,
        r#"{"jsonrpc":"2.0","method":"dev.mcps/fetch","params":{"method":"GET"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"dev.mcps/fetch","params":{"method":"GET","session":"s"}}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":{"method":"GET","session":"s"}}"#,
    ] {
        assert_eq!(Fetch::read(&Message::parse(text).unwrap()), None, "{text}");
    }
}
