//! `mcps operator`: who may do what at the authority.

mod add;
mod disable;
mod list;
mod rotate;
mod show;

use clap::Subcommand;
use mcps_client::exit;
use mcps_core::json::Value;

use super::output::{items, text_at};
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Operators {
    /// Add an operator, and print its key, once.
    Add(add::Add),
    /// List the operators of your tenants.
    List(list::List),
    /// Show an operator, and what it holds.
    Show(show::Show),
    /// Disable an operator, for good.
    Disable(disable::Disable),
    /// Give an operator another key; the one before opens nothing from then on.
    Rotate(rotate::Rotate),
}

impl Operators {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Show(show) => show.run(machine).await,
            Self::Disable(disable) => disable.run(machine).await,
            Self::Rotate(rotate) => rotate.run(machine).await,
        }
    }
}

/// An id goes into a path, so it is held to its form here.
fn operator_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("op_").unwrap_or_default();
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() == 32 && digits.bytes().all(hex) {
        return Ok(text.to_owned());
    }
    Err(
        "an id of an operator is op_ and 32 lower-case hex digits, as listed by: mcps operator list"
            .to_owned(),
    )
}

/// What an operator holds, in one line.
fn roles(operator: Value<'_>) -> String {
    let roles = items(operator, "roles").filter_map(Value::as_str);
    roles.collect::<Vec<_>>().join(" ")
}

/// How an operator stands.
fn standing(operator: Value<'_>) -> String {
    let at = |member| text_at(operator, &[member]);
    match (at("disabled_at"), at("expires_at")) {
        (disabled, _) if !disabled.is_empty() => format!("disabled {disabled}"),
        (_, until) if !until.is_empty() => format!("until {until}"),
        _ => "active".to_owned(),
    }
}

/// What is known of an operator, for people.
fn describe(operator: Value<'_>) -> Vec<(&'static str, String)> {
    let at = |member| text_at(operator, &[member]);
    vec![
        ("operator id", at("operator_id")),
        ("name", at("name")),
        ("roles", roles(operator)),
        ("proves itself by", at("credential")),
        ("presents", at("presents")),
        ("added", at("added_at")),
        ("added by", at("added_by")),
        ("stands", standing(operator)),
    ]
}
