//! ECDSA P-256 signatures as they travel: IEEE P1363 `r‖s`, 64 bytes, padded base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::refusal::Refusal;

/// One signature; not yet known to verify.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// Half the order of P-256, the largest low `s` (FIPS 186-5, SEC 2 §2.4.2).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

impl Signature {
    /// From `r‖s`, big-endian, 32 bytes each.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// `r‖s`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Reads exactly 88 characters of canonical, padded, standard base64 (RFC 4648 §4).
    ///
    /// # Errors
    /// [`Refusal::BadSignature`] for anything else.
    pub fn from_base64(text: &str) -> Result<Self, Refusal> {
        let mut bytes = [0; 66];
        if text.len() != 88 {
            return Err(Refusal::BadSignature);
        }
        let length = STANDARD
            .decode_slice(text, &mut bytes)
            .map_err(|_| Refusal::BadSignature)?;
        let bytes = bytes.get(..length).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Refusal::BadSignature)
    }

    /// 88 characters of padded standard base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads the DER form (RFC 3279 §2.2.3), which other tools write.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`] for anything else.
    pub fn from_der(der: &[u8]) -> Result<Self, Refusal> {
        let parsed = p256::ecdsa::Signature::from_der(der).map_err(|_| Refusal::BadSignature)?;
        Ok(Self(parsed.to_bytes().into()))
    }

    /// The DER form (RFC 3279 §2.2.3), for other tools.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`] when r or s are zero or not below the order.
    pub fn to_der(self) -> Result<Vec<u8>, Refusal> {
        let parsed =
            p256::ecdsa::Signature::from_slice(&self.0).map_err(|_| Refusal::BadSignature)?;
        Ok(parsed.to_der().as_bytes().to_vec())
    }

    /// Whether `s` is at most half the group order. Of the two signatures (r, s) and (r, n−s)
    /// that verify, only this one is accepted by the native carrier.
    #[must_use]
    pub fn is_low_s(&self) -> bool {
        self.0.iter().skip(32).le(HALF_ORDER.iter())
    }

    /// The twin with low `s`.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`] when r or s are zero or not below the order.
    pub fn to_low_s(self) -> Result<Self, Refusal> {
        if self.is_low_s() {
            return Ok(self);
        }
        let parsed =
            p256::ecdsa::Signature::from_slice(&self.0).map_err(|_| Refusal::BadSignature)?;
        Ok(Self(parsed.normalize_s().to_bytes().into()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

#[cfg(test)]
mod tests;
