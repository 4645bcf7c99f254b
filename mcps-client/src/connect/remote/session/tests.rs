use super::{HeaderMap, HeaderValue, Message, Mirrors, Session, is_modern};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ü","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}"#;

fn of(session: &Session, text: &str) -> HeaderMap {
    let message = Message::parse(text).unwrap();
    session.headers_for(&message, &Mirrors::default())
}

#[test]
fn a_modern_message_mirrors_itself_and_names_no_session() {
    let session = Session::default();
    let id = HeaderValue::from_static("s1");
    session.agree(&Message::parse(ANSWER).unwrap(), Some(id));
    let headers = of(&session, CALL);
    assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
    assert_eq!(headers["mcp-method"], "tools/call");
    assert_eq!(headers["mcp-name"], "=?base64?w7w=?=");
    assert_eq!(headers.len(), 3);
    assert!(is_modern(&Message::parse(CALL).unwrap()));
}

#[test]
fn a_legacy_message_names_the_session_and_its_version() {
    let session = Session::default();
    assert!(of(&session, PING).is_empty() && !session.is_legacy());
    let id = HeaderValue::from_static("s1");
    session.agree(&Message::parse(ANSWER).unwrap(), Some(id));
    let headers = of(&session, PING);
    assert_eq!(headers["mcp-session-id"], "s1");
    assert_eq!(headers["mcp-protocol-version"], "2025-11-25");
    assert_eq!(headers.len(), 2);
    // An answer of the client's goes with the session too, whatever is in it.
    assert_eq!(of(&session, ANSWER), headers);
    assert!(!is_modern(&Message::parse(ANSWER).unwrap()));
    // What begins a session names none.
    assert!(of(&session, INITIALIZE).is_empty());
}

#[test]
fn a_modern_notification_goes_under_the_version_of_the_requests_before_it() {
    const NOTICE: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;
    let session = Session::default();
    assert!(of(&session, NOTICE).is_empty());
    of(&session, CALL);
    let headers = of(&session, NOTICE);
    assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
    assert_eq!(headers["mcp-method"], "notifications/progress");
    assert_eq!(headers.len(), 2);
}
