//! The frame of both `mcps connect` and `mcps-wrap`: our standard input and output on one side, a
//! server process on the other, one loop per direction, and an orderly end whoever leaves first.

use std::time::Duration;

use mcps_transport::child::{Child, Command, Exit};
use mcps_transport::error::TransportError;
use mcps_transport::frame::{Frame, Incoming};
use mcps_transport::limits::Limits;
use mcps_transport::peer::Peer;
use mcps_transport::pipe::Sender;
use mcps_transport::shutdown::{Cause, Shutdown};
use mcps_transport::stdio;

/// The variable that may hold an operator's key of the authority.
pub const OPERATOR_KEY_ENV: &str = "MCPS_OPERATOR_KEY";
/// The variable that may hold an enrolment token of the authority.
pub const ENROLMENT_TOKEN_ENV: &str = "MCPS_ENROLMENT_TOKEN";
/// The variable that may hold an access token for a server over HTTP.
pub const ACCESS_TOKEN_ENV: &str = "MCPS_ACCESS_TOKEN";

/// What is done with each message. Both methods may wait (for the authority, for the other side
/// to read), each in its own direction.
pub trait Relay {
    /// The client wrote something.
    fn client_wrote(
        &self,
        incoming: Incoming,
        ends: &Ends,
    ) -> impl Future<Output = Result<(), TransportError>>;

    /// The server wrote something.
    fn server_wrote(
        &self,
        incoming: Incoming,
        ends: &Ends,
    ) -> impl Future<Output = Result<(), TransportError>>;

    /// The server's output ended: whoever waits for an answer is to be told.
    fn server_gone(&self, ends: &Ends) -> impl Future<Output = Result<(), TransportError>>;
}

/// Where to write.
#[derive(Debug)]
pub struct Ends {
    /// To the client.
    pub client: Sender,
    /// To the server.
    pub server: Sender,
}

/// Variables of ours that hold secrets.
const SECRETS: [&str; 3] = [OPERATOR_KEY_ENV, ENROLMENT_TOKEN_ENV, ACCESS_TOKEN_ENV];

/// The command that these words name: a program and its arguments. It is not given what our own
/// variables hold of secrets.
#[must_use]
pub fn command(words: &[String]) -> Command {
    let (program, arguments) = words
        .split_first()
        .map_or(("", words), |(program, rest)| (program.as_str(), rest));
    let command = Command::new(program).args(arguments);
    SECRETS.into_iter().fold(command, Command::without_env)
}

/// A command for the log: without its arguments, which may hold tokens.
#[must_use]
pub fn shown(words: &[String]) -> String {
    match words.split_first() {
        None => String::new(),
        Some((program, [])) => program.clone(),
        Some((program, rest)) => format!("{program} (and {} arguments)", rest.len()),
    }
}

/// Sends one line. A text of ours never holds a line end: it is JSON that was one line, edited.
///
/// # Errors
/// [`TransportError`] when it does all the same, or the other side is gone.
pub async fn send(to: &Sender, text: String) -> Result<(), TransportError> {
    to.send(Frame::new(text.into_bytes())?).await
}

/// How a relay ended.
#[derive(Debug)]
pub enum Ending {
    /// The client closed our standard input, or stopped reading.
    Client,
    /// The server ended by itself.
    Server(Option<Exit>),
    /// We were asked to stop.
    Signal(Cause),
}

impl Ending {
    /// The exit code for `main`: a server that ended by itself is a failure only if it says so
    /// or left somebody waiting.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client => 0,
            Self::Server(exit) => exit.map_or(1, Exit::exit_code),
            Self::Signal(cause) => cause.exit_code(),
        }
    }
}

/// How long the server may go on answering after the client closed our standard input.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// Starts the server and relays until one side ends.
///
/// # Errors
/// The server cannot be started, or our own standard input and output fail.
pub async fn run(
    relay: &impl Relay,
    command: Command,
    limits: &Limits,
) -> Result<Ending, TransportError> {
    let mut stop = Shutdown::listen()?;
    let client = stdio::own(limits)?;
    let (mut child, server) = command.spawn(limits)?;
    let mut client = client.into_pipe(limits);
    let mut server = server.into_pipe(limits);
    let ends = Ends {
        client: client.outbox.sender(),
        server: server.outbox.sender(),
    };

    let client_left = client.inbox.ended();
    let up = async {
        while let Some(incoming) = client.inbox.next().await? {
            relay.client_wrote(incoming, &ends).await?;
        }
        Ok::<_, TransportError>(())
    };
    let down = async {
        while let Some(incoming) = server.inbox.next().await? {
            relay.server_wrote(incoming, &ends).await?;
        }
        Ok::<_, TransportError>(())
    };
    let held_up = async {
        client_left.await;
        // What it wrote before is still passed on, unless that waits for something that never comes.
        tokio::time::sleep(DRAIN).await;
    };
    tokio::pin!(up, down);
    let ended = tokio::select! {
        cause = stop.requested() => Ended::Signal(cause),
        ended = &mut up => Ended::Up(ended),
        ended = &mut down => Ended::Down(ended),
        () = held_up => Ended::Up(Ok(())),
    };
    // From here on everything waits for somebody; a signal still cuts it short.
    let in_order = async {
        let ending = match ended {
            Ended::Signal(cause) => return Ending::Signal(cause),
            Ended::Up(Ok(())) => {
                // The server sees the end of its input and may still answer what it was asked, so
                // its output is read on meanwhile.
                let finished = async { tokio::join!(server.outbox.finish(), &mut down) };
                drop(tokio::time::timeout(DRAIN, finished).await);
                Ending::Client
            }
            // Somebody stopped reading. If it is the server, its output ends too.
            Ended::Up(Err(error)) => {
                tracing::debug!(error = %error, "one side stopped reading: {error}");
                drop(tokio::time::timeout(limits.exit_grace, &mut down).await);
                left(error.is_of(Peer::Client), &mut child, limits).await
            }
            Ended::Down(Err(error)) if error.is_of(Peer::Client) => {
                tracing::debug!(error = %error, "the client stopped reading: {error}");
                Ending::Client
            }
            Ended::Down(_) => left(false, &mut child, limits).await,
        };
        if matches!(ending, Ending::Server(_)) {
            // The client may be gone too; then there is nobody to tell.
            drop(relay.server_gone(&ends).await);
        }
        drop(child.shutdown().await);
        // What was queued for the client still goes out, as far as it reads.
        drop(client.outbox.finish().await);
        ending
    };
    let ending = tokio::select! {
        ending = in_order => ending,
        cause = stop.requested() => Ending::Signal(cause),
    };
    if matches!(ending, Ending::Signal(_)) {
        drop(child.terminate().await);
    }
    Ok(ending)
}

/// Which of the relay's three waits ended.
enum Ended {
    Signal(Cause),
    Up(Result<(), TransportError>),
    Down(Result<(), TransportError>),
}

/// Whose leaving it was, and the server's exit status if it is gone.
async fn left(client: bool, child: &mut Child, limits: &Limits) -> Ending {
    if client {
        return Ending::Client;
    }
    let exit = tokio::time::timeout(limits.exit_grace, child.wait()).await;
    Ending::Server(exit.ok().and_then(Result::ok))
}
