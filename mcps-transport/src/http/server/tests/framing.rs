//! Where a request ends: nothing cut off is handed on, nothing smuggled is read as a request.

use tokio::io::AsyncWriteExt as _;

use super::{Running, request};
use crate::http::server::HttpLimits;

/// What a smuggler wants to have read as a request of its own.
const SMUGGLED: &str = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\nsmuggled";

#[tokio::test]
async fn a_chunked_body_arrives_whole() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    let chunks = "3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\nTrailer: ignored\r\n\r\n";
    raw.send(&request(&["Transfer-Encoding: chunked"], chunks))
        .await;
    assert_eq!(server.echo().await.body, "{\"a\":1}");
    assert_eq!(raw.answer().await.body, b"{\"a\":1}");
    raw.send(&request(&[], "{}")).await;
    server.echo().await;
    assert_eq!(raw.answer().await.body, b"{}", "the connection goes on");
}

#[tokio::test]
async fn refuses_requests_that_end_in_two_places() {
    let mut server = Running::start().await;
    for lines in [
        &["Content-Length: 2", "Content-Length: 3"][..],
        &["Content-Length: 2, 3"],
        &["Content-Length: +2"],
        &["Content-Length: -2"],
        &["Content-Length: 0x2"],
        &["Content-Length: 2 2"],
        &["Content-Length: 99999999999999999999"],
        &["Content-Length: "],
        &["Content-Length : 2"],
        &["Transfer-Encoding: identity"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding: chunked, identity"],
        &["Transfer-Encoding : chunked"],
        &["Transfer-Encoding: \x0bchunked"],
        &[" Transfer-Encoding: chunked"],
        &["X: y\r\n Transfer-Encoding: chunked"],
        &["X: y\nTransfer-Encoding: identity"],
        &["X: y\rTransfer-Encoding: chunked"],
        &["X\0: y"],
        &["X: y\0"],
    ] {
        let mut text = request(lines, "{}");
        text.extend_from_slice(SMUGGLED.as_bytes());
        let mut raw = server.connect().await;
        raw.send(&text).await;
        let answered = raw.head().await;
        assert_eq!(answered.status, 400, "{lines:?}");
        raw.rest().await;
        server.untouched();
    }
    for lines in [
        &["Transfer-Encoding: gzip, chunked"][..],
        &["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
        &["Transfer-Encoding: chunked, chunked"],
    ] {
        let mut raw = server.connect().await;
        raw.send(&request(lines, "0\r\n\r\n")).await;
        let status = raw.head().await.status;
        assert!([400, 501].contains(&status), "{lines:?}: {status}");
        server.untouched();
    }
}

#[tokio::test]
async fn refuses_request_lines_and_versions_that_are_none() {
    let mut server = Running::start().await;
    for line in [
        "POST /mcp",
        "POST /mcp HTTP/2.0",
        "POST /mcp HTTP/1.1 x",
        "POST  /mcp HTTP/1.1",
        "POST /m cp HTTP/1.1",
        "POST /mcp\0 HTTP/1.1",
        "\u{16}\u{3}\u{1}",
        "PRI * HTTP/2.0",
    ] {
        let mut raw = server.connect().await;
        raw.send(format!("{line}\r\nHost: localhost\r\n\r\n").as_bytes())
            .await;
        let rest = raw.rest().await;
        let text = String::from_utf8_lossy(&rest);
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 4"),
            "{line:?}: {text}"
        );
        server.untouched();
    }
    let mut raw = server.connect().await;
    let old = String::from_utf8(request(&["Transfer-Encoding: chunked"], "0\r\n\r\n")).unwrap();
    raw.send(old.replace("HTTP/1.1", "HTTP/1.0").as_bytes())
        .await;
    assert_eq!(raw.head().await.status, 400, "HTTP/1.0 has no chunks");
    server.untouched();
}

#[tokio::test]
async fn reads_what_is_framed_twice_by_chunks_and_then_closes() {
    for both in [
        ["Content-Length: 6", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 6"],
    ] {
        let mut server = Running::start().await;
        let mut raw = server.connect().await;
        let mut text = request(&both, "0\r\n\r\n");
        text.extend_from_slice(SMUGGLED.as_bytes());
        raw.send(&text).await;
        let post = server.echo().await;
        assert!(post.body.is_empty(), "the chunks count: {both:?}");
        let rest = String::from_utf8(raw.rest().await).unwrap();
        assert_eq!(rest.matches("HTTP/1.1").count(), 1, "one answer: {rest}");
        server.untouched();
    }
}

#[tokio::test]
async fn malformed_chunks_are_refused() {
    let mut server = Running::start().await;
    for chunks in [
        "g\r\n",
        "-1\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "ffffffffffffffffff\r\n{}",
        "\r\n{}\r\n0\r\n\r\n",
    ] {
        let mut raw = server.connect().await;
        raw.send(&request(&["Transfer-Encoding: chunked"], chunks))
            .await;
        let _ = raw.0.shutdown().await;
        let text = String::from_utf8(raw.rest().await).unwrap();
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 400"),
            "{chunks:?}: {text}"
        );
        server.untouched();
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_never_reaches_the_endpoint() {
    let mut server = Running::start().await;
    for (lines, part) in [
        (&["Content-Length: 100"][..], "{\"complete\":\"json\"}"),
        (&["Content-Length: 1"], ""),
        (&["Transfer-Encoding: chunked"], "2\r\n{}\r\n"),
        (&["Transfer-Encoding: chunked"], "2\r\n{}\r\n0\r\n"),
        (&["Transfer-Encoding: chunked"], "5\r\n{}"),
    ] {
        let mut raw = server.connect().await;
        raw.send(&request(lines, part)).await;
        raw.0.shutdown().await.unwrap();
        raw.rest().await;
        server.untouched();
    }
}

#[tokio::test]
async fn refuses_heads_beyond_the_limits() {
    let limits = HttpLimits {
        header_bytes: 16 * 1024,
        headers: 20,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let many: Vec<String> = (0..30).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(server.refused(&request(&many, "{}")).await.status, 431);
    let long = format!("X: {}", "y".repeat(17 * 1024));
    assert_eq!(server.refused(&request(&[&long], "{}")).await.status, 431);
    let path = format!("POST /{} HTTP/1.1\r\n", "p".repeat(200 * 1024));
    let answered = server.refused(path.as_bytes()).await;
    assert!([414, 431].contains(&answered.status), "{answered:?}");
    let most = format!("X: {}", "y".repeat(15 * 1024));
    let mut raw = server.connect().await;
    raw.send(&request(&[&most], "{}")).await;
    server.echo().await;
    assert_eq!(raw.answer().await.status, 200);
}

#[tokio::test]
async fn refuses_bodies_beyond_the_limit_and_takes_the_largest() {
    let limits = HttpLimits {
        body_bytes: 1000,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let (most, more) = ("x".repeat(1000), "x".repeat(1001));
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let lines = ["Transfer-Encoding: chunked"];
    assert_eq!(server.refused(&request(&[], &more)).await.status, 413);
    let answered = server.refused(&request(&lines, &chunked(&more))).await;
    assert_eq!(answered.status, 413);
    for text in [request(&[], &most), request(&lines, &chunked(&most))] {
        let mut raw = server.connect().await;
        raw.send(&text).await;
        assert_eq!(server.echo().await.body.len(), 1000);
        assert_eq!(raw.answer().await.status, 200);
    }
}

#[tokio::test]
async fn all_bodies_together_are_bounded_and_refused_beyond() {
    let limits = HttpLimits {
        bodies_bytes: 250,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let body = "x".repeat(100);
    let mut clients = Vec::new();
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut raw = server.connect().await;
        raw.send(&request(&[], &body)).await;
        held.push(server.post().await);
        clients.push(raw);
    }
    let answered = server.refused(&request(&[], &body)).await;
    assert_eq!(answered.status, 503);
    assert_eq!(answered.header("retry-after"), Some("1"));
    let (post, answer) = held.pop().unwrap();
    drop(post);
    let mut raw = server.connect().await;
    raw.send(&request(&[], &body)).await;
    server.echo().await;
    assert_eq!(raw.answer().await.status, 200, "there is room again");
    drop((answer, held));
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on_only_if_its_body_is_wanted() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    raw.send(&request(&["Expect: 100-continue", "Content-Length: 2"], ""))
        .await;
    assert_eq!(raw.head().await.status, 100);
    raw.send(b"{}").await;
    server.echo().await;
    assert_eq!(raw.answer().await.status, 200);
    let large = ["Expect: 100-continue", "Content-Length: 104857600"];
    assert_eq!(server.refused(&request(&large, "")).await.status, 413);
}

#[tokio::test]
async fn no_bytes_end_the_listener() {
    let limits = HttpLimits {
        body_bytes: 10_000,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let seed = request(
        &["Transfer-Encoding: chunked", "Origin: http://localhost"],
        "2;a=b\r\n{}\r\n0\r\nT: u\r\n\r\n",
    );
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for _ in 0..500 {
        let mut bytes = seed.clone();
        for _ in 0..=random(4) {
            if bytes.is_empty() {
                break;
            }
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = u8::try_from(random(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\r\n\0:; \t\xff"[random(8)]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let mut raw = server.connect().await;
        raw.send(&bytes).await;
        let _ = raw.0.shutdown().await;
        // What is still a request may arrive. Where bytes follow it, it is not seen that its client
        // has left, until it is answered.
        tokio::select! {
            _ = raw.rest() => {}
            () = server.echo_all() => {}
        }
    }
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    tokio::select! {
        answered = raw.answer() => assert_eq!(answered.status, 200),
        () = server.echo_all() => {}
    }
}
