//! What a home says of the store that its gateway last knew.

use mcps_client::error::ClientError;
use mcps_client::home::Home;

/// The file: the store's id, how many writes of it were seen, and a word if the gateway went on by itself.
const FILE: &str = "shared-store";
/// That word.
const ALONE: &str = "alone";
/// The id where the file, or what this gateway kept by itself, cannot be read. No store's is so short.
pub(super) const UNREADABLE: &str = "unreadable";

/// What was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Which store.
    pub(super) id: String,
    /// How many writes of it are known of.
    pub(super) seen: u64,
    /// Since then messages were accepted that it does not know of.
    pub(super) alone: bool,
}

impl Note {
    /// Of one that cannot say what it knew, nor what it did by itself.
    pub(super) fn unreadable() -> Self {
        Self {
            id: UNREADABLE.to_owned(),
            seen: 0,
            alone: false,
        }
    }

    /// As the gateway left it; `None` where it never shared.
    pub(super) fn read(home: &Home) -> Option<Self> {
        let text = match home.read(FILE) {
            Ok(text) => text?,
            // Whatever stood there, something did.
            Err(error) => {
                tracing::error!(error = %error, "which shared state was known cannot be read, so it counts as lost: {error}");
                String::new()
            }
        };
        let mut words = text.split_whitespace();
        let id = words.next().unwrap_or(UNREADABLE).to_owned();
        let seen = words.next().and_then(|seen| seen.parse().ok());
        Some(Self {
            id,
            seen: seen.unwrap_or(0),
            alone: words.next() == Some(ALONE),
        })
    }

    /// Writes it down.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub(super) fn write(&self, home: &Home) -> Result<(), ClientError> {
        let Self { id, seen, alone } = self;
        let alone = if *alone { ALONE } else { "" };
        home.write(FILE, format!("{id} {seen} {alone}").trim_end())
    }
}

/// Whether gateways of this home shared what they remember.
#[must_use]
pub fn was_shared(home: &Home) -> bool {
    home.path(FILE).exists()
}

/// Writes down that the gateway goes on by itself, before it accepts anything. Where it shared until now,
/// `first` is done before that.
///
/// # Errors
/// [`ClientError::File`]; then it must not go on, since what it accepted could be sent again to those who
/// share.
pub fn leave(
    home: &Home,
    first: impl FnOnce() -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    let Some(note) = Note::read(home).filter(|note| !note.alone) else {
        return Ok(());
    };
    first()?;
    let alone = Note {
        alone: true,
        ..note
    };
    alone.write(home)
}

#[cfg(test)]
mod tests;
