use super::canonical;
use crate::error::TransportError;

#[test]
fn spells_one_address_in_one_way() {
    let table = [
        ("https://mcp.example.com", "https://mcp.example.com"),
        ("HTTPS://MCP.Example.COM/Mcp", "https://mcp.example.com/Mcp"),
        ("https://mcp.example.com/", "https://mcp.example.com"),
        (
            "https://mcp.example.com:443/mcp",
            "https://mcp.example.com/mcp",
        ),
        (
            "https://mcp.example.com:0443/mcp",
            "https://mcp.example.com/mcp",
        ),
        (
            "https://mcp.example.com:/mcp",
            "https://mcp.example.com/mcp",
        ),
        (
            "https://mcp.example.com:80/mcp",
            "https://mcp.example.com:80/mcp",
        ),
        ("http://localhost:80/mcp", "http://localhost/mcp"),
        ("http://localhost:8080/mcp", "http://localhost:8080/mcp"),
        ("http://localhost/mcp#part", "http://localhost/mcp"),
        ("http://localhost#part", "http://localhost"),
        ("http://localhost/mcp/", "http://localhost/mcp/"),
        ("http://localhost/a/../b//c", "http://localhost/a/../b//c"),
        ("http://localhost/%61%2f", "http://localhost/%61%2f"),
        ("http://localhost/mcp?A=b&c", "http://localhost/mcp?A=b&c"),
        ("http://localhost?a", "http://localhost?a"),
        ("http://localhost/?a", "http://localhost?a"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        (
            "https://[2001:DB8:0:0::1]:443/mcp",
            "https://[2001:db8::1]/mcp",
        ),
        ("http://[::1]:8080/mcp", "http://[::1]:8080/mcp"),
        ("http://[0:0:0:0:0:0:0:1]:80?x#[y]:@", "http://[::1]?x"),
        (
            "https://XN--Bcher-KVA.example/mcp",
            "https://xn--bcher-kva.example/mcp",
        ),
        ("https://h/p@q:r", "https://h/p@q:r"),
    ];
    for (written, expected) in table {
        let once = canonical(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(once, expected, "{written}");
        assert_eq!(canonical(&once).unwrap(), once, "canonical is canonical");
    }
}

#[test]
fn refuses_what_is_no_address_of_a_server() {
    for malformed in [
        "",
        "mcp.example.com",
        "/mcp",
        "https://",
        "https:///mcp",
        "https://:443/mcp",
        "https://bücher.example/mcp",
        "https://h/ü",
        "https://h/a b",
        " https://h/",
        "https://h\\evil.example/",
        "https://h%2eevil/",
        "https://[::1/",
        "https://[::1%25eth0]/",
        "https://[::1]x/",
        "https://[not-ipv6]/",
        "https://h:99999/",
        "https://h:+80/",
        "https://h:a/",
    ] {
        assert!(
            matches!(canonical(malformed), Err(TransportError::UrlMalformed)),
            "{malformed:?}"
        );
    }
    for scheme in ["ftp://h/", "ws://h/", "file:///mcp", "stdio://x"] {
        assert!(canonical(scheme).is_err(), "{scheme:?}");
    }
}

#[test]
fn refuses_credentials_in_an_address_without_showing_them() {
    for url in ["https://user:secret@h/", "https://secret@h/mcp"] {
        let error = canonical(url).unwrap_err();
        assert!(matches!(error, TransportError::UrlUserinfo));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
