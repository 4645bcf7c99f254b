//! Keyed 128-bit fingerprints of what an entry stands for.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};

/// 128 bits, as words so that what holds one packs to four bytes.
pub(super) type Fingerprint = [u32; 4];

/// Makes fingerprints under a key of this process, so that nobody outside can aim at a chain.
/// Two texts with one fingerprint would make the guard refuse the second, never accept it.
pub(super) struct Fingerprints(RandomState);

impl Fingerprints {
    /// With a fresh key.
    pub(super) fn new() -> Self {
        Self(RandomState::new())
    }

    /// The fingerprint of a list of texts: SipHash, finished twice over the same state, which is
    /// how its 128-bit variant is made. `str::hash` ends each text with a byte that UTF-8 never
    /// has, so the borders between the texts count.
    pub(super) fn of(&self, texts: &[&str]) -> Fingerprint {
        let mut low = self.0.build_hasher();
        for text in texts {
            text.hash(&mut low);
        }
        let mut high = low.clone();
        high.write_u8(1);
        let [low, high] = [low.finish(), high.finish()];
        [
            low as u32,
            (low >> 32) as u32,
            high as u32,
            (high >> 32) as u32,
        ]
    }
}
