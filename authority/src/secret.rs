//! A passphrase or a PIN: wiped when dropped, and never shown.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

/// Largest file a secret is read from, in bytes.
const MAX_BYTES: u64 = 4096;

/// A passphrase or a PIN.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads a file; one line break at its end is not part of the secret.
    ///
    /// # Errors
    /// What the system says; `InvalidData` for a file that is empty or larger than a secret.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let bad = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        if fs::metadata(path)?.len() > MAX_BYTES {
            return Err(bad("it is larger than 4096 bytes, and no secret"));
        }
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(bad("it is empty"));
        }
        Ok(Self::new(line.to_owned()))
    }

    /// The secret itself. Not for logs, errors or the command line.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
