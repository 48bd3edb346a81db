//! `math.random`: the numbers of real servers, one sequence for all that runs in a process.
//!
//!     x ← x · 0x5DEECE66D + 11  (48 bits); the upper 31 bits are the number

use std::sync::atomic::{AtomicU64, Ordering};

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

/// Begins where theirs begins. Who asks first gets which number is left to chance, as there.
static STATE: AtomicU64 = AtomicU64::new(0x1234_ABCD_330E);

/// `math.randomseed`.
pub fn seed(seed: i32) {
    STATE.store(u64::from(seed as u32) << 16 | 0x330E, Ordering::Relaxed);
}

/// At least 0, below 1.
pub fn next() -> f64 {
    let state = (STATE.load(Ordering::Relaxed).wrapping_mul(MULTIPLIER) + 11) & MASK;
    STATE.store(state, Ordering::Relaxed);
    let number = (state >> 17) as u32;
    f64::from(number % 0x7FFF_FFFF) / f64::from(0x7FFF_FFFF)
}
