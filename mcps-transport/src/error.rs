//! What can go wrong between bytes and frames, and whose doing it was.

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderName, StatusCode};
use rustls::pki_types::pem;

use crate::peer::Peer;

/// A failure of the transport. None of them carries content of a message.
///
/// It is `Clone` because the failure of a writer is told to each of its senders.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The peer's fault: it stopped reading while we still had something for it (EPIPE).
    #[error("{peer} closed its input while messages were still being sent to it")]
    HungUp {
        /// Who stopped reading.
        peer: Peer,
    },
    /// The peer's fault: it left what we wrote unread until the connection had to close.
    #[error("{peer} did not read the last messages within {} ms", waited.as_millis())]
    Stalled {
        /// Who does not read.
        peer: Peer,
        /// How long we waited.
        waited: Duration,
    },
    /// The system's fault: reading failed for another reason than the end of the stream.
    #[error("reading from {peer} failed")]
    Read {
        /// From whom.
        peer: Peer,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The system's fault: writing failed for another reason than a closed stream.
    #[error("writing to {peer} failed")]
    Write {
        /// To whom.
        peer: Peer,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Our own fault: a frame was sent after the outbox was finished.
    #[error("a message for {peer} came after the connection was closed")]
    Finished {
        /// For whom it was.
        peer: Peer,
    },
    /// Our own fault: a frame may hold neither a line feed nor a carriage return, since some
    /// readers would see two messages in it.
    #[error("a frame must be one line, but byte {offset} is a line end")]
    NotOneLine {
        /// Where the first line end is.
        offset: usize,
    },
    /// The peer's fault: a line of its event stream is longer than we take.
    #[error("a line of the event stream is longer than {limit} bytes")]
    LineTooLong {
        /// The most we take.
        limit: usize,
    },
    /// The peer's fault: an event of its stream is longer than we take.
    #[error("an event of the event stream is longer than {limit} bytes")]
    EventTooLong {
        /// The most we take.
        limit: usize,
    },
    /// The peer's fault: its event stream ended inside an event, which was not delivered.
    #[error("the event stream ended inside an event, of which {bytes} bytes had come")]
    EventTruncated {
        /// How much of it came.
        bytes: usize,
    },
    /// Our own fault: the name or id of an event holds a line end, or an id NUL.
    #[error("byte {offset} cannot stand in the name or id of an event")]
    NotAFieldValue {
        /// Where it is.
        offset: usize,
    },
    /// The peer's fault: a header that may stand only once is there several times.
    #[error("the header {name} is repeated")]
    HeaderRepeated {
        /// Which header.
        name: HeaderName,
    },
    /// The peer's fault: the value of a header is not of its form.
    #[error("the value of the header {name} is malformed")]
    HeaderMalformed {
        /// Which header.
        name: HeaderName,
    },
    /// The fault of a tool's author: no header can be named like that.
    #[error("a tool argument is to be mirrored to a header whose name is not a token")]
    HeaderName,
    /// The configuration's fault: an address is not a URL.
    #[error(
        "the address is not an absolute URL in ASCII: write https://host[:port]/path, other scripts in Punycode"
    )]
    UrlMalformed,
    /// The configuration's fault: an address has a scheme we do not speak.
    #[error("the address must begin with https:// or http://")]
    UrlScheme,
    /// The configuration's fault: an address has credentials in it.
    #[error("the address must not contain a user name or password")]
    UrlUserinfo,
    /// The server's fault, or the network's: no connection was made, so nothing was sent.
    #[error("no connection to {host} could be made")]
    Connect {
        /// The server's host.
        host: String,
        /// Why: its name, the network, its certificate, or the time it took.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The server's fault, or the network's: an exchange broke off. What was sent may have been
    /// acted on.
    #[error("the connection broke before the answer was complete")]
    Exchange(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The server's fault, or the network's: a document ended too early. What was sent may have been
    /// acted on.
    #[error("the answer broke off in the middle of its document")]
    Cut(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The server's fault: it took too long. What was sent may have been acted on.
    #[error("{waiting} took longer than {} ms", after.as_millis())]
    TimedOut {
        /// What was waited for.
        waiting: Waiting,
        /// How long.
        after: Duration,
    },
    /// The server's fault: it sent us elsewhere, which is not followed, for the credentials' sake.
    #[error(
        "the server redirects ({status}{}), which is not followed: configure the address it means",
        host.as_ref().map_or(String::new(), |host| format!(" to {host}"))
    )]
    Redirected {
        /// The status.
        status: StatusCode,
        /// To which host, if it said so.
        host: Option<String>,
    },
    /// The server's fault: what it answered is neither JSON nor an event stream, or is compressed.
    #[error("the server answered {status} with something that is neither JSON nor an event stream")]
    UnexpectedContent {
        /// The status.
        status: StatusCode,
    },
    /// The server's fault: its answer is longer than we take.
    #[error("the server's answer is longer than {limit} bytes")]
    BodyTooLong {
        /// The most we take.
        limit: usize,
    },
    /// The system's fault: the listener is unusable.
    #[error("listening for connections failed")]
    Listen(#[source] Arc<io::Error>),
    /// The system's fault: it has no more threads or descriptors.
    #[error("no thread could be started to serve on")]
    Lanes(#[source] Arc<io::Error>),
    /// The configuration's fault: a file with certificates or a key is missing, unreadable or holds
    /// none.
    #[error("{path:?} could not be read as PEM, or holds nothing of what it should hold")]
    PemFile {
        /// The file as configured.
        path: PathBuf,
        /// What was wrong with it.
        #[source]
        source: Arc<pem::Error>,
    },
    /// The configuration's fault: a certificate and key do not belong together, or there are no
    /// roots to trust.
    #[error("TLS could not be set up")]
    Tls(#[source] Arc<rustls::Error>),
    /// The configuration's fault: there is no such command.
    #[error(
        "the server command {program:?} was not found: install it, correct its spelling, or give its full path"
    )]
    CommandNotFound {
        /// The command as configured.
        program: OsString,
    },
    /// The configuration's fault: the command is a script whose `#!` line names a missing program.
    #[error(
        "the server command {program:?} exists, but the interpreter or loader it names does not: check its first line"
    )]
    InterpreterNotFound {
        /// The command as configured.
        program: OsString,
    },
    /// The configuration's fault: the file may not be executed.
    #[error(
        "the server command {program:?} may not be executed by this user: `chmod +x` it, or choose another"
    )]
    NotExecutable {
        /// The command as configured.
        program: OsString,
    },
    /// The configuration's fault: the working directory for the server does not exist.
    #[error("the working directory {path:?} for the server is not a directory that exists")]
    NoWorkingDirectory {
        /// The directory as configured.
        path: PathBuf,
    },
    /// The system's fault: the server could not be started.
    #[error("the server command {program:?} could not be started")]
    Spawn {
        /// The command as configured.
        program: OsString,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The system's fault: the state of the server process could not be read.
    #[error("waiting for the server process {pid} failed")]
    Wait {
        /// Its process id.
        pid: u32,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The system's fault: the server was sent SIGKILL and is still there.
    #[error("the server process {pid} is still there {} ms after SIGKILL; it hangs in the kernel", waited.as_millis())]
    Unkillable {
        /// Its process id.
        pid: u32,
        /// How long we waited.
        waited: Duration,
    },
    /// The system's fault: signals cannot be listened to.
    #[error("the handlers for signals could not be installed")]
    Signals(#[source] Arc<io::Error>),
    /// The system's fault: our standard input or output is unusable.
    #[error("our own standard input and output could not be set up")]
    OwnStdio(#[source] Arc<io::Error>),
    /// Our own fault: [`stdio::own`](crate::stdio::own) was called twice.
    #[error("our own standard input and output were already taken")]
    OwnStdioTaken,
}

/// What can take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The head of an answer.
    Answer,
    /// The body of an answer.
    Body,
    /// The next bytes of an event stream.
    Event,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "the server's answer",
            Self::Body => "the rest of the server's answer",
            Self::Event => "the next event of the server",
        })
    }
}

impl TransportError {
    /// Whether the failure is of the connection to this peer.
    #[must_use]
    pub fn is_of(&self, asked: Peer) -> bool {
        match self {
            Self::HungUp { peer }
            | Self::Stalled { peer, .. }
            | Self::Read { peer, .. }
            | Self::Write { peer, .. }
            | Self::Finished { peer } => *peer == asked,
            _ => false,
        }
    }

    /// The failure of a write to `peer`: EPIPE and its like are the peer's doing.
    pub(crate) fn writing(peer: Peer, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::HungUp { peer },
            _ => Self::Write {
                peer,
                source: Arc::new(source),
            },
        }
    }

    /// An exchange that broke off.
    pub(crate) fn exchange(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Exchange(Arc::new(source))
    }

    /// A wait that was given up.
    pub(crate) fn timed_out(waiting: Waiting, after: Duration) -> Self {
        Self::TimedOut { waiting, after }
    }

    /// The failure to read a PEM file.
    pub(crate) fn pem_file(path: &Path, source: pem::Error) -> Self {
        Self::PemFile {
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    /// The failure to set up TLS.
    pub(crate) fn tls(source: rustls::Error) -> Self {
        Self::Tls(Arc::new(source))
    }

    /// The failure of a read from `peer`.
    pub(crate) fn reading(peer: Peer, source: io::Error) -> Self {
        Self::Read {
            peer,
            source: Arc::new(source),
        }
    }
}
