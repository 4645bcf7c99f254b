//! Hosts, origins and paths: who is answered at all.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Edge, Running, request};
use crate::http::server::{HttpLimits, Reply};

async fn answering(edge: Edge) -> Running {
    Running::with(HttpLimits::default(), edge, None).await
}

/// The status for these lines, whether the request passes the edge or not.
async fn status(server: &mut Running, lines: &[&str]) -> u16 {
    let mut raw = server.connect().await;
    raw.send(&request(lines, "{}")).await;
    tokio::select! {
        answered = raw.answer() => return answered.status,
        _ = server.echo() => {}
    }
    raw.answer().await.status
}

#[tokio::test]
async fn answers_under_the_names_of_this_machine_only() {
    let mut server = answering(Edge::default()).await;
    for (host, expected) in [
        ("Host: localhost", 200),
        ("Host: LOCALHOST:8080", 200),
        ("Host: 127.0.0.1:1", 200),
        ("Host: [::1]:9", 200),
        ("Host: [0:0:0:0:0:0:0:1]", 200),
        ("Host: localhost.evil.example", 403),
        ("Host: evil.example", 403),
        ("Host: evil.example:80", 403),
        ("Host: 127.0.0.2", 403),
        ("Host: 127.0.0.1.nip.io", 403),
        ("Host: 2130706433", 403),
        ("Host: localhost@evil.example", 400),
        ("Host: localhost:80:80", 400),
        ("Host: ", 400),
        ("Host: -", 400),
        ("Host: a b", 400),
        ("Host: localhost, evil.example", 400),
    ] {
        assert_eq!(status(&mut server, &[host]).await, expected, "{host}");
    }
    let twice = ["Host: localhost", "Host: evil.example"];
    assert_eq!(status(&mut server, &twice).await, 400);
    server.untouched();
}

#[tokio::test]
async fn answers_under_the_names_that_were_allowed() {
    let edge = Edge::default()
        .allow_host("MCP.example.com")
        .and_then(|edge| edge.allow_host("[2001:DB8::1]:8443"))
        .unwrap();
    let mut server = answering(edge).await;
    for (host, expected) in [
        ("Host: mcp.EXAMPLE.com", 200),
        ("Host: mcp.example.com:443", 200),
        ("Host: [2001:db8:0::1]:8443", 200),
        ("Host: [2001:db8::1]", 403),
        ("Host: a.mcp.example.com", 403),
    ] {
        assert_eq!(status(&mut server, &[host]).await, expected, "{host}");
    }
    assert!(Edge::default().allow_host("user@h").is_err());
    assert!(Edge::default().allow_origin("app.example.com").is_err());
}

#[tokio::test]
async fn answers_no_page_of_another_origin() {
    let edge = Edge::default()
        .allow_origin("https://App.example.com")
        .unwrap();
    let mut server = answering(edge).await;
    for (origin, expected) in [
        ("Origin: http://localhost:8080", 200),
        ("Origin: https://localhost:8080", 200),
        ("Origin: https://app.example.com", 200),
        ("Origin: https://app.example.com:443", 200),
        ("Origin: http://app.example.com", 403),
        ("Origin: http://localhost", 403),
        ("Origin: http://localhost:8081", 403),
        ("Origin: http://127.0.0.1:8080", 403),
        ("Origin: http://evil.example", 403),
        ("Origin: http://evil.example:8080", 403),
        ("Origin: null", 403),
        ("Origin: ", 403),
        ("Origin: file:///x", 403),
    ] {
        let lines = ["Host: localhost:8080", origin];
        assert_eq!(status(&mut server, &lines).await, expected, "{origin}");
    }
    let twice = [
        "Host: localhost:8080",
        "Origin: http://localhost:8080",
        "Origin: http://evil.example",
    ];
    assert_eq!(status(&mut server, &twice).await, 403);
    server.untouched();
}

#[tokio::test]
async fn answers_at_one_path_only() {
    let mut server = answering(Edge::default()).await;
    for path in ["/", "/mcp/", "/MCP", "//mcp", "/mcp/../mcp", "/%6dcp", "*"] {
        let method = if path == "*" { "OPTIONS" } else { "POST" };
        let text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(server.refused(text.as_bytes()).await.status, 404, "{path}");
    }
    let hidden = server
        .refused(b"POST /other HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        .await;
    assert_eq!(hidden.status, 403, "who may not ask learns no path");
    let mut elsewhere = answering(Edge::default().at_path("/a/b")).await;
    let mut raw = elsewhere.connect().await;
    let text = String::from_utf8(request(&[], "{}")).unwrap();
    raw.send(text.replace("/mcp", "/a/b?c").as_bytes()).await;
    elsewhere.echo().await;
    assert_eq!(raw.answer().await.status, 200);
}

#[tokio::test]
async fn a_target_in_absolute_form_must_name_the_same_host() {
    let mut server = answering(Edge::default()).await;
    for (target, expected) in [
        ("http://localhost/mcp", 200),
        ("http://evil.example/mcp", 400),
        ("http://localhost:81/mcp", 400),
        ("http://user@localhost/mcp", 400),
    ] {
        let text = String::from_utf8(request(&[], "{}")).unwrap();
        let text = text.replace("POST /mcp", &format!("POST {target}"));
        let mut raw = server.connect().await;
        raw.send(text.as_bytes()).await;
        let answered = tokio::select! {
            answered = raw.answer() => answered,
            _ = server.echo() => raw.answer().await,
        };
        assert_eq!(answered.status, expected, "{target}");
    }
}

#[tokio::test]
async fn lets_pages_of_allowed_origins_ask_and_read() {
    let edge = Edge::default()
        .allow_origin("https://app.example.com")
        .unwrap();
    let mut server = answering(edge).await;
    let preflight = |origin: &str, method: &str| {
        format!(
            "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: {method}\r\n\
             Access-Control-Request-Headers: content-type, mcp-param-region, x-evil\r\n\r\n"
        )
    };
    let asked = preflight("https://app.example.com", "POST");
    let answered = server.refused(asked.as_bytes()).await;
    assert_eq!(answered.status, 204);
    let header = |name| answered.header(name).unwrap().to_owned();
    assert_eq!(
        header("access-control-allow-origin"),
        "https://app.example.com"
    );
    assert_eq!(header("access-control-allow-methods"), "POST, GET, DELETE");
    assert_eq!(header("vary"), "origin");
    let allowed = header("access-control-allow-headers");
    assert!(allowed.contains("mcp-session-id") && allowed.ends_with(", mcp-param-region"));
    assert_eq!(answered.header("access-control-allow-credentials"), None);

    for (origin, method, expected) in [
        ("https://evil.example", "POST", 403),
        ("https://app.example.com", "PUT", 405),
    ] {
        let asked = preflight(origin, method);
        let answered = server.refused(asked.as_bytes()).await;
        assert_eq!(answered.status, expected);
    }

    let mut raw = server.connect().await;
    raw.send(&request(&["Origin: https://app.example.com"], "{}"))
        .await;
    let (_, answer) = server.post().await;
    let mut headers = HeaderMap::new();
    headers.insert("mcp-session-id", HeaderValue::from_static("s"));
    let reply = Reply::Empty {
        status: StatusCode::ACCEPTED,
        headers,
    };
    answer.send(reply).unwrap();
    let answered = raw.answer().await;
    assert_eq!(
        answered.header("access-control-allow-origin"),
        Some("https://app.example.com")
    );
    let exposed = answered.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("mcp-session-id"));

    raw.send(&request(&[], "{}")).await;
    server.echo().await;
    let answered = raw.answer().await;
    assert_eq!(answered.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn gives_documents_where_there_are_some_and_to_get_alone() {
    let ask = |method: &str, path: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n")
    };
    let edge = Edge::default().with_documents("/.well-known/d");
    let mut server = answering(edge).await;
    for path in ["/.well-known/d", "/.well-known/d/mcp/files"] {
        let mut raw = server.connect().await;
        raw.send(ask("GET", path).as_bytes()).await;
        let (get, answer) = server.get().await;
        assert_eq!(get.path, path);
        let body = "{}".into();
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let _ = answer.send(Reply::Json {
            status,
            headers,
            body,
        });
        assert_eq!(raw.answer().await.status, 200);
        let refused = server.refused(ask("POST", path).as_bytes()).await;
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("GET"))
        );
    }
    for path in ["/.well-known/", "/.well-known/dd", "/.well-known/d2/mcp"] {
        assert_eq!(
            server.refused(ask("GET", path).as_bytes()).await.status,
            404
        );
    }
    let mut without = answering(Edge::default()).await;
    let asked = ask("GET", "/.well-known/d");
    assert_eq!(without.refused(asked.as_bytes()).await.status, 404);
}
