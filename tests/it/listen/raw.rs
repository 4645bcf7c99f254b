//! Somebody who writes to a listening wrapper what no HTTP client would.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Scene;
use crate::wire::PATIENCE;

/// What a smuggler wants to have read as a request of its own.
pub(super) const SMUGGLED: &str = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// A POST that is as it should be, but for the lines given; one that is only a name and a colon
/// leaves the line out.
pub(super) fn post(lines: &[&str], body: &str) -> String {
    let given = |name: &str| {
        let mut lines = lines.iter().map(|line| line.to_ascii_lowercase());
        lines.any(|line| line.starts_with(name))
    };
    let mut text = "POST /mcp HTTP/1.1\r\n".to_owned();
    for (name, line) in [
        ("host:", "Host: localhost"),
        ("content-type:", "Content-Type: application/json"),
        ("accept:", "Accept: application/json, text/event-stream"),
        ("connection:", "Connection: close"),
    ] {
        if !given(name) {
            text.push_str(&format!("{line}\r\n"));
        }
    }
    for line in lines.iter().filter(|line| !line.ends_with(':')) {
        text.push_str(&format!("{line}\r\n"));
    }
    if !given("content-length") && !given("transfer-encoding") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text + "\r\n" + body
}

/// One connection.
pub(super) struct Raw(pub(super) TcpStream);

impl Raw {
    pub(super) async fn to(scene: &Scene) -> Self {
        let address = scene.url.strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/mcp").unwrap();
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Writes, as far as it is read.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        let written = tokio::time::timeout(PATIENCE, self.0.write_all(bytes)).await;
        written.expect("nobody reads").is_ok()
    }

    /// All that comes until the other end closes, in whatever way it does.
    pub(super) async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let read = self.0.read_to_end(&mut rest);
        let read = tokio::time::timeout(PATIENCE, read).await;
        drop(read.expect("it is not closed"));
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Sends a request: all that is answered.
pub(super) async fn says(scene: &Scene, request: &str) -> String {
    let mut raw = Raw::to(scene).await;
    raw.send(request.as_bytes()).await;
    raw.rest().await
}

/// Sends the beginning of a request and leaves: all that is answered, which may be nothing.
pub(super) async fn begins(scene: &Scene, part: &str) -> String {
    let mut raw = Raw::to(scene).await;
    raw.send(part.as_bytes()).await;
    drop(raw.0.shutdown().await);
    raw.rest().await
}

/// The status of an answer; `None` where there is none.
pub(super) fn status(answer: &str) -> Option<u16> {
    let line = answer.strip_prefix("HTTP/1.1 ")?;
    line.get(..3)?.parse().ok()
}
