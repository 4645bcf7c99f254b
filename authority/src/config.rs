//! What `serve` needs to know.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Configuration of one running authority.
#[derive(Clone)]
pub struct Config {
    /// Where keys and the SQLite file live.
    pub data_dir: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `postgres://…`; without it SQLite in the data directory.
    pub database_url: Option<String>,
    /// The issuer's name on every passport. Chosen once, at the first start.
    pub issuer: Option<String>,
    /// Where the first operator's key is written as well, mode 0600.
    pub operator_key_file: Option<PathBuf>,
}

impl Config {
    /// SQLite in `data_dir`, a free port on loopback, a name made from the root key.
    #[must_use]
    pub fn local(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database_url: None,
            issuer: None,
            operator_key_file: None,
        }
    }
}

/// Without the database's URL, which may hold a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("database_url", &self.database_url.as_ref().map(|_| ".."))
            .field("issuer", &self.issuer)
            .field("operator_key_file", &self.operator_key_file)
            .finish()
    }
}
