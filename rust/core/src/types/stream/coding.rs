//! Numbers in blocks, and how long what they stand for is in a listpack.

use crate::types::packed::{Element, Scratch};

/// Bytes of an element in a listpack.
pub fn listpack_element_bytes(element: Element<'_>) -> usize {
    let len = match element {
        Element::Integer(0..=127) => 1,
        Element::Integer(-4096..=4095) => 2,
        Element::Integer(-0x8000..=0x7fff) => 3,
        Element::Integer(-0x80_0000..=0x7f_ffff) => 4,
        Element::Integer(-0x8000_0000..=0x7fff_ffff) => 5,
        Element::Integer(_) => 9,
        Element::Bytes(bytes) => match bytes.len() {
            len @ 0..64 => 1 + len,
            len @ 64..4096 => 2 + len,
            len => 5 + len,
        },
    };
    let back = match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    len + back
}

pub fn integer_bytes(number: i64) -> usize {
    listpack_element_bytes(Element::Integer(number))
}

#[inline]
pub fn write_varint(mut number: u64, into: &mut Scratch) {
    while number >= 128 {
        into.push(number as u8 | 128);
        number >>= 7;
    }
    into.push(number as u8);
}

#[inline]
pub fn read_varint(bytes: &[u8], at: usize) -> (u64, usize) {
    let first = bytes[at];
    if first < 128 {
        return (first.into(), at + 1);
    }
    let (mut number, mut shift, mut at) = (u64::from(first & 127), 7, at + 1);
    loop {
        let byte = bytes[at];
        number |= u64::from(byte & 127) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte < 128 {
            return (number, at);
        }
    }
}

/// The same with its bytes turned round, to be read from the end.
pub fn write_back(number: usize, into: &mut Scratch) {
    let start = into.len();
    write_varint(number as u64, into);
    into[start..].reverse();
}

pub fn read_back(bytes: &[u8], end: usize) -> (usize, usize) {
    let (mut number, mut shift, mut at) = (0, 0, end);
    loop {
        at -= 1;
        number |= usize::from(bytes[at] & 127) << shift;
        shift += 7;
        if bytes[at] < 128 {
            return (number, at);
        }
    }
}

#[inline]
pub fn back_bytes(len: usize) -> usize {
    match len {
        0..128 => 1,
        _ => (usize::BITS - len.leading_zeros()).div_ceil(7) as usize,
    }
}
