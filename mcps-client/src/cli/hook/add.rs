//! `mcps hook add`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use mcps_client::options::duration;
use serde_json::{Value, json};

use super::super::output::{self, OutputOptions};
use super::super::token::{Asking, member};
use super::super::{CliError, Machine, input, secret_file};
use super::{name, print};

/// Largest mapping, key set or secret that is read.
const MAX_FILE: usize = 64 * 1024;

/// What `mcps hook add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Name of the source, the last part of its URL.
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// Whose reports these are.
    #[arg(long, value_name = "ADAPTER", default_value = "generic")]
    adapter: Adapter,
    /// How it proves that a report is its own. The weaker the proof, the less it may do.
    #[arg(long, value_name = "PROOF")]
    proof: Proof,
    /// The most that it may do; whatever asks for more gets this.
    #[arg(long, value_name = "CEILING", default_value = "propose")]
    ceiling: Ceiling,
    /// The only tenant that it reaches [default: all].
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// How many subjects one alert may reach; what reaches more waits in the inbox.
    #[arg(long, value_name = "N", default_value_t = 10)]
    reach: u32,
    /// How many subjects the alerts of an hour may reach; what reaches more waits in the inbox.
    #[arg(long, value_name = "N", default_value_t = 100)]
    per_hour: u32,
    /// How long its suspensions last, as in 30m or 24h [default: until they are reinstated].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    suspend_for: Option<Duration>,
    /// File that says how its reports are read, where that differs from the adapter: docs/incidents.md.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Its ed25519 public key, whpk_…, for --proof ed25519.
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// File with the secret that it signs with, for hmac, pagerduty and grafana [default: one is made,
    /// but for pagerduty].
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File with the transmitter's key set, for --proof tokens.
    #[arg(long, value_name = "FILE", requires_all = ["issuer", "audience"])]
    jwks: Option<PathBuf>,
    /// The transmitter's name, `iss` of its tokens.
    #[arg(long, value_name = "ISSUER", requires = "jwks")]
    issuer: Option<String>,
    /// Our name to the transmitter, `aud` of its tokens.
    #[arg(long, value_name = "AUDIENCE", requires = "jwks")]
    audience: Option<String>,
    /// Where the transmitter's tokens are fetched, if it does not push them (RFC 8936).
    #[arg(long, value_name = "URL", requires_all = ["jwks", "poll_token_file"])]
    poll: Option<String>,
    /// File with the bearer token that is shown there.
    #[arg(long, value_name = "FILE", requires = "poll")]
    poll_token_file: Option<PathBuf>,
    /// File with the certificate that it shows, PEM, for --proof mtls.
    #[arg(long, value_name = "FILE", conflicts_with = "san")]
    certificate: Option<PathBuf>,
    /// A URI or DNS name in the certificates that it shows, for --proof mtls.
    #[arg(long, value_name = "NAME")]
    san: Option<String>,
    /// Write the secret that is made to this new file, mode 0600, and do not print it.
    #[arg(long, value_name = "FILE")]
    save_secret: Option<PathBuf>,
    /// Only say what would be set up; no secret is made then.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// Whose reports these are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Adapter {
    /// Anybody's: in our own form, or as the mapping says.
    Generic,
    /// Prometheus Alertmanager's.
    Alertmanager,
    /// Grafana Alerting's.
    Grafana,
    /// PagerDuty's webhooks, version 3.
    Pagerduty,
    /// Splunk's webhook alert action.
    Splunk,
    /// Elastic's webhook connector.
    Elastic,
    /// Security event tokens: CAEP and RISC.
    SharedSignals,
}

/// How a source proves that a report is its own.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Proof {
    /// Standard Webhooks by an ed25519 key: may revoke.
    Ed25519,
    /// Standard Webhooks by a shared secret: may revoke.
    Hmac,
    /// PagerDuty's signature: may revoke.
    Pagerduty,
    /// Grafana's signature with its timestamp: may revoke.
    Grafana,
    /// Signed security event tokens: may revoke.
    Tokens,
    /// A client certificate that the authority's --client-ca vouches for: may revoke.
    Mtls,
    /// A bearer token, made here: may suspend.
    Bearer,
    /// An address that nobody guesses, made here: may propose, or suspend for a day.
    Url,
}

/// The most that a source may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ceiling {
    /// Be recorded.
    Observe,
    /// Propose what an operator then carries out or not.
    Propose,
    /// Suspend, which an operator can undo.
    Suspend,
    /// Revoke for good.
    Revoke,
}

/// The name of a value as it is written on the command line.
fn word(value: &impl ValueEnum) -> String {
    let named = value.to_possible_value();
    named.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn text(path: &Path) -> Result<String, CliError> {
    let bytes = input::read(path, MAX_FILE)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// JSON out of a file; what is none goes as a text, which the authority refuses by name.
fn read_json(path: &Path) -> Result<Value, CliError> {
    let text = text(path)?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

impl Add {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let source = self.source()?;
        // Before there is a secret that could not be kept.
        let file = self.save_secret.as_deref().filter(|_| !self.dry_run);
        let file = file.map(secret_file::create).transpose()?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let set = operator.set_source(&self.name, &source).await;
        let set = match (set, &self.save_secret) {
            (Err(error), Some(path)) if file.is_some() => {
                // Empty, it would only be in the way of the next try.
                let _ = std::fs::remove_file(path);
                return Err(error.into());
            }
            (set, _) => set?,
        };
        let root = set.root();
        let mut secret = member(root, "secret");
        let mut path = member(root, "path");
        let by_address = matches!(self.proof, Proof::Url);
        if let (Some(file), Some(place)) = (file, &self.save_secret) {
            let whole = format!("{}{path}/{secret}", authority.url());
            let line = if by_address { &whole } else { &secret };
            secret_file::fill(file, place, line)?;
            secret = format!("in {}", place.display());
            path.push_str(if by_address { "/…" } else { "" });
        } else if by_address && !self.dry_run {
            path = format!("{path}/{secret}");
            secret = "the last part of that address".to_owned();
        }
        if self.output.is_json() {
            let mut json: Value = serde_json::from_str(set.text()).unwrap_or_default();
            if let (Some(members), true) = (json.as_object_mut(), self.save_secret.is_some()) {
                members.remove("secret");
            }
            return output::print(&output::pretty(&json));
        }
        print(root, &secret, format!("{}{path}", authority.url()))?;
        if self.dry_run {
            output::note("Nothing was done; the same without --dry-run does it.");
        }
        if self.save_secret.is_none() && !secret.is_empty() {
            output::note("The secret is shown this once.");
        }
        Ok(())
    }

    fn source(&self) -> Result<Value, CliError> {
        let mut source = json!({
            "adapter": word(&self.adapter),
            "authentication": word(&self.proof),
            "ceiling": word(&self.ceiling),
            "reach": self.reach,
            "per_hour": self.per_hour,
        });
        let secret = self.secret_file.as_deref().map(text).transpose()?;
        let jwks = self.jwks.as_deref().map(read_json).transpose()?;
        let mapping = self.mapping.as_deref().map(read_json).transpose()?;
        let certificate = self.certificate.as_deref().map(text).transpose()?;
        let poll_token = self.poll_token_file.as_deref().map(text).transpose()?;
        let length = self.suspend_for.map(|length| length.as_secs().into());
        let stated = [
            ("tenant", self.tenant.clone().map(Value::from)),
            ("suspend_s", length),
            ("public_key", self.public_key.clone().map(Value::from)),
            ("secret", secret.map(Value::from)),
            ("jwks", jwks),
            ("issuer", self.issuer.clone().map(Value::from)),
            ("audience", self.audience.clone().map(Value::from)),
            ("certificate", certificate.map(Value::from)),
            ("san", self.san.clone().map(Value::from)),
            ("poll_url", self.poll.clone().map(Value::from)),
            ("poll_token", poll_token.map(Value::from)),
            ("mapping", mapping),
        ];
        if let Some(members) = source.as_object_mut() {
            let stated = stated.into_iter();
            members.extend(stated.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        Ok(source)
    }
}
