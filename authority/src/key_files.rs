//! Key custody in files: one PKCS#8 PEM per key, mode 0600, in `DATA_DIR/keys`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mcps_core::key::{KeyError, SecretKey};
use mcps_core::random::Random;
use mcps_core::trust::KeyUse;

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others on this machine could read the key.
    #[error("{} can be read by other users; run: chmod 600 {}", path.display(), path.display())]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// The file holds no key.
    #[error("{} holds no P-256 key in PKCS#8 PEM: {source}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
}

/// The folder of the authority's keys.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    folder: PathBuf,
}

impl KeyFiles {
    /// The folder; it need not exist yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key of one use, if there is a file for it.
    ///
    /// # Errors
    /// [`KeyFileError`] when the file is unreadable, readable by others, or no key.
    pub fn load(&self, usage: KeyUse) -> Result<Option<SecretKey>, KeyFileError> {
        let path = self.path(usage);
        let io = |source| KeyFileError::Io {
            path: path.clone(),
            source,
        };
        let metadata = match fs::metadata(&path) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io)?,
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyFileError::Open { path });
        }
        let pem = zeroize::Zeroizing::new(fs::read_to_string(&path).map_err(io)?);
        let key = SecretKey::from_pem(&pem);
        key.map(Some).map_err(|source| KeyFileError::Key {
            path: path.clone(),
            source,
        })
    }

    /// A new key of one use, on the disk before it is returned. An existing file is never
    /// overwritten.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn create(&self, usage: KeyUse, random: &dyn Random) -> Result<SecretKey, KeyFileError> {
        let path = self.path(usage);
        let bad_key = |source| KeyFileError::Key {
            path: path.clone(),
            source,
        };
        let key = SecretKey::generate(random).map_err(bad_key)?;
        let pem = key.to_pem().map_err(bad_key)?;
        self.write(&path, pem.as_bytes())
            .map_err(|source| KeyFileError::Io {
                path: path.clone(),
                source,
            })?;
        Ok(key)
    }

    fn write(&self, path: &Path, pem: &[u8]) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let partial = path.with_extension("pem.partial");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(pem)?;
        file.sync_all()?;
        // A link, unlike a rename, refuses to replace a key that another process made meanwhile.
        let linked = fs::hard_link(&partial, path);
        fs::remove_file(&partial)?;
        linked?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, usage: KeyUse) -> PathBuf {
        self.folder.join(format!("{}.pem", usage.as_str()))
    }
}

#[cfg(test)]
mod tests;
