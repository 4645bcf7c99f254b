use super::Alias;
use mcps_core::message::Message;

const ASKED: &str =
    r#"{"jsonrpc":"2.0", "id" : 7,"method":"m","params":{"_meta":{"progressToken":"p","x":7}}}"#;

fn given() -> (Alias, Message) {
    Alias::give(&Message::parse(ASKED).unwrap(), "3").unwrap()
}

#[test]
fn the_server_reads_ours_and_the_caller_theirs() {
    let (alias, message) = given();
    assert_eq!(
        message.text(),
        r#"{"jsonrpc":"2.0", "id" : "mcps-3","method":"m","params":{"_meta":{"progressToken":"mcps-3","x":7}}}"#
    );
    for (said, read) in [
        (
            r#"{"jsonrpc":"2.0","id":"mcps-3","result":{"id":"mcps-3"}}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{"id":"mcps-3"}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mcps-3","progress":1}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"mcps-3"}}}"#,
            r#"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":"mcps-4","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":"mcps-4","result":{}}"#,
        ),
    ] {
        let said = Message::parse(said).unwrap();
        assert_eq!(alias.reveal(&said).unwrap().text(), read);
    }
}

#[test]
fn what_is_no_request_has_none() {
    for text in [
        r#"{"jsonrpc":"2.0","method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        assert!(Alias::give(&Message::parse(text).unwrap(), "1").is_none());
    }
}
