//! `mcps-authority hook …`: who may report incidents.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mcps_authority::Config;
use mcps_authority::hooks::REACH;

use super::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Add a source, or change the one of that name. Works while the authority runs.
    Add(HookAdd),
    /// List the sources.
    List(HookList),
    /// Remove a source: nothing of it is believed any more.
    Remove(HookRemove),
}

#[derive(Args, Debug)]
pub(crate) struct HookAdd {
    #[command(flatten)]
    place: Place,
    /// Its name, the last part of its URL: POST /v1/hooks/NAME.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Its ed25519 public key, `whpk_…`: Standard Webhooks' asymmetric signatures.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["secret_file", "generate"])]
    pub(crate) public_key: Option<String>,
    /// A file with the secret that it signs with, `whsec_…`.
    #[arg(long, value_name = "PATH", conflicts_with = "generate")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Make a secret and print it, once.
    #[arg(long)]
    pub(crate) generate: bool,
    /// The most that it may do; whatever asks for more gets this.
    #[arg(long, value_name = "CEILING", default_value = "suspend")]
    pub(crate) ceiling: CeilingArg,
    /// The only tenant that it reaches [default: all].
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// How many subjects one alert may reach; what reaches more waits in the inbox for an operator.
    #[arg(long, value_name = "N", default_value_t = REACH, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    pub(crate) reach: i64,
    /// How many subjects the alerts of an hour may reach; what reaches more waits in the inbox.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    pub(crate) per_hour: i64,
    /// A file that says how its reports are read, as docs/incidents.md explains.
    #[arg(long, value_name = "PATH")]
    pub(crate) mapping: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct HookList {
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
pub(crate) struct HookRemove {
    #[command(flatten)]
    place: Place,
    /// Its name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
}

/// The most that a source may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CeilingArg {
    /// Be recorded.
    Observe,
    /// Propose what an operator then carries out or not.
    Propose,
    /// Suspend, which an operator can undo.
    Suspend,
    /// Revoke for good.
    Revoke,
}

impl HookAdd {
    /// The library's configuration.
    ///
    /// # Errors
    /// As [`super::Serve::config`].
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        self.place.config()
    }
}

impl HookList {
    /// The library's configuration.
    ///
    /// # Errors
    /// As [`super::Serve::config`].
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        self.place.config()
    }
}

impl HookRemove {
    /// The library's configuration.
    ///
    /// # Errors
    /// As [`super::Serve::config`].
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        self.place.config()
    }
}
