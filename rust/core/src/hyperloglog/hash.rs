//! Which register an element belongs to, and with which rank.
//!
//! The hash is MurmurHash64A (Austin Appleby, public domain) with the seed that all
//! servers use; it reads little endian on every machine.

use super::{RANK_MAX, REGISTERS};

const SEED: u64 = 0xadc8_3b19;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// MurmurHash64A.
pub fn murmur64(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        let mut mixed = u64::from_le_bytes(eight).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash ^= mixed.wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut eight = [0; 8];
        eight[..rest.len()].copy_from_slice(rest);
        hash ^= u64::from_le_bytes(eight);
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> SHIFT;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}

/// The register of an element and its rank.
pub fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur64(element, SEED);
    let register = hash as usize % REGISTERS;
    let rest = hash / REGISTERS as u64;
    // A bit above the rest ends the zeros of one that has only zeros.
    let zeros = (rest | 1 << (RANK_MAX - 1)).trailing_zeros();
    (register, zeros as u8 + 1)
}
