//! `mcps`: an identity for an agent or a server, its passport, and signed MCP for programs that
//! know nothing of it.

mod cli;
mod dev;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use mcps_client::exit::Exit;
use mcps_client::terminal::printable;
use mcps_core::clock::SystemClock;
use mcps_core::random::SystemRandom;
use zeroize::Zeroizing;

use cli::{Cli, Command, Machine};
use mcps_client::relay::{ACCESS_TOKEN_ENV, ENROLMENT_TOKEN_ENV, OPERATOR_KEY_ENV};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { home, log, command } = cli::parse();
    log.start(command.log_level());
    let machine = Machine {
        home: home.dir(
            environment("XDG_CONFIG_HOME").map(Into::into),
            environment("HOME").map(Into::into),
        ),
        operator_key: environment(OPERATOR_KEY_ENV).map(Zeroizing::new),
        enrolment_token: environment(ENROLMENT_TOKEN_ENV).map(Zeroizing::new),
        access_token: environment(ACCESS_TOKEN_ENV).map(Zeroizing::new),
        search: environment("PATH").map(Into::into),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let failed = match command {
        Command::Dev(args) => match dev::run(args.into(), machine.clock, machine.random).await {
            Ok(true) => return Exit::Done.into(),
            Ok(false) => return Exit::Other.into(),
            Err(error) => (format!("{error:#}"), Exit::Other),
        },
        Command::DevSwap(args) => match dev::swap_description(args.command).await {
            Ok(ending) => return ending.exit_code().into(),
            Err(error) => (error.to_string(), Exit::Other),
        },
        command => match cli::run(command, &machine).await {
            Ok(code) => return code,
            Err(error) => (error.to_string(), error.exit()),
        },
    };
    let (message, exit) = failed;
    // Whoever closed our standard error does not want to know.
    let _ = writeln!(io::stderr(), "mcps: {}", printable(&message));
    exit.into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is `main`; keys and tokens must not be arguments"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
