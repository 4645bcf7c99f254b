//! Another key in the place of this home's. The new key is stored before anybody hears of it, and the
//! old one goes only when the new one's passport is stored, so whatever happens in between, this home
//! has a key that works, and whoever comes next goes on where it ended.

use std::fs;

use mcps_core::key::SecretKey;
use mcps_core::passport::Passport;
use mcps_core::random::Random;
use mcps_core::signer::Signer as _;

use super::Home;
use crate::error::ClientError;

const KEY: &str = "key-next.pem";
const PASSPORT: &str = "passport-next.json";

impl Home {
    /// Keeps others from exchanging this home's key until the result is dropped.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn rotating(&self) -> Result<fs::File, ClientError> {
        self.hold(".rotation")
    }

    /// The key that is to take the place of this home's: one that an interrupted exchange left, since
    /// the authority may know it already, else a new one, which is stored.
    ///
    /// # Errors
    /// As [`Home::key`].
    pub fn next_key(&self, random: &dyn Random) -> Result<SecretKey, ClientError> {
        if let Some(key) = self.read_key(KEY)? {
            return Ok(key);
        }
        let key = SecretKey::generate(random)?;
        self.write(KEY, &key.to_pem()?)?;
        Ok(key)
    }

    /// Stores the next key's passport, from when on the next key is this home's, and puts both in
    /// place.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn take_next(&self, passport: &Passport) -> Result<(), ClientError> {
        self.write(PASSPORT, passport.text())?;
        self.settle()
    }

    /// Stores a renewed passport, unless the home's key was exchanged while it was on its way.
    ///
    /// # Errors
    /// As [`Home::key`].
    pub fn keep_renewed(&self, passport: &Passport) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        if self.key()?.public_key() == passport.public_key() {
            self.write("passport.json", passport.text())?;
        }
        Ok(())
    }

    /// Puts the next key and its passport in place, if an exchange got so far.
    ///
    /// # Errors
    /// [`ClientError::File`], or [`ClientError::Content`] when the passport is for neither key.
    pub fn settle(&self) -> Result<(), ClientError> {
        if self.read(PASSPORT)?.is_none() {
            return Ok(());
        }
        let _lock = self.lock()?;
        // Somebody else may have done it while we waited.
        let Some(text) = self.read(PASSPORT)? else {
            return Ok(());
        };
        let content = |why: String| ClientError::Content {
            path: self.path(PASSPORT),
            why,
        };
        let passport = Passport::parse(text.trim()).map_err(|error| content(error.to_string()))?;
        let is_for = |key: &SecretKey| key.public_key() == passport.public_key();
        // The key first: without its passport it is found here again, the other way round it is not.
        if self.read_key(KEY)?.as_ref().is_some_and(is_for) {
            self.rename(KEY, "key.pem")?;
        } else if !self.read_key("key.pem")?.as_ref().is_some_and(is_for) {
            return Err(content("its key is not in this home".to_owned()));
        }
        self.rename(PASSPORT, "passport.json")
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), ClientError> {
        let renamed = fs::rename(self.path(from), self.path(to));
        renamed.map_err(|source| ClientError::File {
            action: "write",
            path: self.path(to),
            source,
        })
    }
}
