//! One key of a token, as a [`Signer`].

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use mcps_core::digest::Digest;
use mcps_core::key::PublicKey;
use mcps_core::signature::Signature;
use mcps_core::signer::{Signer, SignerError};
use mcps_core::trust::KeyUse;

use super::pool::Pool;
use super::{TokenError, label};
use crate::custody::off_the_runtime;

/// A key that stays in its token.
pub struct TokenSigner {
    pool: Arc<Pool>,
    usage: KeyUse,
    public: PublicKey,
    /// `CKA_ID`.
    id: Vec<u8>,
    /// Where the private half was last found.
    handle: Mutex<Option<ObjectHandle>>,
    /// Whether the last signature failed, so that an outage is logged once.
    failing: AtomicBool,
}

impl TokenSigner {
    pub(super) fn new(pool: Arc<Pool>, usage: KeyUse, public: PublicKey, id: Vec<u8>) -> Self {
        Self {
            pool,
            usage,
            public,
            id,
            handle: Mutex::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Signs, to show that the private half is there and belongs to the public one.
    ///
    /// # Errors
    /// [`TokenError::Halves`], or what the token says.
    pub(super) fn prove(&self) -> Result<(), TokenError> {
        /// No JSON object, so a signature over it passes for nothing else.
        const PROBE: &[u8] = b"mcps-authority key probe";
        self.raw(&Digest::of(PROBE)).map(|_| ())
    }

    /// A signature that verifies.
    fn raw(&self, digest: &Digest) -> Result<Signature, TokenError> {
        let halves = || TokenError::halves(self.usage, self.pool.label());
        if let Some(key) = *self.handle()
            && let Ok(signed) = self.pool.once(|session| sign_in(session, key, digest))
            && let Some(signature) = self.checked(digest, signed)
        {
            return Ok(signature);
        }
        // The token was away, or gives the handle to another key now.
        *self.handle() = None;
        let signed = self.pool.with(|session| {
            let Some(key) = self.look_up(session)? else {
                return Ok(None);
            };
            Ok(Some((key, sign_in(session, key, digest)?)))
        })?;
        let (key, signed) = signed.ok_or_else(halves)?;
        let signature = self.checked(digest, signed).ok_or_else(halves)?;
        *self.handle() = Some(key);
        Ok(signature)
    }

    /// The private half; `None` when there are several.
    fn look_up(&self, session: &Session) -> Result<Option<ObjectHandle>, Error> {
        let private = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::EC),
            Attribute::Label(label(self.usage).into_bytes()),
            Attribute::Id(self.id.clone()),
        ];
        match session.find_objects(&private)?.as_slice() {
            // Not to be seen without a login either, which somebody may have ended.
            [] => Err(Error::Pkcs11(
                RvError::UserNotLoggedIn,
                Function::FindObjects,
            )),
            [key] => Ok(Some(*key)),
            _ => Ok(None),
        }
    }

    fn checked(&self, digest: &Digest, signed: Vec<u8>) -> Option<Signature> {
        let bytes: [u8; 64] = signed.try_into().ok()?;
        let signature = Signature::from_bytes(bytes).to_low_s().ok()?;
        self.public.verify(digest, &signature).ok()?;
        Some(signature)
    }

    fn handle(&self) -> MutexGuard<'_, Option<ObjectHandle>> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sign_in(session: &Session, key: ObjectHandle, digest: &Digest) -> Result<Vec<u8>, Error> {
    session.sign(&Mechanism::Ecdsa, key, digest.as_bytes())
}

impl Signer for TokenSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Signature, SignerError> {
        let signed = off_the_runtime(|| self.raw(digest));
        let failed_before = self.failing.swap(signed.is_err(), Ordering::Relaxed);
        let usage = self.usage.as_str();
        match (&signed, failed_before) {
            (Err(error), false) => {
                let error = error as &dyn std::error::Error;
                tracing::error!(error, usage, "the {usage} key does not sign: {error}");
            }
            (Ok(_), true) => tracing::info!(usage, "the {usage} key signs again"),
            _ => {}
        }
        signed.map_err(|error| SignerError(advice(&error)))
    }
}

/// What whoever asks may know; the log has the rest.
const fn advice(error: &TokenError) -> &'static str {
    match error {
        TokenError::Absent { .. } => {
            "the PKCS#11 token is gone; attach it again, and restart the authority if that is not enough"
        }
        TokenError::Pin { .. } | TokenError::Locked { .. } => "the PKCS#11 token refuses the PIN",
        TokenError::Busy { .. } => "the PKCS#11 token is too slow for this load",
        TokenError::Halves { .. } | TokenError::Curve { .. } | TokenError::Several { .. } => {
            "the PKCS#11 token does not have the private key any more; restore it, or prepare and activate another"
        }
        TokenError::Module { .. } | TokenError::Random | TokenError::Failed { .. } => {
            "the PKCS#11 token does not sign; check that it is attached, the log says more"
        }
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSigner({})", self.public.key_id())
    }
}
