use super::{Era, Mirrors, check};
use mcps_core::message::Message;
use mcps_transport::http::headers::McpHeaders;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
const OLD: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
const NOTICE: &str = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;

fn headers(fields: &[(&'static str, &'static str)]) -> McpHeaders {
    let mut headers = http::HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, http::HeaderValue::from_static(value));
    }
    headers.into()
}

#[test]
fn the_body_tells_the_era_and_where_it_does_not_the_header() {
    for (text, version, era) in [
        (CALL, None, Era::Modern),
        (CALL, Some("2025-11-25"), Era::Modern),
        (OLD, None, Era::Legacy),
        (OLD, Some("2026-07-28"), Era::Modern),
        (NOTICE, None, Era::Legacy),
        (NOTICE, Some("2025-06-18"), Era::Legacy),
        (NOTICE, Some("2026-07-28"), Era::Modern),
    ] {
        let version: Vec<_> = version
            .map(|v| ("mcp-protocol-version", v))
            .into_iter()
            .collect();
        let message = Message::parse(text).unwrap();
        assert_eq!(Era::of(&message, &headers(&version)), era, "{text}");
    }
}

#[test]
fn headers_that_disagree_with_the_body_are_told() {
    let good = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "t"),
    ];
    let message = Message::parse(CALL).unwrap();
    assert_eq!(
        check(&message, &headers(&good), Era::Modern, &Mirrors::default()),
        Ok(())
    );
    for index in 0..good.len() {
        let mut fields = good.to_vec();
        fields.remove(index);
        assert!(
            check(
                &message,
                &headers(&fields),
                Era::Modern,
                &Mirrors::default()
            )
            .is_err()
        );
        let mut fields = good;
        fields[index].1 = "other";
        assert!(
            check(
                &message,
                &headers(&fields),
                Era::Modern,
                &Mirrors::default()
            )
            .is_err()
        );
        let mut fields = good.to_vec();
        fields.push(good[index]);
        assert!(
            check(
                &message,
                &headers(&fields),
                Era::Modern,
                &Mirrors::default()
            )
            .is_err()
        );
    }
    let old = Message::parse(OLD).unwrap();
    let version = |version| headers(&[("mcp-protocol-version", version)]);
    assert_eq!(
        check(
            &old,
            &version("2025-06-18"),
            Era::Legacy,
            &Mirrors::default()
        ),
        Ok(())
    );
    assert!(
        check(
            &old,
            &version("1999-01-01"),
            Era::Legacy,
            &Mirrors::default()
        )
        .is_err()
    );
}

#[test]
fn a_request_that_does_not_stand_alone_never_reaches_a_server() {
    let headers = headers(&[
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "ping"),
    ]);
    for (params, number) in [
        ("", -32602),
        (r#""_meta":{}"#, -32602),
        (
            r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
            -32602,
        ),
        (
            r#""_meta":{"io.modelcontextprotocol/protocolVersion":7}"#,
            -32602,
        ),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{{params}}}}}"#);
        let message = Message::parse(text).unwrap();
        let wrong = check(
            &message,
            &headers,
            Era::of(&message, &headers),
            &Mirrors::default(),
        )
        .unwrap_err();
        assert_eq!(wrong.number, number, "{params}");
    }
}
