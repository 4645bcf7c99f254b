//! Key custody in files: one PKCS#8 PEM per key, mode 0600, in `DATA_DIR/keys`; with a passphrase,
//! sealed. `passport.pem` is the key the authority was founded with, `passport-KID.pem` a later one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mcps_core::key::{KeyError, KeyId, SecretKey};
use mcps_core::random::Random;
use mcps_core::signer::Signer as _;
use mcps_core::trust::KeyUse;

use crate::secret::Secret;

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
    /// The passphrase is another one's, or the file is damaged.
    #[error(
        "{} does not open with this passphrase; put the right one into the file that --key-passphrase-file names, or restore the key from a backup",
        path.display()
    )]
    Passphrase {
        /// Which file.
        path: PathBuf,
    },
    /// The file is sealed, and there is no passphrase.
    #[error("{} is sealed; name a file with its passphrase: --key-passphrase-file FILE", path.display())]
    Sealed {
        /// Which file.
        path: PathBuf,
    },
    /// There is a passphrase, and the file is in the clear.
    #[error(
        "{} is not sealed, though there is a passphrase; seal it: openssl pkcs8 -topk8 -scrypt -in {} -out {}.sealed -passout file:PASSPHRASE_FILE, then put it in its place (mode 0600)",
        path.display(), path.display(), path.display()
    )]
    Unsealed {
        /// Which file.
        path: PathBuf,
    },
}

/// The folder of the authority's keys.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    folder: PathBuf,
    passphrase: Option<Secret>,
}

impl KeyFiles {
    /// The folder, which need not exist yet, and what its files are sealed with.
    #[must_use]
    pub const fn new(folder: PathBuf, passphrase: Option<Secret>) -> Self {
        Self { folder, passphrase }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the file of a key that was made after the founding.
    #[must_use]
    pub fn name(usage: KeyUse, id: &KeyId) -> String {
        format!("{}-{id}.pem", usage.as_str())
    }

    /// The key the authority was founded with, if there is a file for it.
    ///
    /// # Errors
    /// [`KeyFileError`] when the file is unreadable, readable by others, or no key.
    pub fn load(&self, usage: KeyUse) -> Result<Option<SecretKey>, KeyFileError> {
        self.read(self.founding_path(usage))
    }

    /// The key of that id, if there is a file for it.
    ///
    /// # Errors
    /// As [`KeyFiles::load`].
    pub fn find(&self, usage: KeyUse, id: &KeyId) -> Result<Option<SecretKey>, KeyFileError> {
        let is_it = |key: &SecretKey| key.public_key().key_id() == id;
        let own = self.read(self.folder.join(Self::name(usage, id)))?;
        match own.filter(is_it) {
            Some(key) => Ok(Some(key)),
            None => Ok(self.load(usage)?.filter(is_it)),
        }
    }

    fn read(&self, path: PathBuf) -> Result<Option<SecretKey>, KeyFileError> {
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
        let key = match (&self.passphrase, SecretKey::is_sealed(&pem)) {
            (Some(passphrase), true) => SecretKey::from_sealed_pem(&pem, passphrase.reveal()),
            (None, false) => SecretKey::from_pem(&pem),
            (None, true) => return Err(KeyFileError::Sealed { path }),
            // Whoever asked for sealed keys must not be left with one in the clear.
            (Some(_), false) if SecretKey::from_pem(&pem).is_ok() => {
                return Err(KeyFileError::Unsealed { path });
            }
            (Some(_), false) => Err(KeyError::Pem),
        };
        match key {
            Err(KeyError::Passphrase) => Err(KeyFileError::Passphrase { path }),
            Err(source) => Err(KeyFileError::Key { path, source }),
            Ok(key) => Ok(Some(key)),
        }
    }

    /// The first key of one use, on the disk before it is returned. An existing file is never
    /// overwritten.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn create(&self, usage: KeyUse, random: &dyn Random) -> Result<SecretKey, KeyFileError> {
        self.keep(random, |_| self.founding_path(usage))
    }

    /// A further key of one use, in a file of its own.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn create_another(
        &self,
        usage: KeyUse,
        random: &dyn Random,
    ) -> Result<SecretKey, KeyFileError> {
        self.keep(random, |id| self.folder.join(Self::name(usage, id)))
    }

    fn keep(
        &self,
        random: &dyn Random,
        path: impl FnOnce(&KeyId) -> PathBuf,
    ) -> Result<SecretKey, KeyFileError> {
        let key = SecretKey::generate(random).map_err(|source| KeyFileError::Key {
            path: self.folder.clone(),
            source,
        })?;
        let path = path(key.public_key().key_id());
        let pem = match &self.passphrase {
            Some(passphrase) => key.to_sealed_pem(passphrase.reveal(), random),
            None => key.to_pem(),
        };
        let pem = pem.map_err(|source| KeyFileError::Key {
            path: path.clone(),
            source,
        })?;
        match self.write(&path, pem.as_bytes()) {
            Ok(()) => Ok(key),
            Err(source) => Err(KeyFileError::Io { path, source }),
        }
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

    fn founding_path(&self, usage: KeyUse) -> PathBuf {
        self.folder.join(format!("{}.pem", usage.as_str()))
    }
}

#[cfg(test)]
mod tests;
