//! Asking for the TXT records of a name (RFC 1035): one question, to resolvers that were named or are
//! public, over UDP and where that is too small over TCP.

mod message;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mcps_core::random::{Random, RandomError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use self::message::{Answer, Malformed, Question};
use super::is_public;

/// How long one resolver may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most resolvers that are asked.
const RESOLVERS: usize = 3;
/// Largest answer over UDP that is asked for.
pub(super) const UDP_BYTES: u16 = 1232;
const PORT: u16 = 53;

/// Why nothing is known of a name's TXT records.
#[derive(Debug, thiserror::Error)]
pub enum TxtError {
    /// There is nobody to ask.
    #[error(
        "this authority has no public resolver to ask; name one when it starts: mcps-authority serve --dns-resolver ADDRESS"
    )]
    NoResolver,
    /// It is no name.
    #[error("it has no name that could be asked for")]
    Name,
    /// Nobody answers.
    #[error("no resolver answers")]
    Silent(#[source] io::Error),
    /// What is answered is no answer.
    #[error("a resolver answers what is no DNS message")]
    Malformed(#[from] Malformed),
    /// The resolver failed.
    #[error("a resolver failed with code {0}")]
    Failed(u8),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Those of this machine's resolvers (`/etc/resolv.conf`) that are public: one in a private network may
/// know names that nobody else knows, and whoever asks for it has to say so.
#[must_use]
pub(super) fn public_resolvers(file: &Path) -> Vec<SocketAddr> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let server = words.next() == Some("nameserver");
        words.next().filter(|_| server)?.parse::<IpAddr>().ok()
    });
    let public = addresses.filter(|address| is_public(*address));
    public.map(|address| (address, PORT).into()).collect()
}

/// What the TXT records of a name hold; of none, nothing.
///
/// # Errors
/// [`TxtError`] of the last resolver that was asked, when all fail.
pub(super) async fn ask(
    resolvers: &[SocketAddr],
    name: &str,
    random: &dyn Random,
) -> Result<Vec<Vec<u8>>, TxtError> {
    let mut failed = TxtError::NoResolver;
    for resolver in resolvers.iter().take(RESOLVERS) {
        let mut id = [0; 2];
        random.fill(&mut id)?;
        let question = Question::new(u16::from_be_bytes(id), name).ok_or(TxtError::Name)?;
        let asked = timeout(PATIENCE, ask_one(*resolver, &question)).await;
        match asked.unwrap_or_else(|_| Err(TxtError::Silent(io::ErrorKind::TimedOut.into()))) {
            Ok(found) => return Ok(found),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn ask_one(resolver: SocketAddr, question: &Question) -> Result<Vec<Vec<u8>>, TxtError> {
    let answer = match over_udp(resolver, question).await? {
        answer if answer.truncated => over_tcp(resolver, question).await?,
        answer => answer,
    };
    match answer.code {
        0 => Ok(answer.texts),
        // A name that does not exist has no records, whatever comes along.
        3 => Ok(Vec::new()),
        code => Err(TxtError::Failed(code)),
    }
}

async fn over_udp(resolver: SocketAddr, question: &Question) -> Result<Answer, TxtError> {
    let own: IpAddr = match resolver {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await.map_err(TxtError::Silent)?;
    // From now on only what comes from there arrives.
    socket.connect(resolver).await.map_err(TxtError::Silent)?;
    let sent = socket.send(&question.encode()).await;
    sent.map_err(TxtError::Silent)?;
    let mut buffer = [0; 4096];
    loop {
        let read = socket.recv(&mut buffer).await.map_err(TxtError::Silent)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        // Whoever guesses answers to another question; the right one may still come.
        if let Some(answer) = question.answer(bytes)? {
            return Ok(answer);
        }
    }
}

async fn over_tcp(resolver: SocketAddr, question: &Question) -> Result<Answer, TxtError> {
    let mut stream = TcpStream::connect(resolver)
        .await
        .map_err(TxtError::Silent)?;
    let asked = question.encode();
    let length = u16::try_from(asked.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes()[..], &asked].concat();
    stream.write_all(&framed).await.map_err(TxtError::Silent)?;
    let length = stream.read_u16().await.map_err(TxtError::Silent)?;
    let mut bytes = vec![0; usize::from(length)];
    stream
        .read_exact(&mut bytes)
        .await
        .map_err(TxtError::Silent)?;
    let answer = question.answer(&bytes)?;
    answer.ok_or(TxtError::Malformed(Malformed))
}
