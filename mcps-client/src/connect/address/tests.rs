use super::Address;
use crate::error::ClientError;

#[test]
fn plain_http_stays_within_the_machine_unless_somebody_decides_otherwise() {
    for url in [
        "https://server.example/mcp",
        "http://127.0.0.1:8080/mcp",
        "http://127.9.9.9/mcp",
        "http://localhost/mcp",
        "http://mcp.localhost:1",
        "HTTP://[::1]:8080/mcp?x",
    ] {
        let address = Address::parse(url, false).unwrap();
        assert!(address.keeps_tokens().is_ok(), "{url}");
    }
    for url in [
        "http://server.example/mcp",
        "http://10.0.0.1/mcp",
        "http://127.0.0.1.example/mcp",
        "http://localhost.example",
        "http://[2001:db8::1]/",
        "http://[::ffff:10.0.0.1]/",
    ] {
        let refused = Address::parse(url, false);
        assert!(
            matches!(refused, Err(ClientError::Insecure { .. })),
            "{url}"
        );
        // That is a decision about messages, not about tokens.
        let address = Address::parse(url, true).unwrap();
        let kept = address.keeps_tokens();
        assert!(
            matches!(kept, Err(ClientError::TokenInClear { .. })),
            "{url}"
        );
    }
    for url in [
        "server.example/mcp",
        "ftp://x/",
        "https://a:b@x/",
        "https://",
    ] {
        let refused = Address::parse(url, true);
        assert!(matches!(refused, Err(ClientError::Transport(_))), "{url}");
    }
}

#[test]
fn the_log_shows_neither_path_nor_query() {
    let address = Address::parse("HTTPS://Server.Example:443/mcp?key=secret#x", false).unwrap();
    assert_eq!(address.as_str(), "https://server.example/mcp?key=secret");
    assert_eq!(address.shown(), "https://server.example");
}
