use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use proptest::prelude::*;

use super::{
    LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, McpHeaders,
    mirrored_member, param_header, value,
};
use crate::error::TransportError;

fn headers(rows: &[(HeaderName, &[u8])]) -> McpHeaders {
    let mut map = HeaderMap::new();
    for (name, value) in rows {
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    McpHeaders::new(map)
}

fn decoded(value: &str) -> Option<String> {
    value::decode(&MCP_NAME, value.as_bytes()).ok()
}

#[test]
fn encodes_as_the_examples_of_the_specification() {
    // 2026-07-28, Value Encoding.
    for (text, expected) in [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ] {
        assert_eq!(value::encode(text), expected);
        assert_eq!(decoded(expected).as_deref(), Some(text));
    }
}

#[test]
fn takes_only_the_exact_markers_for_an_encoding() {
    for literal in [
        "=?BASE64?eA==?=",
        "=?base64?eA==",
        "eA==?=",
        "=?base64?=",
        "=?utf-8?B?eA==?=",
        "",
    ] {
        assert_eq!(decoded(literal).as_deref(), Some(literal));
    }
    assert_eq!(decoded("=?base64??=").as_deref(), Some(""));
}

#[test]
fn refuses_what_does_not_decode() {
    for wrong in [
        &b"=?base64?eA?="[..],
        b"=?base64?eA=?=",
        b"=?base64?e-_=?=",
        b"=?base64?!!!!?=",
        b"=?base64?e A==?=",
        b"=?base64?/w==?=",
        b"caf\xc3\xa9",
        b"\xff",
    ] {
        assert!(
            matches!(
                value::decode(&MCP_NAME, wrong),
                Err(TransportError::HeaderMalformed { name }) if name == MCP_NAME
            ),
            "{}",
            wrong.escape_ascii()
        );
    }
}

#[test]
fn reads_the_headers_of_both_eras() {
    let headers = headers(&[
        (MCP_SESSION_ID, b"1868a90c"),
        (MCP_PROTOCOL_VERSION, b"2026-07-28"),
        (MCP_METHOD, b"tools/call"),
        (MCP_NAME, b"=?base64?5LiW55WM?="),
        (LAST_EVENT_ID, "évent-7".as_bytes()),
        (param_header("Region").unwrap(), b"us-west1"),
    ]);
    assert_eq!(headers.session_id().unwrap(), Some("1868a90c"));
    assert_eq!(headers.protocol_version().unwrap(), Some("2026-07-28"));
    assert_eq!(headers.method().unwrap(), Some("tools/call"));
    assert_eq!(headers.name().unwrap().as_deref(), Some("世界"));
    assert_eq!(headers.last_event_id().unwrap(), Some("évent-7"));
    let region = ("region".to_owned(), "us-west1".to_owned());
    assert_eq!(headers.params().unwrap(), [region]);
    let none = McpHeaders::default();
    assert_eq!(none.session_id().unwrap(), None);
    assert_eq!(none.name().unwrap(), None);
    assert!(none.params().unwrap().is_empty());
}

#[test]
fn refuses_a_header_that_is_there_twice() {
    for name in [
        MCP_SESSION_ID,
        MCP_PROTOCOL_VERSION,
        MCP_METHOD,
        MCP_NAME,
        LAST_EVENT_ID,
    ] {
        let headers = headers(&[(name.clone(), b"a"), (name.clone(), b"a")]);
        let read = match name.as_str() {
            "mcp-session-id" => headers.session_id().err(),
            "mcp-protocol-version" => headers.protocol_version().err(),
            "mcp-method" => headers.method().err(),
            "mcp-name" => headers.name().err(),
            _ => headers.last_event_id().err(),
        };
        assert!(
            matches!(read, Some(TransportError::HeaderRepeated { name: which }) if which == name)
        );
    }
    let name = param_header("a").unwrap();
    let twice = headers(&[(name.clone(), b"1"), (name, b"2")]);
    assert!(twice.params().is_err());
}

#[test]
fn refuses_a_session_id_that_is_not_visible_ascii() {
    for wrong in [&b""[..], b"a b", b"a\tb", b"\xe4", b"a\x7f"] {
        let Ok(value) = HeaderValue::from_bytes(wrong) else {
            continue; // no header at all
        };
        let mut map = HeaderMap::new();
        map.insert(MCP_SESSION_ID, value);
        assert!(McpHeaders::new(map).session_id().is_err(), "{wrong:?}");
    }
}

#[test]
fn knows_which_methods_have_a_name() {
    assert_eq!(mirrored_member("tools/call"), Some("name"));
    assert_eq!(mirrored_member("prompts/get"), Some("name"));
    assert_eq!(mirrored_member("resources/read"), Some("uri"));
    assert_eq!(mirrored_member("tasks/get"), Some("taskId"));
    assert_eq!(mirrored_member("tools/list"), None);
    assert_eq!(mirrored_member("Tools/Call"), None);
}

#[test]
fn names_a_header_only_after_a_token() {
    assert_eq!(param_header("Region").unwrap(), "mcp-param-region");
    for wrong in ["", "a b", "a\r\nx", "é", "a:b", "a/b"] {
        assert!(param_header(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn shows_names_only_in_debug_output() {
    let headers = headers(&[
        (AUTHORIZATION, b"Bearer secret"),
        (MCP_SESSION_ID, b"hidden"),
    ]);
    assert_eq!(
        format!("{headers:?}"),
        r#"["authorization", "mcp-session-id"]"#
    );
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(text in "(=\\?base64\\?)?[ -~\\t\\n\u{80}-\u{ffff}]{0,20}(\\?=)?") {
        let encoded = value::encode(&text);
        prop_assert!(encoded.to_str().is_ok(), "visible ASCII");
        prop_assert_eq!(value::decode(&MCP_NAME, encoded.as_bytes()).unwrap(), text);
    }
}
