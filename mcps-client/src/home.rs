//! The home directory of one agent or server: its key, its passport, whom it believes.
//!
//! | file | holds |
//! |---|---|
//! | `key.pem` | the private key, PKCS#8, mode 0600 |
//! | `passport.json` | the passport last issued |
//! | `authority.json` | the authority's address, name and pinned root key id |
//! | `trust.json` | the authority's key set as last verified |
//! | `peers.json` | servers that once signed, which therefore must go on signing |
//! | `pins.json` | tool definitions as first seen |
//! | `feed.json` | how far the revocation feed was followed, and what is in force |
//! | `key-next.pem`, `passport-next.json` | what takes the place of key and passport; only while it does |
//! | `.lock` | nothing: held by whoever changes pins, peers or the feed, or puts a new key in place |
//! | `.rotation` | nothing: held by whoever exchanges the key |
//!
//! Files are replaced whole (written beside, then renamed), so a crash leaves the old or the new.

mod next;
mod trust;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mcps_core::key::{KeyId, SecretKey};
use mcps_core::passport::Passport;
use serde::{Deserialize, Serialize};

use crate::error::ClientError;

pub use trust::Kept;

/// Which authority this home belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityPin {
    /// Base address, `http://127.0.0.1:7300`.
    pub url: String,
    /// Its name, which its passports give as issuer.
    pub name: String,
    /// RFC 7638 thumbprint of its root key, as seen when this home enrolled, or of the one that it
    /// led to since.
    pub root_kid: String,
    /// Our tenant there.
    pub tenant: String,
}

/// A home directory; made on first write, mode 0700.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// At `dir`, which need not exist yet.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a file of the home stands.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Reads a file as text; `None` when it does not exist.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn read(&self, name: &str) -> Result<Option<String>, ClientError> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ClientError::File {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Waits until no other process is changing what this home remembers, and keeps others waiting
    /// until the result is dropped. A client starts all its servers at once, each with an
    /// `mcps connect` of its own: without this the last one to write would undo the others' pins.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn lock(&self) -> Result<fs::File, ClientError> {
        self.hold(".lock")
    }

    /// Holds one of the files that are locked.
    fn hold(&self, name: &str) -> Result<fs::File, ClientError> {
        let path = self.path(name);
        let fail = |action| {
            let path = path.clone();
            move |source| ClientError::File {
                action,
                path,
                source,
            }
        };
        self.make().map_err(fail("create the directory of"))?;
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).mode(0o600).open(&path);
        let file = file.map_err(fail("write"))?;
        file.lock().map_err(fail("lock"))?;
        Ok(file)
    }

    fn make(&self) -> std::io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.dir)
    }

    /// Replaces a file whole, mode 0600.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn write(&self, name: &str, text: &str) -> Result<(), ClientError> {
        let path = self.path(name);
        let fail = |action| {
            move |source| ClientError::File {
                action,
                path: self.path(name),
                source,
            }
        };
        self.make().map_err(fail("create the directory of"))?;
        let beside = self.dir.join(format!(".{name}.{}", std::process::id()));
        let _ = fs::remove_file(&beside);
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(fail("write"))?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        written
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(fail("write"))
    }

    /// The private key.
    ///
    /// # Errors
    /// [`ClientError::Missing`] before `mcps keygen`, [`ClientError::KeyMode`] when others can
    /// read it, [`ClientError::Content`] when it is not a P-256 key.
    pub fn key(&self) -> Result<SecretKey, ClientError> {
        self.read_key("key.pem")?
            .ok_or_else(|| ClientError::Missing {
                path: self.path("key.pem"),
                next: "make it with: mcps keygen",
            })
    }

    fn read_key(&self, name: &str) -> Result<Option<SecretKey>, ClientError> {
        let path = self.path(name);
        let Some(pem) = self.read(name)?.map(zeroize::Zeroizing::new) else {
            return Ok(None);
        };
        let metadata = fs::metadata(&path);
        let mode = metadata.map_or(0, |metadata| metadata.permissions().mode() & 0o777);
        if mode & 0o077 != 0 {
            return Err(ClientError::KeyMode { path, mode });
        }
        let key = SecretKey::from_pem(&pem).map_err(|error| ClientError::Content {
            path,
            why: error.to_string(),
        });
        key.map(Some)
    }

    /// Stores a new private key.
    ///
    /// # Errors
    /// [`ClientError::Exists`] unless `replace`: a lost key cannot be had back.
    pub fn write_key(&self, key: &SecretKey, replace: bool) -> Result<(), ClientError> {
        let path = self.path("key.pem");
        if !replace && path.exists() {
            return Err(self.key_exists());
        }
        self.write("key.pem", &key.to_pem()?)
    }

    /// What is said of a key that would be lost.
    #[must_use]
    pub fn key_exists(&self) -> ClientError {
        ClientError::Exists {
            path: self.path("key.pem"),
            next: "use another --home, or --force to replace the key",
        }
    }

    /// The passport last issued.
    ///
    /// # Errors
    /// [`ClientError::Missing`] before `mcps passport request`, [`ClientError::Content`].
    pub fn passport(&self) -> Result<Passport, ClientError> {
        let path = self.path("passport.json");
        let Some(text) = self.read("passport.json")? else {
            return Err(ClientError::Missing {
                path,
                next: "get one with: mcps passport request",
            });
        };
        Passport::parse(text.trim()).map_err(|error| ClientError::Content {
            path,
            why: error.to_string(),
        })
    }

    /// Which authority this home belongs to.
    ///
    /// # Errors
    /// [`ClientError::Missing`] before `mcps passport request`, [`ClientError::Content`].
    pub fn authority(&self) -> Result<AuthorityPin, ClientError> {
        let path = self.path("authority.json");
        let Some(text) = self.read("authority.json")? else {
            return Err(ClientError::Missing {
                path,
                next: "enrol with: mcps passport request --authority URL",
            });
        };
        serde_json::from_str(&text).map_err(|error| ClientError::Content {
            path,
            why: error.to_string(),
        })
    }

    /// Remembers the authority.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn write_authority(&self, pin: &AuthorityPin) -> Result<(), ClientError> {
        let path = self.path("authority.json");
        let text = serde_json::to_string_pretty(pin);
        self.write(
            "authority.json",
            &text.map_err(|error| ClientError::Content {
                path,
                why: error.to_string(),
            })?,
        )
    }
}

impl AuthorityPin {
    /// The pinned root's id.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the file holds something else.
    pub fn root(&self) -> Result<KeyId, ClientError> {
        let bad = mcps_core::refusal::Refusal::Statement {
            what: "authority.json",
            why: "root_kid is not a thumbprint",
        };
        KeyId::parse(&self.root_kid).ok_or(ClientError::Refused(bad))
    }
}
