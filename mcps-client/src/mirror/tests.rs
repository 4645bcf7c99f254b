use super::{HeaderMap, Message, Mirrors};

fn list(properties: &str) -> Message {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"t","inputSchema":{{"type":"object","properties":{properties}}}}}]}}}}"#
    );
    Message::parse(text).unwrap()
}

fn headers(mirrors: &Mirrors, arguments: &str) -> HeaderMap {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
    );
    let call = Message::parse(text).unwrap();
    let mut headers = HeaderMap::new();
    mirrors.add(call.params().unwrap(), &mut headers);
    headers
}

#[test]
fn mirrors_the_arguments_that_a_schema_marks() {
    let mirrors = Mirrors::default();
    mirrors.learn(&list(
        r#"{"region":{"type":"string","x-mcp-header":"Region"},"deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}},"b":{"x-mcp-header":"B"},"q":{"type":"string"}}"#,
    ));
    let found = headers(
        &mirrors,
        r#"{"region":"Zürich","deep":{"n":42},"b":true,"q":"SELECT"}"#,
    );
    assert_eq!(found["mcp-param-region"], "=?base64?WsO8cmljaA==?=");
    assert_eq!(found["mcp-param-n"], "42");
    assert_eq!(found["mcp-param-b"], "true");
    assert_eq!(found.len(), 3);
    let found = headers(&mirrors, r#"{"region":null,"deep":[],"b":false}"#);
    assert_eq!(found.len(), 1);
    assert_eq!(found["mcp-param-b"], "false");
}

#[test]
fn a_schema_with_a_wrong_mark_is_not_followed_at_all() {
    for wrong in [
        r#"{"a":{"x-mcp-header":"A"},"b":{"x-mcp-header":"a"}}"#,
        r#"{"a":{"x-mcp-header":"A"},"b":{"x-mcp-header":"no token"}}"#,
        r#"{"a":{"x-mcp-header":"A"},"b":{"x-mcp-header":""}}"#,
        r#"{"a":{"x-mcp-header":"A"},"b":{"x-mcp-header":1}}"#,
    ] {
        let mirrors = Mirrors::default();
        mirrors.learn(&list(wrong));
        assert!(
            headers(&mirrors, r#"{"a":"1","b":"2"}"#).is_empty(),
            "{wrong}"
        );
    }
}

#[test]
fn a_later_list_replaces_what_was_learnt() {
    let mirrors = Mirrors::default();
    mirrors.learn(&list(r#"{"a":{"x-mcp-header":"A"}}"#));
    mirrors.learn(&list(r#"{"a":{}}"#));
    assert!(headers(&mirrors, r#"{"a":"1"}"#).is_empty());
}

#[test]
fn a_call_whose_headers_say_otherwise_is_told_so() {
    let mirrors = Mirrors::default();
    mirrors.learn(&list(
        r#"{"region":{"type":"string","x-mcp-header":"Region"}}"#,
    ));
    let check = |arguments: &str, sent: &[&str]| {
        let mut raw = HeaderMap::new();
        for text in sent {
            raw.append("mcp-param-region", text.parse().unwrap());
        }
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
        );
        let call = Message::parse(text).unwrap();
        mirrors.check(call.params().unwrap(), &raw.into())
    };
    for (arguments, sent) in [
        (r#"{"region":"eu"}"#, &["eu"][..]),
        (r#"{"region":"eu"}"#, &["=?base64?ZXU=?="]),
        (r#"{"region":null}"#, &[]),
        ("{}", &[]),
    ] {
        assert_eq!(check(arguments, sent), Ok(()), "{arguments} {sent:?}");
    }
    for (arguments, sent) in [
        (r#"{"region":"eu"}"#, &[][..]),
        (r#"{"region":"eu"}"#, &["us"]),
        (r#"{"region":"eu"}"#, &["eu", "eu"]),
        (r#"{"region":"eu"}"#, &["=?base64?ZXU?="]),
        (r#"{"region":"eu"}"#, &["=?base64?Z%U=?="]),
        ("{}", &["eu"]),
    ] {
        assert!(check(arguments, sent).is_err(), "{arguments} {sent:?}");
    }
}
