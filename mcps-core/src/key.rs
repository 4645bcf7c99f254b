//! P-256 keys: PEM, JWK, RFC 7638 thumbprints. aws-lc-rs signs and verifies; `p256` parses,
//! converts and cross-checks.

mod sealed;

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    LineEnding,
};
use zeroize::Zeroizing;

use crate::digest::Digest;
use crate::json::Value;
use crate::random::Random;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::{Signer, SignerError};

/// A key that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `{"kty":"EC","crv":"P-256","x":…,"y":…}` with 32-byte coordinates (RFC 7518 §6.2).
    #[error("not a P-256 public JWK")]
    Jwk,
    /// Not an SPKI (public) or PKCS#8 (private) PEM block of a P-256 key.
    #[error("not a PEM block with a P-256 key")]
    Pem,
    /// A sealed key that the passphrase does not open.
    #[error("the passphrase does not open it")]
    Passphrase,
    /// Not a point on the curve.
    #[error("not a point on P-256")]
    Point,
    /// The random source failed.
    #[error("no randomness for a new key")]
    Random,
}

/// RFC 7638 thumbprint of a public key: SHA-256, base64url, 43 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Reads 43 characters of base64url that decode to 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (text.len() == 43 && bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The thumbprint's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A P-256 public key, ready to verify with.
#[derive(Clone)]
pub struct PublicKey {
    point: [u8; 65],
    key_id: KeyId,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// From the uncompressed SEC 1 point, `04 ‖ x ‖ y`.
    ///
    /// # Errors
    /// [`KeyError::Point`] when it is not on the curve.
    pub fn from_sec1(point: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; 65] = point.try_into().map_err(|_| KeyError::Point)?;
        if point.first() != Some(&4) {
            return Err(KeyError::Point);
        }
        p256::PublicKey::from_sec1_bytes(&point).map_err(|_| KeyError::Point)?;
        let parsed =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyError::Point)?;
        let thumbprint = Digest::of(jwk_text(&point).as_bytes());
        let key_id = KeyId(URL_SAFE_NO_PAD.encode(thumbprint.as_bytes()));
        Ok(Self {
            point,
            key_id,
            parsed,
        })
    }

    /// From a JWK. Members other than `kty`, `crv`, `x`, `y` are ignored (RFC 7517 §4), but a
    /// private member `d` refuses it.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a P-256 public key.
    pub fn from_jwk(jwk: Value<'_>) -> Result<Self, KeyError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or(KeyError::Jwk);
        if text("kty")? != "EC" || text("crv")? != "P-256" || jwk.get("d").is_some() {
            return Err(KeyError::Jwk);
        }
        let mut point = vec![4];
        for coordinate in [text("x")?, text("y")?] {
            let bytes = URL_SAFE_NO_PAD
                .decode(coordinate.as_bytes())
                .map_err(|_| KeyError::Jwk)?;
            if bytes.len() != 32 {
                return Err(KeyError::Jwk);
            }
            point.extend_from_slice(&bytes);
        }
        Self::from_sec1(&point)
    }

    /// From an SPKI PEM block (RFC 7468 §13).
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it is not one of a P-256 key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = p256::PublicKey::from_public_key_pem(pem).map_err(|_| KeyError::Pem)?;
        Self::from_sec1(key.to_sec1_point(false).as_bytes())
    }

    /// The JWK in canonical form: `{"crv":"P-256","kty":"EC","x":…,"y":…}`.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        jwk_text(&self.point)
    }

    /// An SPKI PEM block.
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it cannot be encoded, which a valid point never causes.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let key = p256::PublicKey::from_sec1_bytes(&self.point).map_err(|_| KeyError::Point)?;
        key.to_public_key_pem(LineEnding::LF)
            .map_err(|_| KeyError::Pem)
    }

    /// The uncompressed SEC 1 point.
    #[must_use]
    pub const fn to_sec1(&self) -> [u8; 65] {
        self.point
    }

    /// SHA-256 of the SPKI in DER (RFC 5480 §2), by which a passport names the key it replaced.
    #[must_use]
    pub fn spki_digest(&self) -> Digest {
        /// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of the point }.
        const BEFORE_POINT: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        Digest::of(&[&BEFORE_POINT[..], &self.point].concat())
    }

    /// The RFC 7638 thumbprint.
    #[must_use]
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Verifies a signature over a SHA-256 digest. High-S passes here: whether it may is the
    /// carrier's rule ([`Signature::is_low_s`]).
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn verify(&self, digest: &Digest, signature: &Signature) -> Result<(), Refusal> {
        let digest = imported(digest).ok_or(Refusal::BadSignature)?;
        let verified = self.parsed.verify_digest_sig(&digest, signature.as_bytes());
        verified.map_err(|_| Refusal::BadSignature)
    }

    /// The same with the other library, `p256`; about five times slower. An authority does this
    /// before a passport leaves.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn cross_check(&self, digest: &Digest, signature: &Signature) -> Result<(), Refusal> {
        let check = || {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.point).ok()?;
            let signature = p256::ecdsa::Signature::from_slice(signature.as_bytes()).ok()?;
            key.verify_prehash(digest.as_bytes(), &signature).ok()
        };
        check().ok_or(Refusal::BadSignature)
    }
}

/// The canonical JWK, which is also what RFC 7638 §3.2 hashes.
fn jwk_text(point: &[u8; 65]) -> String {
    let (x, y) = point.split_at(33);
    let x = URL_SAFE_NO_PAD.encode(x.get(1..).unwrap_or_default());
    let y = URL_SAFE_NO_PAD.encode(y);
    format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
}

fn imported(digest: &Digest) -> Option<aws_lc_rs::digest::Digest> {
    aws_lc_rs::digest::Digest::import_less_safe(digest.as_bytes(), &aws_lc_rs::digest::SHA256).ok()
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.point == other.point
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.key_id)
    }
}

/// A P-256 private key in this process' memory. The scalar is wiped when dropped.
pub struct SecretKey {
    secret: p256::SecretKey,
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl SecretKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::Random`] when the source fails.
    pub fn generate(random: &dyn Random) -> Result<Self, KeyError> {
        // A random scalar is out of range with probability 2^-32; try again then.
        for _ in 0..16 {
            let mut scalar = Zeroizing::new([0; 32]);
            random.fill(scalar.as_mut()).map_err(|_| KeyError::Random)?;
            if let Ok(secret) = p256::SecretKey::from_slice(scalar.as_ref()) {
                return Self::from_secret(secret);
            }
        }
        Err(KeyError::Random)
    }

    /// From a PKCS#8 PEM block (RFC 5958).
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it is not one of a P-256 key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::from_secret(p256::SecretKey::from_pkcs8_pem(pem).map_err(|_| KeyError::Pem)?)
    }

    fn from_secret(secret: p256::SecretKey) -> Result<Self, KeyError> {
        let public = PublicKey::from_sec1(secret.public_key().to_sec1_point(false).as_bytes())?;
        let scalar = Zeroizing::new(<[u8; 32]>::from(secret.to_bytes()));
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar.as_ref(),
            &public.point,
        );
        Ok(Self {
            secret,
            pair: pair.map_err(|_| KeyError::Point)?,
            public,
        })
    }

    /// A PKCS#8 PEM block, wiped when dropped.
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it cannot be encoded, which a valid key never causes.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.secret
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Pem)
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Signature, SignerError> {
        let failed = SignerError("the crypto library refused the key");
        let digest = imported(digest).ok_or_else(|| failed.clone())?;
        let signed = self.pair.sign_digest(&digest).map_err(|_| failed.clone())?;
        let bytes: [u8; 64] = signed.as_ref().try_into().map_err(|_| failed.clone())?;
        Signature::from_bytes(bytes).to_low_s().map_err(|_| failed)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public.key_id)
    }
}

#[cfg(test)]
mod tests;
