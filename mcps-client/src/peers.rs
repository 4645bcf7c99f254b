//! Servers that once signed: from then on, until the time they named, an unsigned answer from the
//! same command or URL is refused (as HSTS does for TLS, RFC 6797).

use std::collections::BTreeMap;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::Hasher;
use serde::{Deserialize, Serialize};

use crate::error::ClientError;
use crate::home::Home;

/// Longest time that is remembered, whatever a server asks for: two years.
const MAX_AGE_S: u64 = 2 * 365 * 24 * 3600;
/// Entries kept; the one that lapses first makes room.
const MAX_PEERS: usize = 10_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// RFC 3339.
    required_until: String,
    /// The server's name at its authority.
    server: String,
}

/// What `peers.json` holds.
#[derive(Debug)]
pub struct Peers {
    home: Home,
    entries: BTreeMap<String, Entry>,
}

/// The name under which a stdio server is remembered: a digest of its command line.
#[must_use]
pub fn stdio_key(command: &[String]) -> String {
    let mut hasher = Hasher::new();
    for word in command {
        hasher.put(&word.len().to_be_bytes());
        hasher.put(word.as_bytes());
    }
    format!("stdio:{}", hasher.finish())
}

impl Peers {
    /// Reads `peers.json`; an absent file is an empty memory, a broken one an error.
    ///
    /// # Errors
    /// [`ClientError::File`], [`ClientError::Content`].
    pub fn load(home: &Home) -> Result<Self, ClientError> {
        let entries = match home.read("peers.json")? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text).map_err(|error| ClientError::Content {
                path: home.path("peers.json"),
                why: error.to_string(),
            })?,
        };
        Ok(Self {
            home: home.clone(),
            entries,
        })
    }

    /// Whether `key` must sign now.
    #[must_use]
    pub fn must_sign(&self, key: &str, clock: &dyn Clock) -> bool {
        let until = self
            .entries
            .get(key)
            .map(|entry| Timestamp::parse_rfc3339(&entry.required_until));
        match until {
            None => false,
            // A date that cannot be read never lapses.
            Some(until) => until.is_none_or(|until| clock.now() < until),
        }
    }

    /// Remembers that `key` signs, for `max_age_s` from now.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn remember(
        &mut self,
        key: &str,
        server: &str,
        max_age_s: u64,
        clock: &dyn Clock,
    ) -> Result<(), ClientError> {
        if max_age_s == 0 {
            return Ok(());
        }
        // Other processes remember in the same file.
        let _locked = self.home.lock()?;
        self.entries = Self::load(&self.home)?.entries;
        let until = clock
            .now()
            .plus(std::time::Duration::from_secs(max_age_s.min(MAX_AGE_S)));
        let entry = Entry {
            required_until: until.to_string(),
            server: server.to_owned(),
        };
        self.entries.insert(key.to_owned(), entry);
        while self.entries.len() > MAX_PEERS {
            let first = self
                .entries
                .iter()
                .min_by(|(_, a), (_, b)| a.required_until.cmp(&b.required_until));
            let Some(key) = first.map(|(key, _)| key.clone()) else {
                break;
            };
            self.entries.remove(&key);
        }
        let text = serde_json::to_string_pretty(&self.entries);
        let path = self.home.path("peers.json");
        self.home.write(
            "peers.json",
            &text.map_err(|error| ClientError::Content {
                path,
                why: error.to_string(),
            })?,
        )
    }
}

#[cfg(test)]
mod tests;
