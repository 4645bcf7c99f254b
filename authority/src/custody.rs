//! Where the private keys of the authority are: in files, or in a PKCS#11 token. The root key may be
//! somewhere else than the keys that are needed every second.

pub mod token;

use std::path::PathBuf;
use std::sync::Arc;

use mcps_core::key::KeyId;
use mcps_core::random::Random;
use mcps_core::signer::Signer;
use mcps_core::trust::KeyUse;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::config::{Config, KeyPlace};
use crate::key_files::{KeyFileError, KeyFiles};
use token::{Token, TokenError};

/// A key that cannot be had, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// A key file cannot be used.
    #[error("key file {0}")]
    File(#[from] KeyFileError),
    /// The token cannot be used.
    #[error("{0}")]
    Token(#[from] TokenError),
}

/// One place that holds keys.
#[derive(Clone, Debug)]
enum Place {
    Files(KeyFiles),
    Token(Token),
}

/// The places of all keys.
#[derive(Clone, Debug)]
pub struct Custody {
    serving: Place,
    root: Place,
    /// Where a root key may be that was made with other options.
    before: Place,
}

impl Custody {
    /// The custody that the configuration names. Nothing is opened yet, except a token's module.
    ///
    /// # Errors
    /// [`TokenError::Module`].
    pub fn new(config: &Config) -> Result<Self, CustodyError> {
        let files = |folder: PathBuf| {
            let passphrase = config.key_passphrase.clone();
            Place::Files(KeyFiles::new(folder, passphrase))
        };
        let serving = match &config.keys {
            KeyPlace::Files => files(config.data_dir.join("keys")),
            KeyPlace::Token(token) => Place::Token(Token::new(token)?),
        };
        let root = match &config.root_keys {
            Some(folder) => files(folder.clone()),
            None => serving.clone(),
        };
        let before = files(config.data_dir.join("keys"));
        Ok(Self {
            serving,
            root,
            before,
        })
    }

    /// The root key of that id: where root keys are, or else where the authority has other keys, or has
    /// had them in files. So one root may take over from another that is kept elsewhere.
    ///
    /// # Errors
    /// As [`Custody::find`], of where root keys are.
    pub fn root(&self, id: &KeyId) -> Result<Option<Arc<dyn Signer>>, CustodyError> {
        if let Some(key) = self.find(KeyUse::Root, id)? {
            return Ok(Some(key));
        }
        let elsewhere = [&self.serving, &self.before];
        let found = |place| off_the_runtime(|| Self::look(place, KeyUse::Root, id)).ok();
        Ok(elsewhere
            .into_iter()
            .find_map(|place| found(place).flatten()))
    }

    /// The key of that id, if it is here.
    ///
    /// # Errors
    /// [`CustodyError`] when the place cannot be read, or what it holds is no P-256 key.
    pub fn find(&self, usage: KeyUse, id: &KeyId) -> Result<Option<Arc<dyn Signer>>, CustodyError> {
        off_the_runtime(|| Self::look(self.place(usage), usage, id))
    }

    fn look(
        place: &Place,
        usage: KeyUse,
        id: &KeyId,
    ) -> Result<Option<Arc<dyn Signer>>, CustodyError> {
        match place {
            Place::Files(files) => Ok(files.find(usage, id)?.map(shared)),
            Place::Token(token) => Ok(token.find(usage, id)?.map(shared)),
        }
    }

    /// A key that was made for that use before an authority was founded, if there is one.
    ///
    /// # Errors
    /// As [`Custody::find`]; [`TokenError::Several`].
    pub fn first(&self, usage: KeyUse) -> Result<Option<Arc<dyn Signer>>, CustodyError> {
        off_the_runtime(|| match self.place(usage) {
            Place::Files(files) => Ok(files.load(usage)?.map(shared)),
            Place::Token(token) => Ok(token.only(usage)?.map(shared)),
        })
    }

    /// A new key, kept before it is returned. No key that is there is touched.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn create(
        &self,
        usage: KeyUse,
        random: &dyn Random,
    ) -> Result<Arc<dyn Signer>, CustodyError> {
        off_the_runtime(|| match self.place(usage) {
            Place::Files(files) => Ok(shared(files.create(usage, random)?)),
            Place::Token(token) => Ok(shared(token.create(usage, random)?)),
        })
    }

    /// As [`Custody::create`], beside other keys of the same use.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn create_another(
        &self,
        usage: KeyUse,
        random: &dyn Random,
    ) -> Result<Arc<dyn Signer>, CustodyError> {
        off_the_runtime(|| match self.place(usage) {
            Place::Files(files) => Ok(shared(files.create_another(usage, random)?)),
            Place::Token(token) => Ok(shared(token.create(usage, random)?)),
        })
    }

    /// Where a key of that use is looked for, for people.
    #[must_use]
    pub fn whereabouts(&self, usage: KeyUse) -> String {
        match self.place(usage) {
            Place::Files(files) => files.folder().display().to_string(),
            Place::Token(token) => format!("the token {}", token.label()),
        }
    }

    /// How another replica gets a key that is missing here, for people.
    #[must_use]
    pub fn remedy(&self, usage: KeyUse, id: &KeyId) -> String {
        match self.place(usage) {
            Place::Files(_) => {
                let name = KeyFiles::name(usage, id);
                format!("copy {name} from the keys folder where it was made (mode 0600)")
            }
            Place::Token(_) => "replicate the token, or connect this one to the same".to_owned(),
        }
    }

    const fn place(&self, usage: KeyUse) -> &Place {
        match usage {
            KeyUse::Root => &self.root,
            KeyUse::Passport | KeyUse::Status | KeyUse::Feed | KeyUse::Audit => &self.serving,
        }
    }
}

/// A token takes milliseconds or more, and opening a sealed file some tenths of a second: other tasks
/// of this thread go on in another one meanwhile.
fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn shared(key: impl Signer + 'static) -> Arc<dyn Signer> {
    Arc::new(key)
}
