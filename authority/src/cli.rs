//! The command line. The environment is read here and nowhere else.

mod care;
mod clients;
mod examples;
mod hook;
mod keys;
mod oidc;
mod output;
mod quotas;
mod resolver;

pub(crate) use care::Care;
use clients::ClientOptions;
pub(crate) use hook::{CeilingArg, HookAdd, HookCommand};
pub(crate) use keys::KeysCommand;
use oidc::OidcOptions;
pub(crate) use output::OutputOptions;
use quotas::Quotas;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use mcps_authority::Config;
use mcps_authority::access::{Grant, Grants};
use mcps_authority::certificate::TlsFiles;
use mcps_authority::config::KeyPlace;
use mcps_authority::custody::token::TokenConfig;
use mcps_authority::secret::Secret;
use mcps_core::clock::Timestamp;
use mcps_manual::Manual;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The trust authority: issues, renews and revokes passports, and answers for them.
#[derive(Debug, Parser)]
#[command(name = "mcps-authority", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the authority. Without options: SQLite and keys in your data folder, on loopback.
    Serve(Box<Serve>),
    /// Add an operator and print the new API key, once. Works while the authority runs.
    AddOperator(Box<AddOperator>),
    /// List the authority's own keys, and take them through their life. Works while it runs.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Read everything again that was ever recorded, issued and told, and say what does not fit. Works
    /// while the authority runs. Exit code 6 when something was changed.
    Examine(Box<Examine>),
    /// Say where incidents may be reported from, and what each source may do.
    #[command(subcommand)]
    Hook(Box<HookCommand>),
    #[command(flatten)]
    Care(Care),
    /// Print the OpenAPI 3.1 document of the HTTP interface.
    Openapi,
    #[command(flatten)]
    Manual(Manual),
}

/// All commands, with examples.
pub(crate) fn tree() -> clap::Command {
    mcps_manual::explained(Cli::command(), &examples::EXAMPLES, examples::ENDING)
}

/// The command line of this process.
pub(crate) fn parse() -> Cli {
    mcps_manual::parse(&examples::EXAMPLES, examples::ENDING)
}

/// Where an authority keeps what it knows.
#[derive(Args)]
pub(crate) struct Place {
    /// Where the keys and the SQLite file live [default: ~/.local/share/mcps-authority].
    #[arg(long, env = "MCPS_AUTHORITY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL instead of SQLite: postgres://user:password@host/database. Replicas share it,
    /// and one set of keys.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
    /// A file with that URL, for whoever keeps secrets in files.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "database_url"
    )]
    database_url_file: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
    #[arg(long, env = "XDG_DATA_HOME", hide = true)]
    xdg_data_home: Option<PathBuf>,
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Where the private keys are, and how to get at them: docs/keys.md.
#[derive(Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct Keys {
    /// The folder of the root key, when it is not where the other keys are.
    #[arg(long, env = "MCPS_AUTHORITY_ROOT_KEYS", value_name = "DIR")]
    root_keys: Option<PathBuf>,
    /// Key files are sealed with the passphrase in this file.
    #[arg(long, env = "MCPS_AUTHORITY_KEY_PASSPHRASE_FILE", value_name = "FILE")]
    key_passphrase_file: Option<PathBuf>,
    /// The passphrase itself, from the environment.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_KEY_PASSPHRASE",
        hide = true,
        hide_env_values = true,
        conflicts_with = "key_passphrase_file"
    )]
    key_passphrase: Option<String>,
    /// Keys in a PKCS#11 token instead of files: the vendor's shared library.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_PKCS11_MODULE",
        value_name = "FILE",
        requires = "pkcs11_token"
    )]
    pkcs11_module: Option<PathBuf>,
    /// The label of that token.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_PKCS11_TOKEN",
        value_name = "LABEL",
        requires = "pkcs11_module"
    )]
    pkcs11_token: Option<String>,
    /// The token's PIN is in this file.
    #[arg(long, env = "MCPS_AUTHORITY_PKCS11_PIN_FILE", value_name = "FILE")]
    pkcs11_pin_file: Option<PathBuf>,
    /// The PIN itself, from the environment.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_PKCS11_PIN",
        hide = true,
        hide_env_values = true,
        conflicts_with = "pkcs11_pin_file"
    )]
    pkcs11_pin: Option<String>,
}

impl Keys {
    /// Puts these into a configuration.
    fn put_into(&self, config: Config) -> anyhow::Result<Config> {
        let pin = secret(self.pkcs11_pin_file.as_deref(), self.pkcs11_pin.as_deref())?;
        let keys = match (&self.pkcs11_module, &self.pkcs11_token) {
            (Some(module), Some(label)) => KeyPlace::Token(TokenConfig {
                module: module.clone(),
                label: label.clone(),
                pin: pin.context("the token needs its PIN: name a file with --pkcs11-pin-file")?,
            }),
            _ => KeyPlace::Files,
        };
        let file = self.key_passphrase_file.as_deref();
        Ok(Config {
            keys,
            root_keys: self.root_keys.clone(),
            key_passphrase: secret(file, self.key_passphrase.as_deref())?,
            ..config
        })
    }
}

/// The database's URL from its file. An empty one is a mistake, and no reason to use SQLite.
fn read_url(file: &Path) -> anyhow::Result<String> {
    let read = std::fs::read_to_string(file);
    let read = read.with_context(|| format!("cannot read {}", file.display()))?;
    let url = read.trim();
    anyhow::ensure!(
        !url.is_empty(),
        "{} is empty; write postgres://user:password@host/database into it",
        file.display()
    );
    Ok(url.to_owned())
}

/// A secret from the file, or else the text, if there is one.
fn secret(file: Option<&Path>, text: Option<&str>) -> anyhow::Result<Option<Secret>> {
    match (file, text) {
        (Some(file), _) => {
            let read = Secret::from_file(file);
            let read = read.with_context(|| format!("cannot read {}", file.display()))?;
            Ok(Some(read))
        }
        (None, Some("")) | (None, None) => Ok(None),
        (None, Some(text)) => Ok(Some(Secret::new(text.to_owned()))),
    }
}

/// An `http://` or `https://` URL of at most 1024 characters without query or fragment.
fn public_url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_graphic() && !"?#\"<>".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && text.len() <= 1024 && rest.chars().all(plain) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("write it as https://ta.example.com, without ? or #".to_owned()),
    }
}

/// Without the database's URL, which may hold a password.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    place: Place,
    /// Address to listen on; port 0 takes a free one, printed in the first line.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:7300"
    )]
    listen: SocketAddr,
    /// Address where /metrics is answered without a key, to whoever reaches it. Unless stated, only
    /// operators read it, on the address above.
    #[arg(long, env = "MCPS_AUTHORITY_METRICS_LISTEN", value_name = "HOST:PORT")]
    metrics_listen: Option<SocketAddr>,
    /// Speak TLS: the certificate chain, PEM. Read again when it changes.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate, PEM.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    clients: ClientOptions,
    /// Speak plain HTTP beyond this machine too, where something in front of this speaks HTTPS.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_ALLOW_INSECURE_HTTP",
        value_parser = FalseyValueParser::new()
    )]
    allow_insecure_http: bool,
    /// The issuer's name on every passport, chosen once [default: authority- and eight digits].
    #[arg(long, env = "MCPS_AUTHORITY_ISSUER", value_name = "NAME")]
    issuer: Option<String>,
    /// The URL under which others reach it, as https://ta.example.com [default: the address it listens
    /// on]. Passports name it, for their status lists.
    #[arg(long, env = "MCPS_AUTHORITY_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    public_url: Option<String>,
    /// A second address that answers the same, for operators and webhooks: its connections are apart, so
    /// that nobody who fills the first one keeps a revocation out.
    #[arg(long, env = "MCPS_AUTHORITY_ORDER_LISTEN", value_name = "HOST:PORT")]
    order_listen: Option<SocketAddr>,
    /// How many connections are held at once at the first address; further ones wait.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_MAX_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "12000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    max_connections: u32,
    #[command(flatten)]
    quotas: Quotas,
    /// For how many days events of the feed are kept, 1024 of them at least; whoever was away for longer
    /// starts from a snapshot.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_KEEP_EVENTS",
        value_name = "DAYS",
        default_value = "90",
        value_parser = clap::value_parser!(u32).range(1..=36_500)
    )]
    keep_events: u32,
    /// For how many days incidents are kept, but for those that wait for an operator or are in force; 30 at
    /// least, since what comes again is known by them.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_KEEP_INCIDENTS",
        value_name = "DAYS",
        default_value = "400",
        value_parser = clap::value_parser!(u32).range(30..=36_500)
    )]
    keep_incidents: u32,
    /// At the first start, write the operator's key to this file as well, mode 0600.
    #[arg(long, value_name = "PATH")]
    operator_key_file: Option<PathBuf>,
    #[command(flatten)]
    oidc: OidcOptions,
    /// Check origins on this machine, in private networks and over http:// too. For trying things
    /// out: whoever names an origin then makes the authority fetch from there.
    #[arg(long)]
    allow_local_origins: bool,
    /// Ask this resolver for the TXT records that prove an origin, as 9.9.9.9 or 10.0.0.2:5353. May be given
    /// several times [default: those of /etc/resolv.conf that are public]
    #[arg(long = "dns-resolver", value_name = "ADDRESS", value_parser = resolver::read)]
    dns_resolvers: Vec<SocketAddr>,
    /// Write the base URL to this file once requests are answered.
    #[arg(long, value_name = "PATH")]
    pub(crate) ready_file: Option<PathBuf>,
    /// How log lines look; they go to standard error.
    #[arg(
        long,
        env = "MCPS_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
    /// Which log lines: error, warn, info, debug, or by target as in `info,sqlx=debug`.
    #[arg(long, env = "MCPS_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
    /// Where this process is to die, for tests.
    #[cfg(feature = "kill-points")]
    #[arg(long, env = "MCPS_KILL_AT", hide = true)]
    pub(crate) kill_at: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AddOperator {
    #[command(flatten)]
    place: Place,
    /// Whom the key is for.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do: viewer, operator, issuer, responder, auditor, approver or owner. May be given
    /// several times.
    #[arg(long = "role", value_name = "ROLE", default_value = "owner")]
    roles: Vec<String>,
    /// The tenant in which it may do so; * is every one.
    #[arg(long, value_name = "TENANT", default_value = "*")]
    tenant: String,
    /// For how many days it is one; for good unless stated.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct Examine {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Place {
    /// A configuration for this place.
    fn config(&self) -> anyhow::Result<Config> {
        let xdg = self.xdg_data_home.clone().filter(|path| path.is_absolute());
        let home = self.home.as_ref().map(|home| home.join(".local/share"));
        let default = xdg.or(home).map(|base| base.join("mcps-authority"));
        let data_dir = self.data_dir.clone().or(default);
        let data_dir = data_dir.ok_or_else(|| {
            anyhow::anyhow!(
                "there is no home directory to keep data in; name a folder with --data-dir DIR"
            )
        })?;
        let written = self
            .database_url_file
            .as_deref()
            .map(read_url)
            .transpose()?;
        let database_url = written.or_else(|| self.database_url.clone());
        let database_url = database_url.filter(|url| !url.is_empty());
        self.keys.put_into(Config {
            database_url,
            ..Config::local(data_dir)
        })
    }
}

impl Serve {
    /// The library's configuration.
    ///
    /// # Errors
    /// When no data directory was named and there is no home to derive it from.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                clients: self.clients.config(),
            }),
            _ => None,
        };
        Ok(Config {
            listen: self.listen,
            metrics_listen: self.metrics_listen,
            tls,
            allow_insecure_http: self.allow_insecure_http,
            order_listen: self.order_listen,
            max_connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            issuer: self.issuer.clone(),
            public_url: self.public_url.clone(),
            operator_key_file: self.operator_key_file.clone(),
            keep_events: DAY * self.keep_events,
            keep_incidents: DAY * self.keep_incidents,
            oidc: self.oidc.config(),
            local_origins: self.allow_local_origins,
            dns_resolvers: self.dns_resolvers.clone(),
            ..self.quotas.over(self.place.config()?)
        })
    }
}

impl AddOperator {
    /// What it is to hold.
    ///
    /// # Errors
    /// When a role or the tenant is none.
    pub(crate) fn grants(&self) -> anyhow::Result<Grants> {
        let grants = self.roles.iter().map(|role| {
            let grant = format!("{role}@{}", self.tenant).parse::<Grant>();
            grant.with_context(|| format!("{role} in {} is nothing to hold", self.tenant))
        });
        Ok(Grants::new(grants.collect::<anyhow::Result<Vec<_>>>()?))
    }

    /// Until when, from `now` on.
    pub(crate) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires.map(|days| now.plus(DAY * days))
    }

    /// The library's configuration.
    ///
    /// # Errors
    /// As [`Serve::config`].
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        self.place.config()
    }
}

impl Examine {
    /// The library's configuration.
    ///
    /// # Errors
    /// As [`Serve::config`].
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        self.place.config()
    }
}

#[cfg(test)]
mod tests;
