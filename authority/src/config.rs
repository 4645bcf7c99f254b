//! What `serve` needs to know.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::budget::Quota;
use crate::certificate::TlsFiles;
use crate::custody::token::TokenConfig;
use crate::listener::MAX_CONNECTIONS;
use crate::oidc::OidcConfig;
use crate::secret::Secret;

/// How long events of the feed are kept, unless something else is configured: 90 days.
pub const KEEP_EVENTS: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long incidents are kept, unless somebody says otherwise.
pub const KEEP_INCIDENTS: Duration = Duration::from_secs(400 * 24 * 3600);

/// Where the private keys are.
#[derive(Clone, Debug, Default)]
pub enum KeyPlace {
    /// In `keys` in the data directory.
    #[default]
    Files,
    /// In a PKCS#11 token.
    Token(TokenConfig),
}

/// Configuration of one running authority.
#[derive(Clone)]
pub struct Config {
    /// Where keys and the SQLite file live.
    pub data_dir: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where `/metrics` is answered without a key; nowhere unless stated.
    pub metrics_listen: Option<SocketAddr>,
    /// The certificate to show; without it plain HTTP is spoken.
    pub tls: Option<TlsFiles>,
    /// Whether plain HTTP may be spoken beyond this machine.
    pub allow_insecure_http: bool,
    /// `postgres://…`; without it SQLite in the data directory.
    pub database_url: Option<String>,
    /// The issuer's name on every passport. Chosen once, at the first start.
    pub issuer: Option<String>,
    /// The URL under which others reach it; without it that of `listen`. Passports name the lists in
    /// which their status is by it.
    pub public_url: Option<String>,
    /// Where the first operator's key is written as well, mode 0600.
    pub operator_key_file: Option<PathBuf>,
    /// Where the keys are that passports, status answers and the feed are signed with.
    pub keys: KeyPlace,
    /// The folder of the root key, when it is not where the other keys are.
    pub root_keys: Option<PathBuf>,
    /// A second address, for those who give orders: it has connections of its own.
    pub order_listen: Option<SocketAddr>,
    /// How many connections are held at the first address at once.
    pub max_connections: usize,
    /// How much each caller may issue, or ask to have issued.
    pub issue_quota: Quota,
    /// How much each caller may revoke, suspend, stop and take back.
    pub order_quota: Quota,
    /// How often each webhook's security event tokens may be fetched.
    pub fetch_quota: Quota,
    /// How long events of the feed are kept.
    pub keep_events: Duration,
    /// How long incidents are kept that wait for nobody and hold nobody back.
    pub keep_incidents: Duration,
    /// Key files are sealed with it; without it they are in the clear, mode 0600.
    pub key_passphrase: Option<Secret>,
    /// The OpenID provider whose tokens operators may present.
    pub oidc: Option<OidcConfig>,
    /// Origins on this machine and in private networks, and over `http://`, are checked too: for
    /// trying things out.
    pub local_origins: bool,
    /// Who is asked for TXT records; nobody stands for the public resolvers of this machine.
    pub dns_resolvers: Vec<SocketAddr>,
}

impl Config {
    /// SQLite in `data_dir`, a free port on loopback, a name made from the root key.
    #[must_use]
    pub fn local(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            metrics_listen: None,
            tls: None,
            allow_insecure_http: false,
            database_url: None,
            issuer: None,
            public_url: None,
            operator_key_file: None,
            keys: KeyPlace::Files,
            root_keys: None,
            order_listen: None,
            max_connections: MAX_CONNECTIONS,
            issue_quota: Quota::USUAL,
            order_quota: Quota::USUAL,
            fetch_quota: Quota::FETCH,
            keep_events: KEEP_EVENTS,
            keep_incidents: KEEP_INCIDENTS,
            key_passphrase: None,
            oidc: None,
            local_origins: false,
            dns_resolvers: Vec::new(),
        }
    }
}

/// Without the database's URL, which may hold a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("metrics_listen", &self.metrics_listen)
            .field("tls", &self.tls)
            .field("allow_insecure_http", &self.allow_insecure_http)
            .field("database_url", &self.database_url.as_ref().map(|_| ".."))
            .field("issuer", &self.issuer)
            .field("public_url", &self.public_url)
            .field("operator_key_file", &self.operator_key_file)
            .field("keys", &self.keys)
            .field("root_keys", &self.root_keys)
            .field("order_listen", &self.order_listen)
            .field("max_connections", &self.max_connections)
            .field("issue_quota", &self.issue_quota)
            .field("order_quota", &self.order_quota)
            .field("fetch_quota", &self.fetch_quota)
            .field("keep_events", &self.keep_events)
            .field("keep_incidents", &self.keep_incidents)
            .field("key_passphrase", &self.key_passphrase)
            .field("oidc", &self.oidc)
            .field("local_origins", &self.local_origins)
            .field("dns_resolvers", &self.dns_resolvers)
            .finish()
    }
}
