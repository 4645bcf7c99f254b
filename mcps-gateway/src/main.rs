//! `mcps-gateway`: every MCP call of an organisation passes here.

mod examples;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use mcps_client::connect::Terms;
use mcps_client::error::ClientError;
use mcps_client::exit::{self, Exit};
use mcps_client::home::Home;
use mcps_client::options::{HomeOptions, LinkOptions, LogOptions};
use mcps_client::terminal::printable;
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::level::TrustLevel;
use mcps_core::random::SystemRandom;
use mcps_core::replay::ReplayGuard;
use mcps_gateway::callers::cli::KeyArgs;
use mcps_gateway::check;
use mcps_gateway::error::GatewayError;
use mcps_gateway::events::{self, EventsArgs};
use mcps_gateway::policy::{
    self,
    cli::{Output, PolicyArgs},
};
use mcps_gateway::quarantine::cli::{self as quarantine, QuarantineArgs, QuarantineError};
use mcps_gateway::serve::{self, Options};
use mcps_gateway::shared::Secret;
use mcps_gateway::stdio;
use mcps_gateway::why::WhyArgs;
use mcps_manual::{Manual, ManualError};

use examples::EXAMPLES;

/// Calls are many small allocations, made by one thread and freed by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands between agents and MCP servers: verifies, judges and records every call.
#[derive(Debug, Parser)]
#[command(name = "mcps-gateway", version, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    #[command(flatten)]
    home: HomeOptions,
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Listens for callers over Streamable HTTP, until it is stopped.
    Serve(Serve),
    /// Stands in front of all servers on standard input and output, for a client that starts its servers
    /// itself. What the client says is signed by an agent's home and judged as that agent's.
    Stdio(Stdio),
    /// Says whether a configuration is one, and what is wrong with it or the files that it names if not.
    Check {
        /// The configuration, TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Validates, tests and explains policies, and tries them on what was recorded.
    Policy(PolicyArgs),
    /// Lists tools that nobody may call until somebody has looked at them, and decides about them.
    Quarantine(QuarantineArgs),
    /// Makes keys for callers that do not sign.
    Key(KeyArgs),
    /// Says why an agent is not shown a tool, or may not call it.
    Why(WhyArgs),
    /// Prints, finds and proves what was recorded.
    Events(EventsArgs),
    #[command(flatten)]
    Manual(Manual),
}

#[derive(Debug, Args)]
struct Stdio {
    /// The configuration, TOML. It is read again when it changes and at SIGHUP.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The home of the agent whose client this is; enrol it with `mcps --home DIR passport request`.
    #[arg(long = "as", value_name = "DIR")]
    agent: PathBuf,
    /// Only this server, with its names as they are.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    #[command(flatten)]
    link: LinkOptions,
    /// Write lines of records to the end of this file; without it they are in the segments alone.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Serve {
    /// The configuration, TOML. It is read again when it changes and at SIGHUP.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    link: LinkOptions,
    /// Listen at this address, as in 127.0.0.1:8443, whatever the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The URL under which callers reach us, up to /mcp; may be given again. The address itself needs
    /// no mention.
    #[arg(long, value_name = "URL")]
    public_url: Vec<String>,
    /// Let pages of this origin call, as in `https://app.example.com`; may be given again.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Serve HTTPS with this certificate chain, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Write lines of records to the end of this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(mcps_manual::parse(&EXAMPLES, exit::LINE)).await {
        Ok(code) => code,
        Err(error) => {
            let (message, exit) = ending(&error);
            for line in message.lines() {
                // Whoever closed our standard error does not want to know.
                let _ = writeln!(io::stderr(), "mcps-gateway: {}", printable(line));
            }
            exit.into()
        }
    }
}

/// What is said of a failure, and how the program ends with it. Failures of ours say themselves what caused
/// them.
fn ending(error: &anyhow::Error) -> (String, Exit) {
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return (exit::explain(error), Exit::of(error));
    }
    if let Some(error) = error.downcast_ref::<QuarantineError>() {
        return (error.to_string(), error.exit());
    }
    if error.is::<ManualError>() {
        return (error.to_string(), Exit::Other);
    }
    match error.downcast_ref::<GatewayError>() {
        Some(GatewayError::Client(error)) => (exit::explain(error), Exit::of(error)),
        Some(error) => (error.to_string(), error.exit()),
        None => (format!("{error:#}"), Exit::Usage),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    cli.log.start("info");
    let home = home(&cli.home);
    let serve = match cli.command {
        Command::Serve(serve) => serve,
        Command::Stdio(stdio) => return stdio.run(&home?).await,
        Command::Manual(manual) => {
            let tree = mcps_manual::explained(Cli::command(), &EXAMPLES, exit::LINE);
            manual.run(tree, &mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Quarantine(args) => {
            quarantine::run(&args, &home?, &SystemClock, &mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Key(args) => {
            args.run(&SystemClock, &SystemRandom, &mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Why(args) => {
            let home = home?;
            let clock = Arc::new(SystemClock);
            args.run(&home, &verifier(&home)?, clock, &mut io::stdout())
                .await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Policy(args) => {
            let (mut out, mut errors) = (io::stdout(), io::stderr());
            return Ok(policy::cli::run(&args, &mut out, &mut errors).into());
        }
        Command::Events(args) => {
            let (mut out, mut errors) = (io::stdout().lock(), io::stderr());
            return Ok(events::run(&args, &home?, &SystemClock, &mut out, &mut errors).into());
        }
        Command::Check { config, output } => {
            let read = check::check(&config)?;
            let (servers, tenants) = (read.server.len(), read.tenant.len());
            let file = config.display().to_string();
            let said = match output {
                Output::Table => {
                    format!("{file} is a configuration of {servers} servers and {tenants} tenants")
                }
                Output::Json => format!(
                    "{:#}",
                    serde_json::json!({"config": file, "servers": servers, "tenants": tenants})
                ),
            };
            let _ = writeln!(io::stdout(), "{said}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let home = home?;
    let options = Options {
        window: serve.link.window(),
        freshness: serve.link.freshness(),
        config: serve.config,
        listen: serve.listen,
        public_urls: serve.public_url,
        origins: serve.allow_origin,
        tls: serve.tls_cert.zip(serve.tls_key),
        within: false,
        record: serve.record,
        shared_password: environment("MCPS_SHARED_PASSWORD").map(Secret::new),
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let ready = |url: &str| {
        // For whoever started us; the log says the same.
        let _ = writeln!(io::stdout(), "listening on {url}");
    };
    // Whoever asked for the end has it: everything under way was answered.
    serve::run(&home, options, clock, random, ready).await?;
    Ok(ExitCode::SUCCESS)
}

impl Stdio {
    async fn run(self, home: &Home) -> anyhow::Result<ExitCode> {
        let (window, freshness) = (self.link.window(), self.link.freshness());
        let options = Options {
            window,
            freshness,
            config: self.config,
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            public_urls: Vec::new(),
            origins: Vec::new(),
            tls: None,
            within: true,
            record: self.record,
            shared_password: environment("MCPS_SHARED_PASSWORD").map(Secret::new),
        };
        let caller = stdio::Caller {
            home: Home::new(self.agent),
            server: self.server,
            terms: Terms {
                carrier: self.link.carrier,
                min_server_level: TrustLevel::L1,
                allow_unsigned: false,
                window,
                freshness,
            },
        };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let ending = stdio::run(home, options, caller, clock, random).await?;
        Ok(ending.exit_code().into())
    }
}

/// Whom the gateway of a home believes.
fn verifier(home: &Home) -> Result<Verifier, ClientError> {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let window = Window::default();
    let replay = ReplayGuard::since(window.replay_limits(), clock.now());
    let trust = TrustSource::load(home, Freshness::default(), clock.clone(), random)?;
    Ok(Verifier {
        trust: Arc::new(trust),
        replay: Arc::new(replay),
        clock,
        window,
    })
}

fn home(options: &HomeOptions) -> anyhow::Result<Home> {
    let dir = options.dir(
        environment("XDG_CONFIG_HOME").map(Into::into),
        environment("HOME").map(Into::into),
    );
    Ok(Home::new(dir.context(
        "there is no home directory to find a key in; name one with --home DIR",
    )?))
}

#[expect(clippy::disallowed_methods, reason = "this is `main`")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_says_what_it_does_with_examples_and_exit_codes() {
        let tree = mcps_manual::explained(Cli::command(), &EXAMPLES, exit::LINE);
        assert_eq!(mcps_manual::gaps(&tree), Vec::<String>::new());
    }

    #[test]
    fn what_caused_a_failure_is_said_once() {
        use mcps_gateway::history::HistoryError;
        use mcps_gateway::shared::SharedError;

        let path = || PathBuf::from("/x");
        let source = || io::Error::other("the cause");
        let file = || SharedError::File {
            key: "ca",
            path: path(),
            source: source(),
        };
        for error in [
            GatewayError::Unreadable {
                path: path(),
                source: source(),
            },
            GatewayError::PolicyFile {
                tenant: "a".to_owned(),
                path: path(),
                source: source(),
            },
            GatewayError::Segments {
                path: path(),
                source: source(),
            },
            GatewayError::Record {
                path: path(),
                source: source(),
            },
            GatewayError::Shared {
                place: "h:1".to_owned(),
                source: file(),
            },
            HistoryError::Unwritable {
                path: path(),
                source: source(),
            }
            .into(),
            HistoryError::Shared(file()).into(),
            GatewayError::Named {
                key: "server `s`: `ca_cert`".to_owned(),
                why: ClientError::File {
                    action: "read",
                    path: path(),
                    source: source(),
                },
            },
            ClientError::File {
                action: "read",
                path: path(),
                source: source(),
            }
            .into(),
        ] {
            let (said, _) = ending(&error.into());
            assert_eq!(said.matches("the cause").count(), 1, "{said}");
        }
    }
}
