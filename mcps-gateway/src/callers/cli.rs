//! `mcps-gateway key`: keys for callers that do not sign.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use mcps_client::error::ClientError;
use mcps_client::options::duration;
use mcps_core::clock::Clock;
use mcps_core::digest::Digest;
use mcps_core::random::Random;
use serde_json::json;

use super::api_keys::generate;
use crate::config::is_label;
use crate::error::GatewayError;
use crate::policy::cli::Output;

/// Make keys for callers that do not sign.
#[derive(Clone, Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum KeyCommand {
    /// Makes a key, prints it once, and prints what the configuration needs to know it by.
    New(New),
}

#[derive(Clone, Debug, Args)]
struct New {
    /// The caller's name, as an agent's.
    #[arg(value_parser = label)]
    name: String,
    /// Its tenant.
    #[arg(long, value_parser = label)]
    tenant: String,
    /// Who answers for it.
    #[arg(long, value_parser = label)]
    owner: Option<String>,
    /// A group that it belongs to in policies; may be given again.
    #[arg(long, value_name = "GROUP", value_parser = label)]
    group: Vec<String>,
    /// How long it is good, as in 90d; without it, until it is taken out of the configuration.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    lifetime: Option<Duration>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

fn label(text: &str) -> Result<String, String> {
    match is_label(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("write a text without spaces around it or anything that is not shown".to_owned())
        }
    }
}

impl KeyArgs {
    /// Does it.
    ///
    /// # Errors
    /// Without randomness, or where nothing can be printed.
    pub fn run(
        &self,
        clock: &dyn Clock,
        random: &dyn Random,
        out: &mut impl Write,
    ) -> Result<(), GatewayError> {
        let KeyCommand::New(new) = &self.command;
        let key = generate(random)?;
        let stanza = new.stanza(&key, clock);
        let printed = match new.output {
            Output::Json => writeln!(out, "{:#}", json!({"key": key, "stanza": stanza})),
            Output::Table => write!(
                out,
                "{key}\n\nIt is shown this once: give it to {}, who sends it as `Authorization: Bearer KEY`. \
                 For the gateway's configuration, which is read again as soon as it changes:\n\n{stanza}",
                new.name
            ),
        };
        printed.map_err(|source| {
            GatewayError::from(ClientError::File {
                action: "write",
                path: "standard output".into(),
                source,
            })
        })
    }
}

impl New {
    /// What the configuration has of a key.
    fn stanza(&self, key: &str, clock: &dyn Clock) -> String {
        let digest = Digest::of(key.as_bytes()).to_string();
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut lines = vec![
            "[[api_key]]".to_owned(),
            format!("name = {}", quoted(&self.name)),
            format!("tenant = {}", quoted(&self.tenant)),
        ];
        if let Some(owner) = &self.owner {
            lines.push(format!("owner = {}", quoted(owner)));
        }
        if !self.group.is_empty() {
            let groups: Vec<String> = self.group.iter().map(|group| quoted(group)).collect();
            lines.push(format!("groups = [{}]", groups.join(", ")));
        }
        lines.push(format!("sha256 = {}", quoted(&digest)));
        if let Some(lifetime) = self.lifetime {
            let expires = clock.now().plus(lifetime).to_string();
            lines.push(format!("expires = {}", quoted(&expires)));
        }
        lines.join("\n") + "\n"
    }
}
