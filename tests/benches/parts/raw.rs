//! A socket that writes ready-made bytes and reads to the end of the answer: so little that what is
//! measured is what stands behind it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::it::listen::load::era::Era;
use super::plain::Plain;

/// One connection that is kept, in a session of its own.
pub(super) struct Raw {
    socket: TcpStream,
    head: String,
    tool: &'static str,
    id: u64,
    read: Vec<u8>,
}

impl Raw {
    pub(super) async fn open(url: &str, tool: &'static str) -> Self {
        let plain = Plain::open(url, Era::Legacy, tool).await;
        let (host, path) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let session = plain.session.as_ref().map(|name| name.to_str().unwrap());
        let session = session.map_or_else(String::new, |session| {
            format!("mcp-session-id: {session}\r\nmcp-protocol-version: 2025-11-25\r\n")
        });
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{session}"
        );
        let socket = TcpStream::connect(host).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            head,
            tool,
            id: 0,
            read: Vec::with_capacity(4096),
        }
    }

    pub(super) async fn call(&mut self) {
        self.id += 1;
        let body = Era::Legacy.call(self.id, self.tool, "");
        let text = format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len());
        self.socket.write_all(text.as_bytes()).await.unwrap();
        self.read.clear();
        loop {
            let read = self.socket.read_buf(&mut self.read).await.unwrap();
            assert!(read > 0, "it was closed");
            if let Some(answer) = complete(&self.read) {
                assert!(answer.contains(r#""result""#), "{answer}");
                return;
            }
        }
    }
}

/// The body, once all of it is here.
fn complete(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{text}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    (body.len() == length.unwrap()).then_some(body)
}
