//! How far into the future messages were accepted, kept on disk a little ahead of them: what a
//! process that starts anew must refuse, since it does not remember their nonces.
//!
//! Without it everything stamped within the clock skew would be refused after each start. The file
//! is written at most once a second; where there is none, nothing was ever accepted here.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::ClientError;
use crate::home::Home;
use mcps_core::clock::Timestamp;

/// The file.
const FILE: &str = "accepted-until";
/// The file that tells others that a process listens with this home.
const LOCK: &str = ".listening";
/// How far ahead of a message the file is written.
const AHEAD: Duration = Duration::from_secs(1);

/// The newest timestamp that may have been accepted, as the file has it.
#[derive(Debug)]
pub struct Horizon {
    home: Home,
    until: Mutex<Timestamp>,
    /// Held as long as this process listens.
    _lock: File,
}

impl Horizon {
    /// As an earlier process left it.
    ///
    /// # Errors
    /// A file that cannot be read, or does not hold a time; [`ClientError::Exists`] when another
    /// process listens with this home, since neither would know what the other accepted.
    pub fn load(home: &Home) -> Result<Self, ClientError> {
        let path = home.path(LOCK);
        let failed = |source| ClientError::File {
            action: "lock",
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        let options = options.create(true).write(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let next = "another mcps-wrap or mcps-gateway listens with this home; give each a home of its own, \
                            with a passport of its own";
                return Err(ClientError::Exists { path, next });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let until = match home.read(FILE)? {
            None => Timestamp::from_millis(0),
            Some(text) => {
                let read = Timestamp::parse_rfc3339(text.trim());
                read.ok_or_else(|| ClientError::Content {
                    path: home.path(FILE),
                    why: "it is not a time".to_owned(),
                })?
            }
        };
        Ok(Self {
            home: home.clone(),
            until: Mutex::new(until),
            _lock: lock,
        })
    }

    /// The first time that was certainly not accepted before.
    #[must_use]
    pub fn floor(&self) -> Timestamp {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.plus(Duration::from_millis(1))
    }

    /// Makes sure that a message of that time is refused after a restart.
    ///
    /// # Errors
    /// When the file cannot be written; the message must not be accepted then.
    pub fn cover(&self, stamped: Timestamp) -> Result<(), ClientError> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if stamped <= *until {
            return Ok(());
        }
        let ahead = stamped.plus(AHEAD);
        self.home.write(FILE, &ahead.to_string())?;
        *until = ahead;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
