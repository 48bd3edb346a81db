//! `math.random`: the same numbers for each script, as real servers have them.
//!
//!     x ← x · 0x5DEECE66D + 11  (48 bits); the upper 31 bits are the number

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

#[derive(Debug, Clone, Copy)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: i32) -> Self {
        Self(u64::from(seed as u32) << 16 | 0x330E)
    }

    /// At least 0, below 1.
    pub fn next(&mut self) -> f64 {
        self.0 = (self.0.wrapping_mul(MULTIPLIER) + 11) & MASK;
        let number = (self.0 >> 17) as u32;
        f64::from(number % 0x7FFF_FFFF) / f64::from(0x7FFF_FFFF)
    }
}
