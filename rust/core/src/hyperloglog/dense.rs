//! All registers in 6 bits each, the lowest bits of each byte first.
//!
//!     byte     0        1        2
//!     bits     11000000 22221111 33333322     four registers in three bytes
//!
//! Cost: `get` and `raise` O(1), `each` O(registers).

use super::REGISTERS;

/// Bytes of all registers.
pub const BYTES: usize = REGISTERS / 4 * 3;

const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;

/// The two bytes in which a register lies, and how far above the lowest bit.
fn pair(registers: &[u8], register: usize) -> (u16, usize) {
    let at = register * BITS / 8;
    let high = registers.get(at + 1).copied().unwrap_or(0);
    (
        u16::from_le_bytes([registers[at], high]),
        register * BITS % 8,
    )
}

/// The rank in a register.
pub fn get(registers: &[u8], register: usize) -> u8 {
    let (pair, shift) = pair(registers, register);
    (pair >> shift & MASK) as u8
}

/// Raises a register to `rank`. True: it was lower.
pub fn raise(registers: &mut [u8], register: usize, rank: u8) -> bool {
    let (pair, shift) = pair(registers, register);
    if (pair >> shift & MASK) as u8 >= rank {
        return false;
    }
    let [low, high] = (pair & !(MASK << shift) | u16::from(rank) << shift).to_le_bytes();
    let at = register * BITS / 8;
    registers[at] = low;
    if let Some(byte) = registers.get_mut(at + 1) {
        *byte = high;
    }
    true
}

/// Visits the ranks of all registers, in order.
pub fn each(registers: &[u8], mut visit: impl FnMut(u8)) {
    for three in registers.chunks_exact(3) {
        let four = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        for place in 0..4 {
            visit((four >> (place * BITS)) as u8 & MASK as u8);
        }
    }
}
