//! What is spoken at a TCP port: HTTP in clear, or something else, which for our services is TLS.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long somebody may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// A request that every HTTP server answers.
const ASKED: &[u8] = b"GET /healthz HTTP/1.0\r\n\r\n";

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// No connection comes about.
    Nobody,
    /// HTTP without TLS.
    Clear,
    /// A connection, and no HTTP without TLS.
    Other,
}

/// Asks `host` (without brackets) at a port.
pub(super) async fn at(host: &str, port: u16) -> Spoken {
    let connected = timeout(PATIENCE, TcpStream::connect((host, port))).await;
    let Ok(Ok(mut stream)) = connected else {
        return Spoken::Nobody;
    };
    let mut head = [0; 5];
    let asked = async {
        stream.write_all(ASKED).await?;
        stream.read_exact(&mut head).await
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(_)) if head == *b"HTTP/" => Spoken::Clear,
        _ => Spoken::Other,
    }
}
