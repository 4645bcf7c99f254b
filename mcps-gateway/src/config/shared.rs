//! `[shared]`: the Redis or Valkey in which several gateways remember together.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::{Host, Url};

/// The table.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// Where it is, `rediss://USER@HOST:PORT/DATABASE`; without the password.
    pub url: String,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Certificates that it is believed by, PEM; the machine's unless given.
    pub ca: Option<PathBuf>,
    /// What the names of all keys begin with: gateways with the same remember together.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// How many milliseconds it may take to answer; a call that needs longer is refused.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How many milliseconds the first connection may take.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// The network up to it is as good as this machine: `redis://` will do.
    #[serde(default)]
    pub plaintext: bool,
}

fn prefix() -> String {
    "mcps".to_owned()
}

const fn timeout_ms() -> u64 {
    250
}

const fn connect_timeout_ms() -> u64 {
    5000
}

/// Without the URL, in which somebody may have written a password after all.
impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("at", &self.place())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn check(&self) -> Result<(), String> {
        const FORM: &str = "[shared]: `url` is none; write rediss://HOST:6379, or rediss://USER@HOST:6379/0 with a user name and a database";
        let url = self.parsed().ok_or(FORM)?;
        if url.password().is_some() {
            return Err("[shared]: a password does not belong into `url`; write it into a file that `password_file` names, or give it as MCPS_SHARED_PASSWORD".to_owned());
        }
        let database = url.path().trim_start_matches('/');
        let numbered = database.is_empty() || database.parse::<u16>().is_ok();
        if !numbered || url.query().is_some() || url.fragment().is_some() {
            return Err(FORM.to_owned());
        }
        if url.scheme() == "redis" && !self.plaintext && !is_loopback(&url) {
            return Err("[shared]: with redis:// everybody on the way reads and forges what gateways remember; write rediss://, or `plaintext = true` where nobody else is on the way".to_owned());
        }
        if self.ca.is_some() && url.scheme() != "rediss" {
            return Err(
                "[shared]: `ca` goes with rediss://; leave it out, or write rediss://".to_owned(),
            );
        }
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.bytes().all(sound) {
            return Err("[shared]: `prefix` is 1 to 64 of a-z, A-Z, 0-9, `-`, `_`, `.` and `:`; leave it out for mcps".to_owned());
        }
        for (name, ms) in [
            ("timeout_ms", self.timeout_ms),
            ("connect_timeout_ms", self.connect_timeout_ms),
        ] {
            if !(1..=60_000).contains(&ms) {
                return Err(format!("[shared]: `{name}` is 1 to 60000"));
            }
        }
        Ok(())
    }

    /// The URL, read.
    pub(crate) fn parsed(&self) -> Option<Url> {
        let url = Url::parse(&self.url).ok()?;
        let known = matches!(url.scheme(), "redis" | "rediss");
        (known && url.has_host()).then_some(url)
    }

    /// Host and port, for messages.
    pub(crate) fn place(&self) -> String {
        let url = self.parsed();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("?");
        let port = url.as_ref().and_then(Url::port).unwrap_or(6379);
        format!("{host}:{port}")
    }

    /// How long one answer may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long the first connection may take.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }
}

/// In `redis:` URLs, which are not special to the URL standard, addresses are read as domains.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
