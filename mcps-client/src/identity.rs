//! Who we are on a link: a key that signs and the passport that names it, which renewal replaces.

use std::sync::{Arc, Mutex, PoisonError};

use mcps_core::jcs;
use mcps_core::json::Document;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;

use crate::error::ClientError;
use crate::home::Home;
use crate::link::End;

/// A key and its current passport. Earlier passports of this process stay known, since peers may
/// still address them.
#[derive(Debug)]
pub struct Identity {
    signer: Arc<dyn Signer>,
    passports: Mutex<Vec<Arc<Passport>>>,
}

/// How many earlier passports stay known.
const REMEMBERED: usize = 16;

impl Identity {
    /// From a key and its passport.
    ///
    /// # Errors
    /// [`Refusal::Passport`] when the passport is for another key.
    pub fn new(signer: Arc<dyn Signer>, passport: &Passport) -> Result<Self, Refusal> {
        let identity = Self {
            signer,
            passports: Mutex::default(),
        };
        identity.renewed(passport)?;
        Ok(identity)
    }

    /// From a home directory, for that end of a link.
    ///
    /// # Errors
    /// What [`Home::settle`], [`Home::key`] and [`Home::passport`] say, a passport for another key, and one of a
    /// kind that no peer accepts from this end.
    pub fn load(home: &Home, end: End) -> Result<Self, ClientError> {
        home.settle()?;
        let (key, passport) = (home.key()?, home.passport()?);
        let path = home.path("passport.json");
        let (may, kind) = (end.speaks(), passport.ext().map(|ext| ext.kind));
        if let Some(kind) = kind.filter(|kind| !may.contains(kind)) {
            return Err(ClientError::WrongKind { path, kind, may });
        }
        Self::new(Arc::new(key), &passport).map_err(|refusal| ClientError::Content {
            path,
            why: refusal.to_string(),
        })
    }

    /// Takes a renewed passport into use.
    ///
    /// # Errors
    /// [`Refusal::Passport`] when it is for another key.
    pub fn renewed(&self, passport: &Passport) -> Result<(), Refusal> {
        if passport.public_key() != self.signer.public_key() {
            return Err(Refusal::Passport(
                "it was issued for another key than key.pem",
            ));
        }
        // Envelopes embed the passport as it stands, so ours is kept in canonical form.
        let document = Document::parse(passport.text())?;
        let canonical = Passport::parse(&jcs::to_string(document.root()))?;
        let mut passports = self
            .passports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        passports.push(Arc::new(canonical));
        if passports.len() > REMEMBERED {
            passports.remove(0);
        }
        Ok(())
    }

    /// The key.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// The key, to share.
    #[must_use]
    pub fn shared_signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
    }

    /// The passport in use.
    ///
    /// # Errors
    /// [`Refusal::Passport`] when there is none, which the constructors exclude.
    pub fn passport(&self) -> Result<Arc<Passport>, Refusal> {
        let passports = self
            .passports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        passports
            .last()
            .cloned()
            .ok_or(Refusal::Passport("none is loaded"))
    }

    /// Whether `id` is or was ours.
    #[must_use]
    pub fn is_own(&self, id: &str) -> bool {
        let passports = self
            .passports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        passports
            .iter()
            .any(|passport| passport.id().as_str() == id)
    }

    /// The id of the passport in use.
    ///
    /// # Errors
    /// As [`Identity::passport`].
    pub fn id(&self) -> Result<PassportId, Refusal> {
        Ok(self.passport()?.id().clone())
    }
}
