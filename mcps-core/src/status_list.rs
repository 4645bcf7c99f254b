//! Token Status Lists (draft-ietf-oauth-status-list): what has become of a million passports in some
//! kilobytes, for whoever would rather fetch one list than follow the feed or ask for each.

mod token;

pub use token::{MAX_TOKEN_BYTES, StatusListToken, TYPE};

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};

/// Largest list that is unpacked, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// What a list says of a token (§7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedStatus {
    /// 0x00.
    Valid,
    /// 0x01: for good.
    Invalid,
    /// 0x02: for now.
    Suspended,
    /// What only the issuer knows.
    Other(u8),
}

impl ListedStatus {
    const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
            Self::Other(bits) => bits,
        }
    }
}

/// Why a list or a token of one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusListError {
    /// It is not of its form.
    #[error("{0} is missing or not of its form")]
    Form(&'static str),
    /// It is larger than a list may be.
    #[error("it is larger than a list may be")]
    TooLarge,
    /// No key that is believed signed it.
    #[error("it is signed by no key that is believed for it")]
    ForeignKey,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    BadSignature,
    /// It is about another list.
    #[error("it is not the list that was asked for")]
    OtherList,
    /// Its time is over, or has not come.
    #[error("its time is over or has not come")]
    Expired,
    /// The list does not go as far.
    #[error("the list does not go as far")]
    OutOfRange,
    /// The signer failed.
    #[error("the signer failed")]
    Signer,
}

/// A list of statuses, 1, 2, 4 or 8 bits each, the first in the lowest bits of the first byte (§4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusList {
    /// A list of so many, all valid. `None` for bits other than 1, 2, 4 or 8, or one too large.
    #[must_use]
    pub fn new(bits: u8, count: usize) -> Option<Self> {
        let fits = matches!(bits, 1 | 2 | 4 | 8);
        let bytes = count.checked_mul(usize::from(bits))?.div_ceil(8);
        (fits && bytes <= MAX_BYTES).then(|| Self {
            bits,
            bytes: vec![0; bytes],
        })
    }

    /// How many bits each has.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Sets a status; `false` when the list does not go as far, or has no room for it.
    pub fn set(&mut self, index: u64, status: ListedStatus) -> bool {
        let (at, shift, mask) = self.place(index);
        let value = status.bits();
        let byte = usize::try_from(at)
            .ok()
            .and_then(|at| self.bytes.get_mut(at));
        match byte {
            Some(byte) if value <= mask => {
                *byte = (*byte & !(mask << shift)) | (value << shift);
                true
            }
            _ => false,
        }
    }

    /// The status at a place.
    ///
    /// # Errors
    /// [`StatusListError::OutOfRange`].
    pub fn get(&self, index: u64) -> Result<ListedStatus, StatusListError> {
        let (at, shift, mask) = self.place(index);
        let byte = usize::try_from(at).ok().and_then(|at| self.bytes.get(at));
        let byte = byte.ok_or(StatusListError::OutOfRange)?;
        Ok(ListedStatus::from_bits((byte >> shift) & mask))
    }

    /// Byte, shift and mask of a place.
    const fn place(&self, index: u64) -> (u64, u8, u8) {
        let per_byte = (8 / self.bits) as u64;
        let shift = (index % per_byte) as u8 * self.bits;
        (index / per_byte, shift, u8::MAX >> (8 - self.bits))
    }

    /// `lst`: the list compressed by zlib, in base64url (§4.2).
    #[must_use]
    pub fn to_lst(&self) -> String {
        let mut packed = Vec::new();
        let mut encoder = ZlibEncoder::new(self.bytes.as_slice(), Compression::best());
        // Reading from memory does not fail.
        let _ = encoder.read_to_end(&mut packed);
        URL_SAFE_NO_PAD.encode(packed)
    }

    /// Reads `lst`, unpacking 4 MiB at most.
    ///
    /// # Errors
    /// [`StatusListError::Form`], [`StatusListError::TooLarge`].
    pub fn from_lst(bits: u8, lst: &str) -> Result<Self, StatusListError> {
        let form = StatusListError::Form("status_list");
        if !matches!(bits, 1 | 2 | 4 | 8) {
            return Err(form);
        }
        let packed = URL_SAFE_NO_PAD.decode(lst).map_err(|_| form)?;
        let mut bytes = Vec::new();
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let mut decoder = ZlibDecoder::new(packed.as_slice()).take(most.saturating_add(1));
        decoder.read_to_end(&mut bytes).map_err(|_| form)?;
        match bytes.len() <= MAX_BYTES {
            true => Ok(Self { bits, bytes }),
            false => Err(StatusListError::TooLarge),
        }
    }
}

#[cfg(test)]
mod tests;
