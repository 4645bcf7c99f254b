//! Randomness as an argument.

use std::fmt;
use std::sync::Mutex;

use aws_lc_rs::rand::SecureRandom;

use crate::digest::Hasher;

/// The machine has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomError;

/// Where unpredictable bytes come from.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `out`.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails; the caller must not go on without.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError>;
}

/// The DRBG of aws-lc, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        aws_lc_rs::rand::SystemRandom::new()
            .fill(out)
            .map_err(|_| RandomError)
    }
}

/// Repeatable bytes from a seed, for tests: SHA-256 of a counter. Never for keys that matter.
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    counter: Mutex<u64>,
}

impl SeededRandom {
    /// The same seed gives the same bytes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            counter: Mutex::new(0),
        }
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        let mut counter = self.counter.lock().map_err(|_| RandomError)?;
        for chunk in out.chunks_mut(32) {
            let mut hasher = Hasher::new();
            hasher.put(&self.seed.to_be_bytes());
            hasher.put(&counter.to_be_bytes());
            *counter += 1;
            for (slot, byte) in chunk.iter_mut().zip(hasher.finish().as_bytes()) {
                *slot = *byte;
            }
        }
        Ok(())
    }
}

/// Sixteen random bytes as 32 lower-case hex digits: a nonce, a session, an id.
///
/// # Errors
/// [`RandomError`] when the source fails.
pub fn hex16(random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    let mut text = String::with_capacity(32);
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(char::from_digit(u32::from(nibble), 16));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
