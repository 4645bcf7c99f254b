use http::header::{HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use mcps_core::code::Code;

use super::{Resource, challenge};

fn asked(host: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    headers
}

fn uris() -> Vec<String> {
    [
        "https://gw.example.com/tools/mcp",
        "http://127.0.0.1:8443/mcp",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn a_document_is_where_its_resource_says() {
    let uris = uris();
    let resource = Resource::of(&uris, &asked("GW.example.com:443")).unwrap();
    let scopes = ["tools", "files"];
    let scopes = scopes.into_iter().collect();
    let document = resource.document(Some("files"), &["https://login.example.com"], &scopes);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        document["resource"],
        "https://gw.example.com/tools/mcp/files"
    );
    assert_eq!(
        document["authorization_servers"][0],
        "https://login.example.com"
    );
    assert_eq!(
        document["scopes_supported"],
        serde_json::json!(["files", "tools"])
    );
    let headers = challenge(
        Code::InvalidCredential,
        Some((resource, Some("files"))),
        &[],
    );
    assert_eq!(
        headers[WWW_AUTHENTICATE],
        r#"Bearer error="invalid_token", resource_metadata="https://gw.example.com/.well-known/oauth-protected-resource/tools/mcp/files""#
    );
    for (path, endpoint) in [
        ("/.well-known/oauth-protected-resource", Some("/mcp")),
        (
            "/.well-known/oauth-protected-resource/tools/mcp",
            Some("/mcp"),
        ),
        (
            "/.well-known/oauth-protected-resource/tools/mcp/files",
            Some("/mcp/files"),
        ),
        ("/.well-known/oauth-protected-resource/mcp", None),
        ("/other", None),
    ] {
        assert_eq!(resource.endpoint(path).as_deref(), endpoint, "{path}");
    }
}

#[test]
fn it_goes_by_the_name_that_was_used_else_by_the_first() {
    let uris = uris();
    let of = |host: &str| {
        let resource = Resource::of(&uris, &asked(host)).unwrap();
        resource.address(None)
    };
    assert!(of("127.0.0.1:8443").starts_with("http://127.0.0.1:8443/.well-known/"));
    assert!(of("elsewhere").starts_with("https://gw.example.com/.well-known/"));
    assert!(Resource::of(&[], &asked("x")).is_none());
}

#[test]
fn only_who_should_come_again_with_something_else_is_told_so() {
    assert!(challenge(Code::Denied, None, &[]).is_empty());
    assert!(challenge(Code::IssuerUnreachable, None, &[]).is_empty());
    let headers = challenge(Code::SignatureRequired, None, &[]);
    assert_eq!(headers[WWW_AUTHENTICATE], r#"Bearer realm="mcps-gateway""#);
    let scopes = ["a", "b"].map(str::to_owned);
    let headers = challenge(Code::InsufficientScope, None, &scopes);
    assert_eq!(
        headers[WWW_AUTHENTICATE],
        r#"Bearer error="insufficient_scope", scope="a b", realm="mcps-gateway""#
    );
}
