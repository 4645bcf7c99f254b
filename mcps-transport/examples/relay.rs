//! A relay without any trust: our standard input and output to a server command and back.
//! `cargo run -p mcps-transport --example relay -- some-server --stdio`
//!
//! It is how a proxy uses the package, and what its tests run as a process of its own.

use std::process::ExitCode;

use mcps_transport::{
    child::{Child, Command},
    error::TransportError,
    frame::Incoming,
    limits::Limits,
    pipe::{Inbox, Outbox, Sender},
    shutdown::Shutdown,
    stdio,
};
use tokio::{sync::Notify, time::timeout};

#[tokio::main]
async fn main() -> Result<ExitCode, TransportError> {
    let limits = Limits::default();
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().unwrap_or_else(|| "cat".into());
    // Before the server is started: see `Shutdown::listen`.
    let mut stop = Shutdown::listen()?;
    let (mut child, server) = Command::new(program).args(arguments).spawn(&limits)?;
    let mut client = stdio::own(&limits)?.into_pipe(&limits);
    let mut server = server.into_pipe(&limits);

    // One loop per direction: if one side stops reading, only what goes there waits.
    let (to_client, to_server) = (client.outbox.sender(), server.outbox.sender());
    let down_ended = Notify::new();
    let down = async {
        let done = relay(&mut server.inbox, &to_client).await;
        down_ended.notify_one();
        done
    };
    let up = async {
        let done = tokio::select! {
            done = relay(&mut client.inbox, &to_server) => done,
            () = down_ended.notified() => Ok(()),
            _ = child.wait() => Ok(()),
            cause = stop.requested() => {
                return child.terminate().await.map(|_| cause.exit_code());
            }
        };
        let exit = end(&mut child, &mut server.outbox, &mut stop).await?;
        done.or_else(unless_the_server_hung_up).map(|()| exit)
    };
    tokio::pin!(up, down);
    let mut last_words = None;
    let exit = loop {
        tokio::select! {
            exit = &mut up => break exit,
            done = &mut down, if last_words.is_none() => last_words = Some(done),
        }
    };
    let down = match last_words {
        Some(done) => done,
        // The server is gone; a client that does not read must not keep us.
        None => timeout(limits.flush_grace, down).await.unwrap_or(Ok(())),
    };
    let written = client.outbox.finish().await;
    let code = exit?;
    down.and(written)?;
    Ok(ExitCode::from(code))
}

async fn relay(from: &mut Inbox, to: &Sender) -> Result<(), TransportError> {
    while let Some(incoming) = from.next().await? {
        // A proxy answers the others with a coded error.
        if let Incoming::Frame(frame) = incoming {
            to.send(frame).await?;
        }
    }
    Ok(())
}

/// Closes the server's input and waits for its end; a signal makes that quicker.
async fn end(
    child: &mut Child,
    server: &mut Outbox,
    stop: &mut Shutdown,
) -> Result<u8, TransportError> {
    let in_order = async {
        // If it does not read, it does not read; it ends all the same.
        let _unread = server.finish().await;
        child.shutdown().await
    };
    let ended = tokio::select! {
        ended = in_order => Some(ended),
        _ = stop.requested() => None,
    };
    let exit = match ended {
        Some(ended) => ended?,
        None => child.terminate().await?,
    };
    Ok(exit.exit_code())
}

/// Then it has ended or is about to, and its exit status says more.
fn unless_the_server_hung_up(error: TransportError) -> Result<(), TransportError> {
    match error {
        TransportError::HungUp { .. } => Ok(()),
        error => Err(error),
    }
}
