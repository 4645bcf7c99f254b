//! What can go wrong on our own side of the wire, in words for the person who runs it.

use std::path::PathBuf;

use mcps_core::key::KeyError;
use mcps_core::passport::Kind;
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;

/// A failure of the client, the wrapper or their set-up; what peers are told is a
/// [`Refusal`] instead.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file of the home directory cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read`, `write`, `create`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the home directory is missing and a command makes it.
    #[error("{} does not exist; {next}", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What to do.
        next: &'static str,
    },
    /// A file already exists and would be lost.
    #[error("{} exists already; {next}", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
        /// What to do.
        next: &'static str,
    },
    /// A file does not hold what it should.
    #[error("{} is not usable: {why}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A passport of a kind that no peer accepts from this end.
    #[error("{} is of kind {kind}, and here one of kind {} or {} is needed; name another home with --home DIR or MCPS_HOME, or make one: mcps --home DIR passport request --kind {} …", path.display(), may[0], may[1], may[0])]
    WrongKind {
        /// Which file.
        path: PathBuf,
        /// What it is.
        kind: Kind,
        /// What it may be, the usual first.
        may: [Kind; 2],
    },
    /// A private key others can read.
    #[error("{} can be read by others (mode {mode:o}); run: chmod 600 {}", path.display(), path.display())]
    KeyMode {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The address to listen at cannot be had.
    #[error("cannot listen at {address}: {source}; choose another with --listen")]
    Listen {
        /// Address and port.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Callers could not know whom to sign for.
    #[error(
        "{0} names no machine that callers could sign for; say under which URL they reach us: --public-url https://HOST[:PORT]/mcp"
    )]
    NoPublicUrl(std::net::SocketAddr),
    /// An address on the command line is none.
    #[error("{option}: {why}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What is wrong with it.
        why: TransportError,
    },
    /// The client certificate is none.
    #[error("{} holds no client certificate with its key; put both into it, PEM, the certificate first, or remove it", .0.display())]
    ClientCertificate(std::path::PathBuf),
    /// The authority's address is not one.
    #[error("`{0}` is not an http:// or https:// address of a trust authority")]
    Address(String),
    /// The authority did not answer.
    #[error("trust authority {url} did not answer: {why}; check that it runs: curl {url}/readyz")]
    Unreachable {
        /// Its base address.
        url: String,
        /// The failure, without addresses' query parts.
        why: String,
    },
    /// The authority answered with a problem (RFC 9457).
    #[error("trust authority refused ({status}): {title}{}{detail}", if detail.is_empty() { "" } else { ": " })]
    Problem {
        /// HTTP status.
        status: u16,
        /// The problem's title.
        title: String,
        /// The problem's detail.
        detail: String,
    },
    /// The authority answered with something else than its API says.
    #[error("trust authority {url} answered with something unexpected: {why}")]
    Answer {
        /// Its base address.
        url: String,
        /// What was wrong.
        why: String,
    },
    /// Nothing can be fetched from this machine.
    #[error("no documents can be fetched over HTTPS: {0}")]
    Web(&'static str),
    /// A server elsewhere is to be reached without TLS.
    #[error("http:// to {host} has no TLS: whoever is on the way reads every message and token")]
    Insecure {
        /// Its host.
        host: String,
    },
    /// Something else stands where an access token should. It is neither shown nor sent.
    #[error(
        "{place} does not hold an access token, which is one line of letters, digits and -._~+/ with = at its end (RFC 6750); put the token there, and nothing else"
    )]
    AccessToken {
        /// The file or variable.
        place: String,
    },
    /// A token would be sent where everybody on the way reads it.
    #[error(
        "http:// to {host} has no TLS, and whoever reads an access token can use it (RFC 6750 §5.3); write https://, or reach {host} through a tunnel that begins on this machine"
    )]
    TokenInClear {
        /// The server's host.
        host: String,
    },
    /// The server over HTTP does not know our session any more.
    #[error(
        "{server} ended the session (it was restarted, or the session was idle for too long); start the client again"
    )]
    SessionEnded {
        /// Where the server is.
        server: String,
    },
    /// The protocol refused something of ours.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The machine has no randomness.
    #[error(transparent)]
    Random(#[from] mcps_core::random::RandomError),
    /// Bytes could not be moved.
    #[error(transparent)]
    Transport(#[from] TransportError),
}
