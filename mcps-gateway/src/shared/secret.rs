//! The password of the store.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::SharedError;

/// More than any password has.
const MOST: usize = 4096;

/// A password that no log shows.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text as it is.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A file's, without the line's end.
    ///
    /// # Errors
    /// [`SharedError::File`], [`SharedError::Content`].
    pub(super) fn read(path: &Path) -> Result<Self, SharedError> {
        let bytes = std::fs::read(path).map_err(|source| SharedError::File {
            key: "password_file",
            path: path.to_owned(),
            source,
        })?;
        let bytes = Zeroizing::new(bytes);
        let text = str::from_utf8(&bytes).ok();
        let text = text.map(|text| text.trim_end_matches(['\r', '\n']));
        let sound = |text: &&str| !text.is_empty() && text.len() <= MOST && !text.contains('\n');
        let text = text.filter(sound).ok_or_else(|| SharedError::Content {
            path: path.to_owned(),
            what: "password; write it into the file's one line",
        })?;
        Ok(Self::new(text.to_owned()))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
