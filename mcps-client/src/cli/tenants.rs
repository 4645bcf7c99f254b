//! `mcps tenant`: which tenants the authority has.

use clap::{Args, Subcommand};
use mcps_client::exit;
use mcps_core::json::Value;
use serde_json::json;

use super::output::{self, OutputOptions, items, text_at};
use super::page::PageOptions;
use super::server::Asking;
use super::switch::Switch;
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Tenants {
    /// Add a tenant.
    Add(Add),
    /// List the tenants in which you hold something.
    List(List),
    /// Show a tenant.
    Show(One),
    /// Suspend all of a tenant, and keep its operators from acting in it.
    Disable(Switch<One>),
    /// Let a tenant go on.
    Enable(Switch<One>),
}

/// What `mcps tenant add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its id: lower-case letters, digits and `-`.
    #[arg(value_parser = tenant)]
    tenant: String,
    /// A word on it.
    #[arg(long)]
    note: Option<String>,
    /// Only say what would be added.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps tenant list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// Which tenant.
#[derive(Args, Debug)]
pub(crate) struct One {
    /// Its id.
    #[arg(value_parser = tenant)]
    tenant: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Tenants {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Show(one) => one.show(machine).await,
            Self::Disable(switch) => switch.run(machine, true).await,
            Self::Enable(switch) => switch.run(machine, false).await,
        }
    }
}

impl Add {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        let mut asked = json!({"tenant": self.tenant});
        if let (Some(members), Some(note)) = (asked.as_object_mut(), self.note) {
            members.insert("note".to_owned(), note.into());
        }
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let added = operator.add_tenant(&asked).await?;
        if self.output.is_json() {
            return output::print(added.text());
        }
        let rows = describe(added.root());
        output::print(&output::foreseen(self.dry_run, "add a tenant", rows))
    }
}

impl List {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        let listed = authority.operator(&key).tenants(&self.page.query()).await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let row = |tenant| {
            vec![
                text_at(tenant, &["tenant"]),
                standing(tenant),
                text_at(tenant, &["policy_version"]),
                text_at(tenant, &["note"]),
            ]
        };
        let rows: Vec<_> = items(listed.root(), "tenants").map(row).collect();
        output::print(&output::table(
            &["tenant", "stands", "policy", "note"],
            rows,
        ))?;
        PageOptions::note_next(listed.root());
        Ok(())
    }
}

impl One {
    async fn show(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        let shown = authority.operator(&key).show_tenant(&self.tenant).await?;
        if self.output.is_json() {
            return output::print(shown.text());
        }
        output::print(&output::members(&describe(shown.root())))
    }
}

impl Switch<One> {
    async fn run(self, machine: &Machine, disabled: bool) -> Result<(), CliError> {
        let One {
            tenant,
            asking,
            output,
        } = self.one;
        let (authority, key) = asking.open(machine)?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let done = operator.disable_tenant(&tenant, disabled).await?;
        if output.is_json() {
            return output::print(done.text());
        }
        let mut rows = done.root().get("tenant").map(describe).unwrap_or_default();
        rows.push(("told at", text_at(done.root(), &["position"])));
        let would = if disabled { "disable" } else { "enable" };
        output::print(&output::foreseen(self.dry_run, would, rows))
    }
}

/// An id goes into a path, so it is held to its form here.
fn tenant(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound =
        (1..=63).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-');
    sound.then(|| text.to_owned()).ok_or_else(|| {
        "a tenant is 1 to 63 lower-case letters, digits or `-`, and begins with a letter or digit"
            .to_owned()
    })
}

fn standing(tenant: Value<'_>) -> String {
    match text_at(tenant, &["disabled_at"]) {
        at if at.is_empty() => "active".to_owned(),
        at => format!("disabled {at}"),
    }
}

/// What is known of a tenant, for people.
fn describe(tenant: Value<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("tenant", text_at(tenant, &["tenant"])),
        ("stands", standing(tenant)),
        ("note", text_at(tenant, &["note"])),
        ("added", text_at(tenant, &["added_at"])),
        ("added by", text_at(tenant, &["added_by"])),
        ("disabled by", text_at(tenant, &["disabled_by"])),
        ("policy version", text_at(tenant, &["policy_version"])),
    ]
}
