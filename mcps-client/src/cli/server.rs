//! `mcps server`: which servers the authority knows.

mod add;
mod change;
mod list;
mod show;

use clap::Subcommand;
use mcps_client::authority::AuthorityClient;
use mcps_client::exit;
use mcps_core::json::Value;

use super::operator::OperatorOptions;
use super::output::text_at;
use super::{CliError, Machine, passport};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Server {
    /// Register a server, so that it can publish which tools it may show.
    Add(add::Add),
    /// List the registered servers, newest first.
    List(list::List),
    /// Show a server, its current manifest, and what was refused under its versions.
    Show(show::Show),
    /// Change who answers for a server, or whether it takes part.
    Change(change::Change),
}

impl Server {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Show(show) => show.run(machine).await,
            Self::Change(change) => change.run(machine).await,
        }
    }
}

/// Whom to ask, and as whom.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Asking {
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    operator: OperatorOptions,
}

impl Asking {
    /// The authority, and the operator's key.
    pub(crate) fn open(
        &self,
        machine: &Machine,
    ) -> Result<(AuthorityClient, zeroize::Zeroizing<String>), CliError> {
        let operator = self.operator.key(machine)?;
        let authority = match &self.authority {
            // Whoever names one needs no home.
            Some(url) => match machine.home() {
                Ok(home) => passport::authority(Some(url), &home)?,
                Err(_) => AuthorityClient::new(url)?,
            },
            None => passport::authority(None, &machine.home()?)?,
        };
        Ok((authority, operator))
    }
}

/// A server's id as it may stand in a path.
pub(crate) fn id(text: &str) -> Result<&str, CliError> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = text.strip_prefix("srv_").unwrap_or_default();
    (digits.len() == 32 && digits.bytes().all(hex))
        .then_some(text)
        .ok_or_else(|| CliError::NotAServerId(text.to_owned()))
}

/// What is known of a server, for people.
fn describe(server: Value<'_>) -> Vec<(&'static str, String)> {
    [
        ("server id", "server_id"),
        ("name", "name"),
        ("tenant", "tenant"),
        ("origin", "origin"),
        ("owner", "owner"),
        ("state", "state"),
        ("revision", "revision"),
        ("manifests", "manifests"),
        ("added", "added_at"),
        ("changed", "changed_at"),
    ]
    .map(|(title, member)| (title, text_at(server, &[member])))
    .into()
}
