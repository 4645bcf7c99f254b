//! Servers that answer badly.

use http::{HeaderMap, HeaderValue, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Client, ClientLimits, Fake, Response, body, events, post};
use crate::{error::TransportError, sse::EventLimits, witness::soon};

fn answer(head: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = b"HTTP/1.1 ".to_vec();
    text.extend_from_slice(head.join("\r\n").as_bytes());
    text.extend_from_slice(b"\r\n\r\n");
    text.extend_from_slice(body);
    text
}

#[tokio::test]
async fn follows_no_redirect_and_names_nothing_but_its_host() {
    let fake = Fake::start().await;
    for (location, expected) in [
        (
            "https://user:secret@Evil.example:99/path?secret#x",
            Some("evil.example"),
        ),
        ("//evil.example/secret", Some("evil.example")),
        ("/secret?u=https://evil.example/", Some("127.0.0.1")),
        ("http://[::2]/secret", Some("[::2]")),
        ("\u{b}secret", None),
        ("secret://", None),
    ] {
        for status in ["301 A", "302 B", "303 C", "307 D", "308 E"] {
            let line = format!("Location: {location}");
            let error = fake.says(&answer(&[status, &line], b"")).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("secret"), "{shown}");
            if location.starts_with('\u{b}') {
                continue; // no header at all
            }
            assert!(
                matches!(&error, TransportError::Redirected { host, .. } if host.as_deref() == expected),
                "{error:?}"
            );
        }
    }
    let error = fake.says(&answer(&["304 F"], b"")).await.unwrap_err();
    assert!(matches!(
        error,
        TransportError::Redirected { host: None, .. }
    ));
}

#[tokio::test]
async fn refuses_answers_of_other_kinds() {
    let fake = Fake::start().await;
    for head in [
        &["200 OK", "Content-Type: text/html"][..],
        &["200 OK"],
        &[
            "200 OK",
            "Content-Type: application/json",
            "Content-Encoding: gzip",
        ],
        &[
            "200 OK",
            "Content-Type: text/event-stream",
            "Content-Encoding: br",
        ],
        &[
            "200 OK",
            "Content-Type: application/json",
            "Content-Type: text/html",
        ],
        &["206 Part", "Content-Type: application/octet-stream"],
    ] {
        let response = fake.says(&answer(head, b"{}")).await;
        assert!(
            matches!(response, Err(TransportError::UnexpectedContent { .. })),
            "{head:?}: {response:?}"
        );
    }
}

#[tokio::test]
async fn a_document_that_is_cut_off_is_an_error() {
    let fake = Fake::start().await;
    for (line, part) in [
        ("Content-Length: 10", &b"{\"a\":1}"[..]),
        ("Transfer-Encoding: chunked", b"7\r\n{\"a\":1}\r\n"),
        ("Transfer-Encoding: chunked", b"9\r\n{\"a\":1}"),
        ("Transfer-Encoding: chunked", b"x\r\n"),
    ] {
        let head = ["200 OK", "Content-Type: application/json", line];
        let response = fake.says(&answer(&head, part)).await;
        assert!(
            matches!(response, Err(TransportError::Cut(_))),
            "{line}: {response:?}"
        );
    }
}

#[tokio::test]
async fn answers_that_are_no_http_are_errors() {
    let fake = Fake::start().await;
    for garbage in [
        &b""[..],
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
    ] {
        let response = fake.says(garbage).await;
        assert!(
            matches!(response, Err(TransportError::Exchange(_))),
            "{}: {response:?}",
            garbage.escape_ascii()
        );
    }
}

#[tokio::test]
async fn documents_and_heads_are_bounded() {
    let fake = Fake::start().await;
    let limits = ClientLimits {
        body_bytes: 100,
        headers: 20,
        header_bytes: 10_000,
        ..ClientLimits::default()
    };
    let client = fake.limited(limits);
    let json =
        |line: &str, body: &[u8]| answer(&["200 OK", "Content-Type: application/json", line], body);
    let most = vec![b'x'; 100];
    let response = fake
        .says_to(&client, &json("Content-Length: 100", &most))
        .await;
    assert_eq!(body(response), most);
    let chunked = [&b"65\r\n"[..], &most, b"x\r\n0\r\n\r\n"].concat();
    for endless in [
        json("Content-Length: 101", b""),
        json("Content-Length: 999999999999", b""),
        json("Transfer-Encoding: chunked", &chunked),
        json("Connection: close", &[b'x'; 5000]),
    ] {
        let response = fake.says_to(&client, &endless).await;
        assert!(
            matches!(response, Err(TransportError::BodyTooLong { limit: 100 })),
            "{response:?}"
        );
    }
    let many: Vec<String> = (0..30).map(|n| format!("X-{n}: y")).collect();
    let long = format!("X: {}", "y".repeat(40_000));
    for line in [many.join("\r\n"), long] {
        let response = fake.says_to(&client, &json(&line, b"{}")).await;
        assert!(matches!(response, Err(TransportError::Exchange(_))));
    }
}

#[tokio::test]
async fn of_a_refusal_only_the_start_is_read() {
    let fake = Fake::start().await;
    let client = fake.client();
    let endless = async {
        let (mut socket, _) = fake.heard().await;
        let head = answer(&["500 Oh", "Content-Type: text/html"], b"");
        socket.write_all(&head).await.unwrap();
        let mut sent = 0;
        while sent < 100 && socket.write_all(&[b'x'; 1 << 20]).await.is_ok() {
            sent += 1;
        }
        sent
    };
    let (response, sent) = tokio::join!(post(&client, "{}"), endless);
    let Ok(Response::Refused { status, body, .. }) = response else {
        panic!("{response:?}");
    };
    assert_eq!((status.as_u16(), body.len()), (500, 64 * 1024));
    assert!(sent < 50, "{sent} MiB were read");
    // One that is cut off is still a refusal.
    let cut = answer(&["503 Gone", "Content-Length: 100"], b"half");
    let response = fake.says(&cut).await;
    assert!(matches!(response, Ok(Response::Refused { body, .. }) if body == "half"));
}

#[tokio::test]
async fn event_streams_are_bounded_and_their_ends_are_told_apart() {
    let fake = Fake::start().await;
    let limits = ClientLimits {
        event: EventLimits {
            line_bytes: 50,
            event_bytes: 80,
        },
        ..ClientLimits::default()
    };
    let client = fake.limited(limits);
    let stream = |body: &str| {
        let length = format!("Content-Length: {}", body.len());
        let head = [
            "200 OK",
            "Content-Type: text/event-stream; charset=utf-8",
            &length,
        ];
        answer(&head, body.as_bytes())
    };
    let long = format!("data: 1\n\ndata: {}", "x".repeat(60));
    let wide = format!("data: 1\n\n{}", "data: 12345\n".repeat(10));
    type Is = fn(&TransportError) -> bool;
    let table: [(&str, Is); 3] = [
        (&long, |error| {
            matches!(error, TransportError::LineTooLong { limit: 50 })
        }),
        (&wide, |error| {
            matches!(error, TransportError::EventTooLong { limit: 80 })
        }),
        ("data: 1\n\ndata: 2\n", |error| {
            matches!(error, TransportError::EventTruncated { bytes: 8 })
        }),
    ];
    for (body, is) in table {
        let mut events = events(fake.says_to(&client, &stream(body)).await);
        assert_eq!(events.next().await.unwrap().unwrap().data().unwrap(), "1");
        let error = events.next().await.unwrap_err();
        assert!(is(&error), "{error:?}");
        assert!(events.next().await.unwrap().is_none(), "nothing follows");
    }
    // A connection that breaks is no end, even between two events.
    let cut = answer(
        &[
            "200 OK",
            "Content-Type: text/event-stream",
            "Transfer-Encoding: chunked",
        ],
        b"9\r\ndata: 1\n\n\r\n",
    );
    let mut events = events(fake.says(&cut).await);
    assert!(events.next().await.unwrap().is_some());
    let broken = events.next().await;
    assert!(
        matches!(broken, Err(TransportError::Exchange(_))),
        "{broken:?}"
    );
}

#[tokio::test]
async fn credentials_are_in_no_error_and_no_debug_output() {
    let fake = Fake::start().await;
    let port = fake.0.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/secret-path?key=secret-key");
    let client = Client::new(&url, ClientLimits::default(), None).unwrap();
    let mut headers = HeaderMap::new();
    let bearer = HeaderValue::from_static("Bearer secret-token");
    headers.insert(header::AUTHORIZATION, bearer);
    let head = [
        "200 OK",
        "Content-Type: text/html",
        "Mcp-Session-Id: secret-session",
    ];
    let mut shown = format!("{client:?}");
    for said in [
        answer(&head, b"secret-body"),
        answer(&["401 No", head[2]], b"secret-body"),
        b"secret-garbage\r\n\r\n".to_vec(),
    ] {
        let speak = async {
            let (mut socket, head) = fake.heard().await;
            assert!(head.contains("secret-token") && head.contains("/secret-path?key=secret-key"));
            socket.write_all(&said).await.unwrap();
            socket.shutdown().await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        };
        let asked = soon("an answer", client.post("secret-message", headers.clone()));
        let (response, ()) = tokio::join!(asked, speak);
        shown.push_str(&format!("{response:?}"));
        if let Err(error) = response {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                shown.push_str(&format!("{error} {error:?}"));
                cause = error.source();
            }
        }
    }
    drop(fake);
    let error = client.post("{}", headers).await.unwrap_err();
    assert!(matches!(&error, TransportError::Connect { host, .. } if host == "127.0.0.1"));
    shown.push_str(&format!("{error} {error:?}"));
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn a_session_that_was_ended_is_ended_whatever_is_said_about_it() {
    let fake = Fake::start().await;
    let client = fake.client();
    let ending = client.delete(HeaderMap::new());
    let serve = async {
        let (mut socket, _) = fake.heard().await;
        let said = answer(&["200 OK", "Transfer-Encoding: chunked"], b"0\r\n\r\n");
        socket.write_all(&said).await.unwrap();
        socket
    };
    let (ended, _socket) = tokio::join!(ending, serve);
    assert!(matches!(ended, Ok(Response::Accepted { .. })), "{ended:?}");
}
