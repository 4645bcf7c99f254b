//! What the signatures of a call cost by themselves.

use std::time::{Duration, Instant};

use mcps_core::digest::Digest;
use mcps_core::key::SecretKey;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;

/// A key, and something to sign.
pub(super) struct Crypto {
    key: SecretKey,
    digest: Digest,
    taken: Vec<Duration>,
}

impl Crypto {
    pub(super) fn new() -> Self {
        Self {
            key: SecretKey::generate(&SystemRandom).unwrap(),
            digest: Digest::of(b"a message"),
            taken: Vec::new(),
        }
    }

    /// Two signatures and two verifications in bare aws-lc-rs, as often as that.
    pub(super) fn round(&mut self, times: usize) {
        for _ in 0..times {
            let start = Instant::now();
            for _ in 0..2 {
                let signature = self.key.sign(&self.digest).unwrap();
                let public = self.key.public_key();
                public.verify(&self.digest, &signature).unwrap();
            }
            self.taken.push(start.elapsed());
        }
    }

    /// Their median, in µs.
    pub(super) fn median(&mut self) -> f64 {
        super::spent::percentile(&mut self.taken, 50)
    }
}
