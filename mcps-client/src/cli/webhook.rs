//! `mcps webhook`: who is told of events, and what could not be delivered.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mcps_client::authority::Operator;
use mcps_client::exit;
use mcps_core::json::{Document, Value};
use serde_json::{Value as Json, json};

use super::output::{self, OutputOptions};
use super::token::{Asking, member};
use super::{CliError, Machine, input, secret_file};

/// Largest bearer token that is read.
const MAX_TOKEN: usize = 8 * 1024;

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Webhook {
    /// Have an endpoint told of events, by Standard Webhooks or as security event tokens.
    Add(Box<Add>),
    /// List who is told.
    List(Plain),
    /// Look at one endpoint and its newest deliveries.
    Show(One),
    /// Have an endpoint told nothing any more.
    Remove(Remove),
    /// Send an endpoint a message of type `test`.
    Test(One),
    /// List what could not be delivered within a day.
    Dead(Plain),
    /// Have an endpoint's dead letters delivered after all.
    Replay(Replay),
}

/// What `mcps webhook add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Where messages are sent: https:// and a public address.
    #[arg(
        value_name = "URL",
        required_unless_present = "polled",
        conflicts_with = "polled"
    )]
    url: Option<String>,
    /// What messages look like.
    #[arg(long, value_name = "FORM", default_value = "standard")]
    form: Form,
    /// Tokens are fetched from the authority instead (RFC 8936), by a bearer token that is made and shown
    /// once; for --form shared-signals.
    #[arg(long)]
    polled: bool,
    /// Whom tokens are for, their `aud`; for --form shared-signals [default: URL, or the webhook's id].
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// File with the bearer token that the receiver wants to see; for --form shared-signals.
    #[arg(long, value_name = "FILE", conflicts_with = "polled")]
    token_file: Option<PathBuf>,
    /// Write the secret that is made to this new file, mode 0600, and do not print it.
    #[arg(long, value_name = "FILE")]
    save_secret: Option<PathBuf>,
    /// Only what is of this tenant [default: everything].
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only this type, as suspend or incident.proposed; may be given several times [default: all].
    #[arg(long = "event", value_name = "TYPE")]
    events: Vec<String>,
    /// What messages are signed with, unless they are tokens [default: ed25519].
    #[arg(long, value_name = "KEY")]
    signing: Option<Signing>,
    /// Only say what would be added; keys and secrets are not made then.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    plain: Plain,
}

/// What messages look like.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Standard Webhooks.
    Standard,
    /// Security event tokens of the Shared Signals Framework.
    SharedSignals,
}

/// What messages are signed with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Signing {
    /// A key of this endpoint's own: whoever verifies cannot sign.
    Ed25519,
    /// A secret that both sides have, shown once.
    Hmac,
}

/// What every verb can be told.
#[derive(Args, Debug)]
pub(crate) struct Plain {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What the verbs about one endpoint can be told.
#[derive(Args, Debug)]
pub(crate) struct One {
    /// Id of the endpoint, as listed by: mcps webhook list.
    #[arg(value_name = "WEBHOOK_ID", value_parser = webhook_id)]
    id: String,
    #[command(flatten)]
    plain: Plain,
}

/// What `mcps webhook remove` can be told.
#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// Only say who would be told nothing any more.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    one: One,
}

/// What `mcps webhook replay` can be told.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// Only this message, as listed by: mcps webhook dead.
    #[arg(long, value_name = "MESSAGE_ID")]
    message: Option<String>,
    #[command(flatten)]
    one: One,
}

/// An id goes into a path, so it is held to its form here.
fn webhook_id(text: &str) -> Result<String, String> {
    let form =
        "an id of a webhook is wh_ and 32 lower-case hex digits, as listed by: mcps webhook list";
    super::hook::id("wh_", text).ok_or_else(|| form.to_owned())
}

impl Webhook {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(plain) => plain.list(machine).await,
            Self::Show(one) => one.show(machine).await,
            Self::Remove(remove) => remove.run(machine).await,
            Self::Test(one) => one.test(machine).await,
            Self::Dead(plain) => plain.dead(machine).await,
            Self::Replay(replay) => replay.run(machine).await,
        }
    }
}

fn events(webhook: Value<'_>) -> String {
    let named = output::items(webhook, "events").filter_map(Value::as_str);
    let named: Vec<_> = named.collect();
    match named.is_empty() {
        true => "all".to_owned(),
        false => named.join(", "),
    }
}

fn print(webhook: Value<'_>, secret: &str) -> Result<(), CliError> {
    let all = |name| output::text_at(webhook, &[name]);
    let polled = webhook.get("polled").and_then(Value::as_bool) == Some(true);
    let where_to = if polled { "fetched at" } else { "url" };
    output::print(&output::members(&[
        ("webhook", all("webhook_id")),
        (where_to, all("url")),
        ("form", all("form")),
        ("for", all("audience")),
        ("tenant", all("tenant")),
        ("events", events(webhook)),
        ("signed by", all("signing")),
        ("verify with", all("public_key")),
        ("secret", secret.to_owned()),
        ("since", all("added_at")),
        ("gone since", all("disabled_at")),
    ]))
}

const HEAD: [&str; 6] = ["at", "type", "state", "tried", "message id", "because"];

fn delivery(delivery: Value<'_>) -> Vec<String> {
    let all = |name| output::text_at(delivery, &[name]);
    vec![
        all("at"),
        all("type"),
        all("state"),
        all("attempts"),
        all("message_id"),
        all("last_error"),
    ]
}

impl Add {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.plain.asking.whom(machine)?;
        // Before there is a secret that could not be kept.
        let file = self.save_secret.as_deref().filter(|_| !self.dry_run);
        let file = file.map(secret_file::create).transpose()?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let added = self.add(operator).await;
        let added = match (added, &self.save_secret) {
            (Err(error), Some(path)) if file.is_some() => {
                // Empty, it would only be in the way of the next try.
                let _ = std::fs::remove_file(path);
                return Err(error);
            }
            (added, _) => added?,
        };
        let secret = member(added.root(), "secret");
        let saved = file.is_some();
        if let (Some(file), Some(path)) = (file, &self.save_secret) {
            secret_file::fill(file, path, &secret)?;
        }
        if self.plain.output.is_json() {
            let mut json: Json = serde_json::from_str(added.text()).unwrap_or_default();
            if let (Some(members), true) = (json.as_object_mut(), saved) {
                members.remove("secret");
            }
            return output::print(&output::pretty(&json));
        }
        let place = self.save_secret.as_ref().filter(|_| saved);
        let shown = place.map(|path| format!("in {}", path.display()));
        print(added.root(), shown.as_deref().unwrap_or(&secret))?;
        if self.dry_run {
            output::note("Nothing was done; the same without --dry-run does it.");
        }
        if !saved && !secret.is_empty() {
            output::note("The secret is shown this once.");
        }
        Ok(())
    }

    async fn add(&self, operator: Operator<'_>) -> Result<Document, CliError> {
        let form = match self.form {
            Form::Standard => "standard",
            Form::SharedSignals => "shared-signals",
        };
        let signing = self.signing.map(|signing| match signing {
            Signing::Ed25519 => "ed25519",
            Signing::Hmac => "hmac",
        });
        let token = self.token_file.as_deref();
        let token = token.map(|path| input::read(path, MAX_TOKEN)).transpose()?;
        let token = token.map(|token| String::from_utf8_lossy(&token).trim().to_owned());
        let mut endpoint = json!({"events": self.events, "form": form, "polled": self.polled});
        let stated = [
            ("url", self.url.clone()),
            ("tenant", self.tenant.clone()),
            ("signing", signing.map(str::to_owned)),
            ("audience", self.audience.clone()),
            ("token", token),
        ];
        if let Some(members) = endpoint.as_object_mut() {
            let stated = stated.into_iter();
            members
                .extend(stated.filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
        }
        Ok(operator.add_webhook(&endpoint).await?)
    }
}

impl Plain {
    async fn list(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let listed = authority.operator(&key).webhooks().await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let row = |webhook: Value<'_>| {
            let state = match member(webhook, "disabled_at").is_empty() {
                true => "on",
                false => "gone",
            };
            vec![
                member(webhook, "webhook_id"),
                member(webhook, "url"),
                events(webhook),
                member(webhook, "signing"),
                state.to_owned(),
            ]
        };
        let rows: Vec<_> = output::items(listed.root(), "webhooks").map(row).collect();
        if rows.is_empty() {
            return output::print("Nobody is told of events; see: mcps webhook add --help");
        }
        let head = ["webhook id", "url", "events", "signed by", "state"];
        output::print(&output::table(&head, rows))
    }

    async fn dead(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let dead = authority.operator(&key).dead_letters().await?;
        if self.output.is_json() {
            return output::print(dead.text());
        }
        let row = |one: Value<'_>| {
            let mut row = delivery(one);
            row.push(member(one, "webhook_id"));
            row
        };
        let letters = output::items(dead.root(), "dead_letters");
        let rows: Vec<_> = letters.map(row).collect();
        if rows.is_empty() {
            return output::print("Everything was delivered, or is still being tried.");
        }
        let head = [&HEAD[..], &["webhook id"]].concat();
        output::print(&output::table(&head, rows))
    }
}

impl One {
    async fn show(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.plain.asking.whom(machine)?;
        let shown = authority.operator(&key).webhook(&self.id).await?;
        if self.plain.output.is_json() {
            return output::print(shown.text());
        }
        print(shown.root(), "")?;
        let rows: Vec<_> = output::items(shown.root(), "deliveries")
            .map(delivery)
            .collect();
        if rows.is_empty() {
            return output::print("Nothing was delivered yet.");
        }
        output::print(&output::table(&HEAD, rows))
    }

    async fn test(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.plain.asking.whom(machine)?;
        let sent = authority.operator(&key).test_webhook(&self.id).await?;
        if self.plain.output.is_json() {
            return output::print(sent.text());
        }
        output::print(&output::members(&[
            ("message", member(sent.root(), "message_id")),
            ("next", format!("mcps webhook show {}", self.id)),
        ]))
    }
}

impl Remove {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let One { id, plain } = self.one;
        let (authority, key) = plain.asking.whom(machine)?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let removed = operator.remove_webhook(&id).await?;
        match (plain.output.is_json(), self.dry_run) {
            (true, _) => output::print(removed.text()),
            (false, true) => output::print(&format!("{id} would be told nothing any more.")),
            (false, false) => output::print(&format!("{id} is told nothing any more.")),
        }
    }
}

impl Replay {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let one = &self.one;
        let (authority, key) = one.plain.asking.whom(machine)?;
        let operator = authority.operator(&key);
        let done = operator.replay(&one.id, self.message.as_deref()).await?;
        if one.plain.output.is_json() {
            return output::print(done.text());
        }
        let count = output::text_at(done.root(), &["replayed"]);
        output::print(&format!("{count} messages are delivered anew."))
    }
}
