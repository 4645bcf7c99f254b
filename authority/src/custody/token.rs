//! Key custody in a PKCS#11 token (OASIS PKCS #11 v2.40): keys are made in it, and never leave it.
//!
//! A key is a pair of objects with one `CKA_ID`, both labelled `mcps-` and the use. Which of several
//! is meant is told by the public point, so nothing in the token decides what signs.

mod error;
mod module;
mod pool;
mod signer;

pub use error::TokenError;
pub use signer::TokenSigner;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use mcps_core::key::{KeyId, PublicKey};
use mcps_core::random::Random;
use mcps_core::trust::KeyUse;

use crate::secret::Secret;
use pool::Pool;

/// `CKA_EC_PARAMS` of P-256: the object identifier 1.2.840.10045.3.1.7 in DER.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// Which token, and how to get in.
#[derive(Clone)]
pub struct TokenConfig {
    /// The vendor's shared library.
    pub module: PathBuf,
    /// The token's label.
    pub label: String,
    /// The user's PIN.
    pub pin: Secret,
}

/// Without the PIN, however short it is.
impl fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenConfig")
            .field("module", &self.module)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    pool: Arc<Pool>,
}

/// One half of a key pair that was found in the token.
struct Found {
    public: PublicKey,
    /// `CKA_ID`, which both halves share.
    id: Vec<u8>,
}

impl Token {
    /// Loads the module. The token is first asked for when a key is.
    ///
    /// # Errors
    /// [`TokenError::Module`].
    pub fn new(config: &TokenConfig) -> Result<Self, TokenError> {
        let module = module::load(&config.module)?;
        Ok(Self {
            pool: Arc::new(Pool::new(module, config.label.clone(), config.pin.clone())),
        })
    }

    /// The token's label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.pool.label()
    }

    /// The key of that id, if it is in the token. Keys of other curves are passed over.
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::Curve`] when there are only such under this label.
    pub fn find(&self, usage: KeyUse, id: &KeyId) -> Result<Option<TokenSigner>, TokenError> {
        let keys = self.pool.with(|session| keys(session, usage))?;
        let mut foreign = false;
        for key in keys {
            match key {
                Some(key) if key.public.key_id() == id => return self.signer(usage, key).map(Some),
                Some(_) => {}
                None => foreign = true,
            }
        }
        if foreign {
            return Err(TokenError::curve(usage));
        }
        Ok(None)
    }

    /// The one key of that use, if there is one.
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::Several`], [`TokenError::Curve`].
    pub fn only(&self, usage: KeyUse) -> Result<Option<TokenSigner>, TokenError> {
        let mut keys = self.pool.with(|session| keys(session, usage))?;
        match (keys.pop(), keys.is_empty()) {
            (None, _) => Ok(None),
            (Some(Some(key)), true) => self.signer(usage, key).map(Some),
            (Some(None), true) => Err(TokenError::curve(usage)),
            (Some(_), false) => Err(TokenError::several(usage, self.label())),
        }
    }

    /// Makes a key in the token, which nobody can take out of it.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn create(&self, usage: KeyUse, random: &dyn Random) -> Result<TokenSigner, TokenError> {
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| TokenError::Random)?;
        // Not tried again: a key that was made after all would be a second one.
        let public = self.pool.once(|session| generate(session, usage, &id))?;
        let public = public.ok_or_else(|| TokenError::curve(usage))?;
        let id = id.to_vec();
        self.signer(usage, Found { public, id })
    }

    /// A signer that has shown that the two halves are of one key.
    fn signer(&self, usage: KeyUse, key: Found) -> Result<TokenSigner, TokenError> {
        let signer = TokenSigner::new(Arc::clone(&self.pool), usage, key.public, key.id);
        signer.prove()?;
        Ok(signer)
    }
}

/// The label of both halves of every key of that use.
fn label(usage: KeyUse) -> String {
    format!("mcps-{}", usage.as_str())
}

/// Every key of that use; `None` for one that is not on P-256.
fn keys(session: &Session, usage: KeyUse) -> Result<Vec<Option<Found>>, cryptoki::error::Error> {
    let public = [
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::Label(label(usage).into_bytes()),
    ];
    let handles = session.find_objects(&public)?;
    handles
        .into_iter()
        .map(|handle| {
            let public = point(session, handle)?;
            let mut id = Vec::new();
            for attribute in session.get_attributes(handle, &[AttributeType::Id])? {
                if let Attribute::Id(bytes) = attribute {
                    id = bytes;
                }
            }
            Ok(public.map(|public| Found { public, id }))
        })
        .collect()
}

fn generate(
    session: &Session,
    usage: KeyUse,
    id: &[u8],
) -> Result<Option<PublicKey>, cryptoki::error::Error> {
    let both = [
        Attribute::Token(true),
        Attribute::KeyType(KeyType::EC),
        Attribute::Label(label(usage).into_bytes()),
        Attribute::Id(id.to_vec()),
    ];
    let public = [
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(P256.to_vec()),
    ];
    let private = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    let (public, _) = session.generate_key_pair(
        &Mechanism::EccKeyPairGen,
        &[&both[..], &public[..]].concat(),
        &[&both[..], &private[..]].concat(),
    )?;
    point(session, public)
}

/// The public key; `None` unless it is on P-256.
fn point(
    session: &Session,
    key: ObjectHandle,
) -> Result<Option<PublicKey>, cryptoki::error::Error> {
    let wanted = [AttributeType::EcParams, AttributeType::EcPoint];
    let (mut curve, mut point) = (Vec::new(), Vec::new());
    for attribute in session.get_attributes(key, &wanted)? {
        match attribute {
            Attribute::EcParams(der) => curve = der,
            Attribute::EcPoint(der) => point = der,
            _ => {}
        }
    }
    // A DER octet string; some tokens leave its head out.
    let point = point.strip_prefix(&[0x04, 0x41]).unwrap_or(&point);
    let key = PublicKey::from_sec1(point).ok();
    Ok(key.filter(|_| curve == P256))
}
