//! Private keys under a passphrase: encrypted PKCS#8 (RFC 5958 §3) with PBES2, scrypt and
//! AES-256-CBC (RFC 8018 §6.2, RFC 7914), which `openssl pkcs8` reads and writes too.

use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use pkcs8::der::pem::PemLabel as _;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use super::{KeyError, SecretKey};
use crate::random::Random;

/// scrypt's cost: 2^15 blocks of 1 KiB, 32 MiB and some tenths of a second for each guess.
const LOG_N: u8 = 15;

impl SecretKey {
    /// Whether a PEM block says that it is sealed. It is not opened.
    #[must_use]
    pub fn is_sealed(pem: &str) -> bool {
        let label = EncryptedPrivateKeyInfoRef::PEM_LABEL;
        pem.contains(&format!("-----BEGIN {label}-----"))
    }

    /// From an encrypted PKCS#8 PEM block.
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it is none; [`KeyError::Passphrase`] when the passphrase does not open
    /// it, or what is inside is no P-256 key.
    pub fn from_sealed_pem(pem: &str, passphrase: &str) -> Result<Self, KeyError> {
        let (label, der) = SecretDocument::from_pem(pem).map_err(|_| KeyError::Pem)?;
        if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
            return Err(KeyError::Pem);
        }
        let sealed = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes());
        let sealed = sealed.map_err(|_| KeyError::Pem)?;
        let opened = sealed.decrypt(passphrase);
        let opened = opened.map_err(|_| KeyError::Passphrase)?;
        let secret = p256::SecretKey::from_pkcs8_der(opened.as_bytes());
        Self::from_secret(secret.map_err(|_| KeyError::Passphrase)?)
    }

    /// An encrypted PKCS#8 PEM block.
    ///
    /// # Errors
    /// [`KeyError::Random`]; [`KeyError::Pem`] when it cannot be encoded, which a valid key never
    /// causes.
    pub fn to_sealed_pem(
        &self,
        passphrase: &str,
        random: &dyn Random,
    ) -> Result<Zeroizing<String>, KeyError> {
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        random.fill(&mut salt).map_err(|_| KeyError::Random)?;
        random.fill(&mut iv).map_err(|_| KeyError::Random)?;
        let cost = scrypt::Params::new(LOG_N, 8, 1).map_err(|_| KeyError::Pem)?;
        let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv);
        let scheme = scheme.map_err(|_| KeyError::Pem)?;
        let der = self.secret.to_pkcs8_der().map_err(|_| KeyError::Pem)?;
        let info = PrivateKeyInfoRef::try_from(der.as_bytes()).map_err(|_| KeyError::Pem)?;
        let sealed = info.encrypt_with_params(scheme, passphrase);
        let sealed = sealed.map_err(|_| KeyError::Pem)?;
        sealed
            .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)
            .map_err(|_| KeyError::Pem)
    }
}
