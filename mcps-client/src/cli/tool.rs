//! `mcps tool`: the tools this home has seen, and the word of a person on those that changed.

use clap::{Args, Subcommand};
use mcps_client::exit;
use mcps_client::tools::{change_pins, load_pins};
use mcps_core::digest::Digest;
use mcps_core::pin::{ApprovalError, Pin, PinStore, Server};
use serde_json::json;

use super::output::{self, OutputOptions};
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Tool {
    /// List the tools that were pinned when they were first seen, and those that changed since.
    List(List),
    /// Accept a tool's changed definition, or the old one again, after you have looked at it.
    Approve(Approve),
}

/// What `mcps tool list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps tool approve` can be told.
#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// The server, as `mcps tool list` names it; its last part is enough.
    server: String,
    /// The tool.
    tool: String,
    /// Hash of the definition that you looked at: the changed one, or the pinned one to end the
    /// quarantine without a change [default: the one shown last].
    #[arg(long, value_name = "HASH", value_parser = digest)]
    hash: Option<Digest>,
    /// Only say what would be approved.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputOptions,
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| {
        "a hash is 64 lower-case hex digits, as listed by: mcps tool list".to_owned()
    })
}

impl Tool {
    pub(crate) fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(machine),
            Self::Approve(approve) => approve.run(machine),
        }
    }
}

impl List {
    fn run(self, machine: &Machine) -> Result<(), CliError> {
        let pins = load_pins(&machine.home()?)?;
        if self.output.is_json() {
            let entry = |(server, tool, pin): (&Server, &str, &Pin)| {
                let change = pin.change.map(|change| json!({ "hash": change.hash.to_string(), "since": change.since.to_string() }));
                json!({
                    "server": server.to_string(),
                    "tool": tool,
                    "state": state(pin),
                    "hash": pin.hash.to_string(),
                    "pinned_at": pin.pinned_at.to_string(),
                    "change": change,
                })
            };
            return output::print(&output::pretty(&pins.iter().map(entry).collect()));
        }
        if pins.is_empty() {
            return output::print(
                "No tools were seen yet; they are pinned when a server first lists them to `mcps connect`.",
            );
        }
        let row = |(server, tool, pin): (&Server, &str, &Pin)| {
            let hash = pin.change.map_or(pin.hash, |change| change.hash);
            let since = pin.change.map_or(pin.pinned_at, |change| change.since);
            vec![
                server.to_string(),
                tool.to_owned(),
                state(pin).to_owned(),
                since.to_string(),
                hash.to_string(),
            ]
        };
        let mut text = output::table(
            &["SERVER", "TOOL", "STATE", "SINCE", "HASH"],
            pins.iter().map(row).collect(),
        );
        let quarantined = pins
            .iter()
            .filter(|(_, _, pin)| pin.change.is_some())
            .count();
        if quarantined > 0 {
            text.push_str(&format!(
                "\n{quarantined} changed after they were first seen and are withheld from your client. Once you have looked at the\n\
                 new definition: mcps tool approve SERVER TOOL --hash HASH\n"
            ));
        }
        output::print(&text)
    }
}

const fn state(pin: &Pin) -> &'static str {
    if pin.change.is_some() {
        "quarantined"
    } else {
        "pinned"
    }
}

impl Approve {
    fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let approve = |pins: &mut PinStore| {
            let server = find(pins, &self.server)?;
            let before = *pins
                .pin(&server, &self.tool)
                .ok_or(ApprovalError::Unknown)?;
            let shown = before.change.ok_or(ApprovalError::NotQuarantined)?.hash;
            let hash = self.hash.unwrap_or(shown);
            pins.approve(&server, &self.tool, &hash, machine.clock.now())?;
            Ok::<_, CliError>((server, before.hash, hash))
        };
        let (server, was, hash) = match self.dry_run {
            // The same on a copy, which goes nowhere.
            true => approve(&mut load_pins(&home)?)?,
            false => change_pins(&home, approve)?,
        };
        let json = json!({
            "dry_run": self.dry_run, "server": server.to_string(), "tool": self.tool,
            "hash": hash.to_string(), "was": was.to_string(),
        });
        let (done, next) = match self.dry_run {
            true => ("would approve", "the same without --dry-run"),
            false => (
                "approved",
                "connections that are open withhold it until your client lists the tools again",
            ),
        };
        let rows = [
            (done, format!("{} of {server}", self.tool)),
            ("hash", hash.to_string()),
            ("was", was.to_string()),
            ("next", next.to_owned()),
        ];
        self.output.members(&rows, &json)
    }
}

/// The one server that is meant: by its whole name, or by the name alone where that is unique.
fn find(pins: &PinStore, text: &str) -> Result<Server, CliError> {
    let mut servers: Vec<&Server> = pins.iter().map(|(server, _, _)| server).collect();
    servers.dedup();
    let whole = servers.iter().find(|server| server.to_string() == text);
    let by_name =
        |server: &&&Server| matches!(server, Server::Subject { name, .. } if name == text);
    let mut named = servers.iter().filter(by_name);
    match (whole, named.next(), named.next()) {
        (Some(server), _, _) | (None, Some(server), None) => Ok((*server).clone()),
        (None, Some(_), Some(_)) => Err(CliError::ManyServers(text.to_owned())),
        (None, None, _) => Err(CliError::UnknownServer(text.to_owned())),
    }
}

#[cfg(test)]
mod tests;
