//! The registry: servers, and the tools that each version of them may show.
//!
//! A server's publisher is whoever has the key of its passport: [`Published`] exists once a manifest
//! and every tool it names were verified by that key.

pub mod diff;
mod publish;

use mcps_core::random::{Random, RandomError, hex16};

pub use publish::{Published, live_publisher};

/// A server's id: `srv_` and 32 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerId(String);

impl ServerId {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        Ok(Self(format!("srv_{}", hex16(random)?)))
    }

    /// Reads an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("srv_")?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 32 && digits.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ServerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a server takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It may publish.
    Active,
    /// It may not, until an operator says so.
    Disabled,
    /// It never will again; its name and origin are free for another.
    Retired,
}

impl ServerState {
    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Retired => "retired",
        }
    }

    /// As it is stored. A word that this version does not know lets nobody publish.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "disabled" => Self::Disabled,
            _ => Self::Retired,
        }
    }
}
