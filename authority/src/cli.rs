//! The command line. The environment is read here and nowhere else.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mcps_authority::Config;

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
    /// Print the OpenAPI 3.1 document of the HTTP interface.
    Openapi,
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Where the keys and the SQLite file live [default: ~/.local/share/mcps-authority].
    #[arg(long, env = "MCPS_AUTHORITY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one, printed in the first line.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:7300"
    )]
    listen: SocketAddr,
    /// PostgreSQL instead of SQLite: postgres://user:password@host/database. Replicas share it,
    /// and one set of keys.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
    /// The issuer's name on every passport, chosen once [default: authority- and eight digits].
    #[arg(long, env = "MCPS_AUTHORITY_ISSUER", value_name = "NAME")]
    issuer: Option<String>,
    /// At the first start, write the operator's key to this file as well, mode 0600.
    #[arg(long, value_name = "PATH")]
    operator_key_file: Option<PathBuf>,
    /// Write the base URL to this file once requests are answered.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
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
    #[arg(long, env = "XDG_DATA_HOME", hide = true)]
    xdg_data_home: Option<PathBuf>,
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Without the database's URL, which may hold a password.
impl std::fmt::Debug for Serve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serve")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Serve {
    /// The library's configuration, and the ready file.
    ///
    /// # Errors
    /// When no data directory was named and there is no home to derive it from.
    pub(crate) fn into_config(self) -> anyhow::Result<(Config, Option<PathBuf>)> {
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        let xdg = self.xdg_data_home.and_then(absolute);
        let home = self.home.map(|home| home.join(".local/share"));
        let default = xdg.or(home).map(|base| base.join("mcps-authority"));
        let data_dir = self.data_dir.or(default);
        let data_dir = data_dir.ok_or_else(|| {
            anyhow::anyhow!(
                "there is no home directory to keep data in; name one with --data-dir DIR"
            )
        })?;
        let config = Config {
            data_dir,
            listen: self.listen,
            database_url: self.database_url.filter(|url| !url.is_empty()),
            issuer: self.issuer,
            operator_key_file: self.operator_key_file,
        };
        Ok((config, self.ready_file))
    }
}
