//! `mcps passport list`.

use clap::{Args, ValueEnum};
use mcps_core::json::Value;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::page::PageOptions;
use super::super::token::Asking;
use super::super::{CliError, Machine};

/// What `mcps passport list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only those.
    #[arg(long, value_name = "STATUS", default_value = "all")]
    status: Which,
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// Passports of which standing.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Every one.
    All,
    /// Neither revoked nor expired.
    Live,
    /// Expired, not revoked.
    Expired,
    /// Revoked.
    Revoked,
}

impl Which {
    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl List {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let (status, page) = (self.status.as_str(), self.page.query());
        let listed = authority.operator(&key).passports(status, &page).await?;
        if self.output.is_json() {
            return print_json(listed.text());
        }
        let rows: Vec<_> = items(listed.root(), "passports").map(row).collect();
        if rows.is_empty() {
            return output::print(
                "There is no such passport; get one with: mcps passport request --help",
            );
        }
        let head = [
            "passport id",
            "status",
            "for",
            "tenant",
            "level",
            "owner",
            "expires",
        ];
        output::print(&output::table(&head, rows))?;
        PageOptions::note_next(listed.root());
        Ok(())
    }
}

fn row(passport: Value<'_>) -> Vec<String> {
    let cell = |name| text_at(passport, &[name]);
    vec![
        cell("passport_id"),
        cell("status"),
        format!("{} {}", cell("kind"), cell("name")),
        cell("tenant"),
        format!("L{}", cell("trust_level")),
        cell("owner"),
        cell("expires_at"),
    ]
}
