//! A server over HTTP by hand: one request as it came, and an answer of any bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcps_client::token::Presented;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::PATIENCE;

/// One request, and the connection that waits for its answer.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    socket: TcpStream,
}

impl Asked {
    /// Reads one request to its end.
    pub(crate) async fn read(mut socket: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            let mut chunk = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, socket.read(&mut chunk)).await;
            let read = read.unwrap().unwrap();
            assert!(read > 0, "the request was cut");
            bytes.extend_from_slice(&chunk[..read]);
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let method = words.next().unwrap().to_owned();
        let path = words.next().unwrap().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut asked = Self {
            method,
            path,
            headers,
            body: bytes[end + 4..].to_vec(),
            socket,
        };
        let length = asked.header("content-length").unwrap_or("0");
        let length: usize = length.parse().unwrap();
        let have = asked.body.len();
        asked.body.resize(length, 0);
        if have < length {
            let rest = &mut asked.body[have..];
            asked.socket.read_exact(rest).await.unwrap();
        }
        asked
    }

    /// The one header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(is, _)| is == name);
        let (_, value) = named.next()?;
        assert!(named.next().is_none(), "{name} is repeated");
        Some(value)
    }

    /// The access token that it came with.
    pub(crate) fn token(&self) -> Presented {
        let mut headers = reqwest::header::HeaderMap::new();
        let values = self
            .headers
            .iter()
            .filter(|(name, _)| name == "authorization");
        for (_, value) in values {
            let value = reqwest::header::HeaderValue::from_str(value).unwrap();
            headers.append(reqwest::header::AUTHORIZATION, value);
        }
        Presented::of(&headers)
    }

    /// Answers with these bytes and closes.
    pub(crate) async fn raw(mut self, text: &str) {
        // Who was asked may have given up.
        drop(self.socket.write_all(text.as_bytes()).await);
        drop(self.socket.shutdown().await);
    }

    /// Answers with these bytes, one after the other, until nobody reads them any more.
    pub(crate) async fn drip(mut self, text: &str, pause: Duration) {
        for byte in text.bytes() {
            if self.socket.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Answers with a chunked body that begins with a text and repeats another for 100 MB, for as long as
    /// somebody reads it. What left is counted.
    pub(crate) async fn pour(mut self, kind: &str, begin: &str, again: &str, poured: &AtomicUsize) {
        let head = format!(
            "HTTP/1.1 200 X\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let mut left = self
            .socket
            .write_all((head + &chunk(begin)).as_bytes())
            .await;
        let again = chunk(again);
        for _ in 0..100_000_000_usize.div_ceil(again.len()) {
            if left.is_err() {
                return;
            }
            left = self.socket.write_all(again.as_bytes()).await;
            poured.fetch_add(again.len(), Ordering::SeqCst);
        }
        drop(self.socket.write_all(b"0\r\n\r\n").await);
    }

    /// Answers with a JSON document and closes.
    pub(crate) async fn json(self, status: u16, headers: &str, body: &str) {
        let length = body.len();
        self.raw(&format!(
            "HTTP/1.1 {status} X\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
        .await;
    }

    /// Answers without a body and closes.
    pub(crate) async fn empty(self, status: u16, headers: &str) {
        self.raw(&format!(
            "HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
        ))
        .await;
    }

    /// Begins an event stream.
    pub(crate) async fn events(mut self, headers: &str) -> Stream {
        let head = format!(
            "HTTP/1.1 200 OK\r\n{headers}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        self.socket.write_all(head.as_bytes()).await.unwrap();
        Stream(self.socket)
    }
}

/// An event stream that the server writes. Dropping it cuts it.
pub(crate) struct Stream(TcpStream);

impl Stream {
    /// Sends one event.
    pub(crate) async fn event(&mut self, data: &str) {
        self.text(&format!("data: {data}\n\n")).await;
    }

    /// Sends one event with an id.
    pub(crate) async fn event_with(&mut self, id: &str, data: &str) {
        self.text(&format!("id: {id}\ndata: {data}\n\n")).await;
    }

    /// Sends something.
    pub(crate) async fn text(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        // Who was asked may have given up.
        drop(self.0.write_all(chunk.as_bytes()).await);
    }

    /// Ends the stream as HTTP ends a body.
    pub(crate) async fn end(mut self) {
        drop(self.0.write_all(b"0\r\n\r\n").await);
        drop(self.0.shutdown().await);
    }

    /// Waits until whoever asked has closed the connection.
    pub(crate) async fn closed(mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut byte)).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "it is still open");
    }
}
