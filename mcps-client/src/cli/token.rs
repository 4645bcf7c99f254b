//! `mcps token`: enrolment tokens, each the right to one passport.

mod create;
mod list;
mod withdraw;

use std::borrow::Cow;

use clap::{Args, Subcommand};
use mcps_client::authority::AuthorityClient;
use mcps_client::exit;
use mcps_core::json::Value;

use super::operator::OperatorOptions;
use super::{CliError, Machine, passport};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Token {
    /// Make a token, which is shown this once.
    Create(create::Create),
    /// List the newest tokens and what became of them.
    List(list::List),
    /// Take a token back, so that nobody uses it any more.
    Withdraw(withdraw::Withdraw),
}

impl Token {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Create(create) => create.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Withdraw(withdraw) => withdraw.run(machine).await,
        }
    }
}

/// Which authority is asked, and as which operator.
#[derive(Args, Clone, Debug)]
pub(crate) struct Asking {
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    operator: OperatorOptions,
}

impl Asking {
    /// The authority, and the operator's key.
    ///
    /// # Errors
    /// No key, or neither an address nor a home that has one.
    pub(crate) fn whom(
        &self,
        machine: &Machine,
    ) -> Result<(AuthorityClient, zeroize::Zeroizing<String>), CliError> {
        let key = self.operator.key(machine)?;
        let authority = match &self.authority {
            // Whoever names one needs no home.
            Some(url) => match machine.home() {
                Ok(home) => passport::authority(Some(url), &home)?,
                Err(_) => AuthorityClient::new(url)?,
            },
            None => passport::authority(None, &machine.home()?)?,
        };
        Ok((authority, key))
    }
}

/// The text of a member, or nothing.
pub(super) fn member(value: Value<'_>, name: &str) -> String {
    let found = value.get(name).and_then(Value::as_str);
    found.map(Cow::into_owned).unwrap_or_default()
}

/// The texts of an array, in one line.
fn listed(value: Value<'_>, name: &str) -> String {
    let all = value.get(name).and_then(Value::as_array).into_iter();
    let all = all.flatten().filter_map(Value::as_str);
    all.collect::<Vec<_>>().join(", ")
}

/// Whom a token is for: a name, or how the names begin.
fn name(token: Value<'_>) -> String {
    match token.get("name_prefix").and_then(Value::as_str) {
        Some(prefix) => format!("{prefix}…"),
        None => member(token, "name"),
    }
}
