//! The command line of `mcps`: nouns, verbs, and what they share.

mod audit;
mod checks;
mod codes;
mod connect;
mod dev;
mod doctor;
mod envelope;
mod error;
mod examples;
mod feed;
mod gateway;
mod hook;
mod incident;
mod input;
mod judge;
mod keygen;
mod manifest;
mod operator;
mod operators;
mod order;
mod output;
mod page;
mod passport;
mod policy;
mod quarantine;
mod reason;
mod secret_file;
mod server;
mod switch;
mod tenants;
mod token;
mod tool;
mod trust;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser, Subcommand};
use mcps_client::exit;
use mcps_client::home::Home;
use mcps_client::options::{HomeOptions, LogOptions};
use mcps_core::clock::Clock;
use mcps_core::random::Random;
use mcps_manual::Manual;
use zeroize::Zeroizing;

pub(crate) use error::CliError;

/// Signed MCP: an identity for your agent or server, and proof of who wrote what.
#[derive(Debug, Parser)]
#[command(name = "mcps", version, max_term_width = 100, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) home: HomeOptions,
    #[command(flatten)]
    pub(crate) log: LogOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the private key of this home.
    Keygen(keygen::Keygen),
    /// Get, look at, check, renew and revoke passports.
    #[command(subcommand)]
    Passport(passport::Passport),
    /// Give, list and withdraw enrolment tokens: each is the right to one passport.
    #[command(subcommand)]
    Token(token::Token),
    /// Cut off whatever a target reaches, see what was ordered, and take it back.
    #[command(subcommand)]
    Order(order::Order),
    /// See what alerting systems reported and what was made of it, and decide on proposals.
    #[command(subcommand)]
    Incident(incident::Incident),
    /// Say who may report incidents, how they prove themselves, and what they may do.
    #[command(subcommand)]
    Hook(hook::Hook),
    /// Say who is told of events, and deliver what could not be delivered.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Look into signed messages.
    #[command(subcommand)]
    Envelope(envelope::Envelope),
    /// Speak signed MCP with a server, one that is started here or one at a URL, on behalf of an
    /// unmodified client.
    Connect(connect::Connect),
    /// Look at the tools seen so far, and approve changed ones.
    #[command(subcommand)]
    Tool(tool::Tool),
    /// Register servers with the authority, and say who answers for them.
    #[command(subcommand)]
    Server(server::Server),
    /// Publish which tools a server may show, and see what changed from version to version.
    #[command(subcommand)]
    Manifest(manifest::Manifest),
    /// See at which level somebody stands and why, and file what raises or lowers it.
    #[command(subcommand)]
    Trust(trust::Trust),
    /// Watch what the authority revokes, and prove a recording of it.
    #[command(subcommand)]
    Feed(feed::Feed),
    /// See what was changed at the authority, and prove that the record of it is whole.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Say who may do what at the authority: roles, in one tenant or in all.
    #[command(subcommand)]
    Operator(operators::Operators),
    /// Add, list, disable and enable tenants.
    #[command(subcommand)]
    Tenant(tenants::Tenants),
    /// Validate, test and explain policies, put a tenant's in force, and see who changed it.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// List tools that a gateway holds back, and promote, reject or block them: there, or with
    /// --authority URL for all gateways of a tenant.
    Quarantine(quarantine::Quarantine),
    /// Say why a gateway hides a tool from an agent, or refuses it.
    Why(gateway::Passed),
    /// Print, find and prove what a gateway has recorded, in its home.
    Events(gateway::Passed),
    /// Look for what keeps this home, its authority, or what you are about to run from working, and say
    /// how to mend it. Changes nothing.
    Doctor(Box<doctor::Doctor>),
    /// List the codes with which calls are refused.
    Codes(codes::Codes),
    #[command(flatten)]
    Manual(Manual),
    /// Start everything on this machine and show it at work.
    Dev(dev::Dev),
    /// A server that changes its first tool, for the tour.
    #[command(hide = true)]
    DevSwap(dev::DevSwap),
}

/// All commands, with examples.
fn tree() -> clap::Command {
    mcps_manual::explained(Cli::command(), &examples::EXAMPLES, exit::LINE)
}

/// The command line of this process.
pub(crate) fn parse() -> Cli {
    mcps_manual::parse(&examples::EXAMPLES, exit::LINE)
}

impl Command {
    /// What is logged unless asked otherwise: commands that stay say what they do.
    pub(crate) const fn log_level(&self) -> &'static str {
        match self {
            Self::Connect(_) => "info",
            _ => "warn",
        }
    }
}

/// What the machine around us gives: where files are, secrets, time, randomness.
pub(crate) struct Machine {
    pub(crate) home: Option<PathBuf>,
    pub(crate) operator_key: Option<Zeroizing<String>>,
    pub(crate) enrolment_token: Option<Zeroizing<String>>,
    pub(crate) access_token: Option<Zeroizing<String>>,
    /// Folders of programs, as in `PATH`.
    pub(crate) search: Option<std::ffi::OsString>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Machine {
    /// The home, with an exchange of its key finished that was interrupted.
    fn home(&self) -> Result<Home, CliError> {
        let home = self.home.as_ref().map(Home::new);
        let home = home.ok_or(CliError::NoHome)?;
        home.settle()?;
        Ok(home)
    }
}

/// Runs one command; `dev` is `main`'s.
///
/// # Errors
/// [`CliError`], whose message ends with what to do next.
pub(crate) async fn run(command: Command, machine: &Machine) -> Result<ExitCode, CliError> {
    match command {
        Command::Keygen(keygen) => keygen.run(machine)?,
        Command::Passport(passport) => passport.run(machine).await?,
        Command::Token(token) => token.run(machine).await?,
        Command::Order(order) => order.run(machine).await?,
        Command::Incident(incident) => incident.run(machine).await?,
        Command::Hook(hook) => hook.run(machine).await?,
        Command::Webhook(webhook) => webhook.run(machine).await?,
        Command::Envelope(envelope) => envelope.run(machine).await?,
        Command::Connect(connect) => return connect.run(machine).await,
        Command::Tool(tool) => tool.run(machine)?,
        Command::Server(server) => server.run(machine).await?,
        Command::Manifest(manifest) => manifest.run(machine).await?,
        Command::Trust(trust) => trust.run(machine).await?,
        Command::Feed(feed) => feed.run(machine).await?,
        Command::Audit(audit) => audit.run(machine).await?,
        Command::Operator(operators) => operators.run(machine).await?,
        Command::Tenant(tenants) => tenants.run(machine).await?,
        Command::Policy(policy) => return policy.run(machine).await,
        Command::Quarantine(quarantine) => return quarantine.run(machine).await,
        Command::Why(passed) => return passed.run("why", machine),
        Command::Events(passed) => return passed.run("events", machine),
        Command::Doctor(doctor) => doctor.run(machine).await?,
        Command::Codes(codes) => codes.run()?,
        Command::Manual(manual) => manual.run(tree(), &mut std::io::stdout())?,
        Command::Dev(_) | Command::DevSwap(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
