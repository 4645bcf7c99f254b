//! `mcps-wrap`: signed MCP in front of an MCP server that knows nothing of it.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser};
use http::HeaderName;
use mcps_client::connect::{Address, SESSION_ENV};
use mcps_client::desk::Mode;
use mcps_client::error::ClientError;
use mcps_client::exit::{self, Exit};
use mcps_client::home::Home;
use mcps_client::listen::UpstreamOptions;
use mcps_client::options::{HomeOptions, LinkOptions, LogOptions, duration};
use mcps_client::terminal::printable;
use mcps_core::clock::SystemClock;
use mcps_core::level::TrustLevel;
use mcps_core::random::SystemRandom;
use mcps_manual::{Example, Manual, ManualError};
use mcps_server_wrapper::listen::{self, ListenOptions, Place};
use mcps_server_wrapper::wrap::{self, WrapOptions};

/// Calls are many small allocations, made by one thread and freed by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to type, for the help and the manual page.
const EXAMPLES: [Example; 3] = [
    (
        "",
        &[
            "mcps-wrap --home ./server -- npx -y @modelcontextprotocol/server-everything",
            "mcps-wrap --home ./server --listen 0.0.0.0:8443 --public-url https://mcps.example.com/mcp --tls-cert chain.pem --tls-key key.pem -- mcps-demo-server",
        ],
    ),
    ("man", &["mcps-wrap man --out /usr/local/share/man/man1"]),
    (
        "completions",
        &["mcps-wrap completions bash > /etc/bash_completion.d/mcps-wrap"],
    ),
];

/// Runs an MCP server: verifies each message before the server sees it, and signs its answers.
#[derive(Debug, Parser)]
#[command(name = "mcps-wrap", version, max_term_width = 100, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, disable_help_subcommand = true, after_help = format!("Once the server runs, its exit code is ours.\n\n{}", exit::HELP))]
struct Cli {
    #[command(subcommand)]
    manual: Option<Manual>,
    #[command(flatten)]
    home: HomeOptions,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    link: LinkOptions,
    /// Whether refusals bite: `observe` logs what would be refused and passes it on.
    #[arg(long, value_name = "MODE", default_value = "enforce")]
    mode: Mode,
    /// Admit callers from this trust level on; at 0 unsigned ones too.
    #[arg(long, value_name = "LEVEL", default_value = "1")]
    min_level: TrustLevel,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    upstream: Upstream,
    /// The server's command, for example `npx -y @modelcontextprotocol/server-everything`.
    #[arg(
        last = true,
        required_unless_present = "upstream_url",
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

/// How callers reach the server over HTTP.
#[derive(Debug, Args)]
#[command(next_help_heading = "Streamable HTTP")]
struct Listen {
    /// Listen for callers over Streamable HTTP at this address, as in 127.0.0.1:8080 (the endpoint is
    /// /mcp), instead of speaking to one on standard input and output.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The URL under which callers reach us, which is what they sign for; may be given again. The
    /// address itself needs no mention.
    #[arg(long, value_name = "URL", requires = "listen")]
    public_url: Vec<String>,
    /// Let pages of this origin call, as in `https://app.example.com`; may be given again.
    #[arg(long, value_name = "ORIGIN", requires = "listen")]
    allow_origin: Vec<String>,
    /// Serve HTTPS with this certificate chain, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", requires_all = ["listen", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// One server process for all who speak 2026-07-28, which has no sessions, instead of one for
    /// each that signs. Use it only with a server that keeps nothing between calls for one caller.
    #[arg(long, requires = "listen", conflicts_with = "upstream_url")]
    share_server: bool,
    /// The most sessions at a time, each of which may have a server process of its own [default: 64,
    /// or 1024 with --upstream-url].
    #[arg(long, value_name = "NUMBER")]
    max_sessions: Option<usize>,
    /// The most sessions of one caller that signs [default: 16, or 256 with --upstream-url].
    #[arg(long, value_name = "NUMBER")]
    max_sessions_per_caller: Option<usize>,
    /// End a session, and its server process, after this long without use.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    session_idle: Duration,
}

/// A server over HTTP instead of a command.
#[derive(Debug, Args)]
#[command(next_help_heading = "A server over HTTP")]
struct Upstream {
    /// The server is at this URL, over Streamable HTTP. Nobody else should be able to reach it there.
    #[arg(
        long,
        value_name = "URL",
        requires = "listen",
        conflicts_with = "command"
    )]
    upstream_url: Option<String>,
    /// Trust the certificates in this PEM file too, beside this machine's own, for the server's TLS.
    #[arg(
        long,
        value_name = "FILE",
        requires = "upstream_url",
        conflicts_with = "command"
    )]
    upstream_ca_cert: Option<PathBuf>,
    /// Reach another machine over http://. Without TLS whoever is on the way reads and changes what
    /// they want: nothing is signed behind us.
    #[arg(long, requires = "upstream_url", conflicts_with = "command")]
    allow_insecure_http: bool,
    /// Pass this header of callers on to the server, as in X-Api-Key; may be given again. Those of MCP,
    /// Authorization, Accept-Language, User-Agent and trace contexts pass anyhow.
    #[arg(
        long,
        value_name = "NAME",
        requires = "upstream_url",
        conflicts_with = "command"
    )]
    forward_header: Vec<HeaderName>,
}

/// The most sessions, and of one caller, where each has a process.
const SESSIONS: (usize, usize) = (64, 16);
/// The same where none has.
const UPSTREAM_SESSIONS: (usize, usize) = (1024, 256);

impl Listen {
    fn options(self, place: Place) -> Option<ListenOptions> {
        let (most, each) = match &place {
            Place::Command { .. } => SESSIONS,
            Place::Upstream(_) => UPSTREAM_SESSIONS,
        };
        Some(ListenOptions {
            place,
            address: self.listen?,
            public_urls: self.public_url,
            origins: self.allow_origin,
            tls: self.tls_cert.zip(self.tls_key),
            max_sessions: self.max_sessions.unwrap_or(most),
            max_sessions_each: self.max_sessions_per_caller.unwrap_or(each),
            session_idle: self.session_idle,
        })
    }
}

impl Upstream {
    fn place(self, words: Vec<String>, shared: bool) -> Result<Place, ClientError> {
        let Some(url) = self.upstream_url else {
            return Ok(Place::Command { words, shared });
        };
        Ok(Place::Upstream(UpstreamOptions {
            address: Address::parse(&url, self.allow_insecure_http)?,
            extra_roots: self.upstream_ca_cert,
            headers: self.forward_header,
        }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(mcps_manual::parse(&EXAMPLES, exit::LINE)).await {
        Ok(code) => code,
        Err(error) => {
            let (message, exit) = match error.downcast_ref::<ClientError>() {
                Some(error) => (exit::explain(error), Exit::of(error)),
                None if error.is::<ManualError>() => (error.to_string(), Exit::Other),
                None => (format!("{error:#}"), Exit::Usage),
            };
            // Whoever closed our standard error does not want to know.
            let _ = writeln!(io::stderr(), "mcps-wrap: {}", printable(&message));
            exit.into()
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(manual) = &cli.manual {
        let tree = mcps_manual::explained(Cli::command(), &EXAMPLES, exit::LINE);
        manual.run(tree, &mut io::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    cli.log.start("info");
    let dir = cli.home.dir(
        environment("XDG_CONFIG_HOME").map(Into::into),
        environment("HOME").map(Into::into),
    );
    let home = Home::new(
        dir.context("there is no home directory to find a key in; name one with --home DIR")?,
    );
    let session = environment(SESSION_ENV);
    if session
        .as_deref()
        .is_some_and(|session| !wrap::is_session(session))
    {
        anyhow::bail!(
            "{SESSION_ENV} is not a session; `mcps connect` sets it for the mcps-wrap that it starts, so unset it"
        );
    }
    let options = WrapOptions {
        carrier: cli.link.carrier,
        window: cli.link.window(),
        freshness: cli.link.freshness(),
        mode: cli.mode,
        min_level: cli.min_level,
        session,
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let shared = cli.listen.share_server;
    let place = cli.upstream.place(cli.command.clone(), shared)?;
    let Some(at) = cli.listen.options(place) else {
        let ending = wrap::run(&home, options, &cli.command, clock, random).await?;
        return Ok(ending.exit_code().into());
    };
    let ready = |url: &str| {
        // For whoever started us; the log says the same.
        let _ = writeln!(io::stdout(), "listening on {url}");
    };
    let cause = listen::run(&home, options, at, clock, random, ready).await?;
    Ok(cause.exit_code().into())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is `main`; the session comes from the `mcps connect` that started us"
)]
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
}
