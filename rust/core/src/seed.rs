//! The seed of the hash function, and hashing.

use std::hash::{BuildHasher, Hasher};

/// The keys of the hash function. One for the process, so that a key can move from
/// one database to another; random, so that nobody can choose keys that collide.
#[derive(Clone)]
pub struct HashSeed(ahash::RandomState);

impl HashSeed {
    /// A seed that nobody outside can know.
    pub fn random() -> HashSeed {
        HashSeed(ahash::RandomState::new())
    }

    /// The same seed each time, for tests and benchmarks.
    pub fn fixed(seed: u64) -> HashSeed {
        HashSeed(ahash::RandomState::with_seeds(
            seed,
            !seed,
            seed.rotate_left(32),
            0x9e37_79b9,
        ))
    }

    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
