//! SHA-256 digests, and a hasher that takes many small pieces cheaply.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};

#[cfg(test)]
mod tests;

/// Bytes in a SHA-256 digest.
pub const DIGEST_LEN: usize = 32;

/// Bytes gathered before they are handed to the hash. Whatever fits is hashed in one call, without
/// the heap-allocated context, which is most small messages.
const BUFFER_LEN: usize = 1024;

/// A SHA-256 digest (FIPS 180-4). Shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; DIGEST_LEN]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_output(digest(&SHA256, bytes).as_ref())
    }

    /// Takes 32 bytes that are a digest already.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; DIGEST_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads 64 lower-case hexadecimal digits; anything else is `None`.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return None;
        };
        if pairs.len() != DIGEST_LEN {
            return None;
        }
        let mut bytes = [0; DIGEST_LEN];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Some(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; DIGEST_LEN] {
        &self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ: of a digest by
    /// which a secret is known.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// SHA-256 has one output length; the hash library returns it as a slice.
    fn from_output(output: &[u8]) -> Self {
        let mut bytes = [0; DIGEST_LEN];
        for (byte, value) in bytes.iter_mut().zip(output) {
            *byte = *value;
        }
        Self(bytes)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 2 * DIGEST_LEN];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// SHA-256 over pieces. Small pieces are gathered; large ones go to the hash as they are.
#[derive(Clone)]
pub struct Hasher {
    context: Option<Context>,
    buffer: [u8; BUFFER_LEN],
    filled: usize,
}

impl Hasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            context: None,
            buffer: [0; BUFFER_LEN],
            filled: 0,
        }
    }

    /// Appends `bytes` to what is hashed.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.filled..end) {
            room.copy_from_slice(bytes);
            self.filled = end;
        } else {
            self.overflow(bytes);
        }
    }

    /// The digest of everything put so far.
    #[must_use]
    pub fn finish(self) -> Digest {
        let gathered = self.buffer.get(..self.filled).unwrap_or_default();
        match self.context {
            None => Digest::of(gathered),
            Some(mut context) => {
                context.update(gathered);
                Digest::from_output(context.finish().as_ref())
            }
        }
    }

    /// Hands over what was gathered, then `bytes`: gathered anew when they are few.
    fn overflow(&mut self, bytes: &[u8]) {
        let context = self.context.get_or_insert_with(|| Context::new(&SHA256));
        context.update(self.buffer.get(..self.filled).unwrap_or_default());
        self.filled = 0;
        match self.buffer.get_mut(..bytes.len()) {
            Some(room) if bytes.len() < BUFFER_LEN / 2 => {
                room.copy_from_slice(bytes);
                self.filled = bytes.len();
            }
            _ => context.update(bytes),
        }
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}
