//! Bitmaps: strings whose bits have numbers.
//!
//!     byte    0        1
//!     bit     01234567 89…       the first bit is the highest of the first byte
//!
//! Bits behind the end of a string are 0. Ranges of bits end before their `end`.
//!
//! Cost: `get` and `set` O(1); `count` and `position` O(bytes), 16 and more a cycle.

pub mod combine;
pub mod field;

use std::ops::Range;

/// How many bits the bytes of a string have.
#[inline]
pub fn len(bytes: &[u8]) -> u64 {
    bytes.len() as u64 * 8
}

/// The bit at `offset`.
#[inline]
pub fn get(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8)
        .ok()
        .and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (7 - offset % 8) & 1 == 1)
}

/// Sets the bit at `offset`, which must be inside; returns what it was.
#[inline]
pub fn set(bytes: &mut [u8], offset: u64, on: bool) -> bool {
    let byte = &mut bytes[(offset / 8) as usize];
    let mask = 0x80 >> (offset % 8);
    let was = *byte & mask != 0;
    if on {
        *byte |= mask;
    } else {
        *byte &= !mask;
    }
    was
}

/// What a client means by `start` and `end` in a string of `len` units: both included,
/// negative ones counted from the end.
pub fn range(start: i64, end: i64, len: u64) -> Range<u64> {
    // A string is shorter than 2^60 bytes.
    let len = len as i64;
    let from_end = |index: i64| {
        if index < 0 {
            index.saturating_add(len).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end {
        0..0
    } else {
        start as u64..end as u64 + 1
    }
}

/// The bytes that a range of bits touches, and what of the first and last belongs to it.
struct Touched<'a> {
    first: u8,
    whole: &'a [u8],
    /// None where the range touches one byte only.
    last: Option<u8>,
    first_mask: u8,
    last_mask: u8,
}

/// None for an empty range; the range must lie inside.
fn touched<'a>(bytes: &'a [u8], range: &Range<u64>) -> Option<Touched<'a>> {
    if range.is_empty() {
        return None;
    }
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let first_mask = 0xff >> (range.start % 8);
    let last_mask = 0xff << (7 - (range.end - 1) % 8);
    Some(if first == last {
        Touched {
            first: bytes[first],
            whole: &[],
            last: None,
            first_mask: first_mask & last_mask,
            last_mask: 0,
        }
    } else {
        Touched {
            first: bytes[first],
            whole: &bytes[first + 1..last],
            last: Some(bytes[last]),
            first_mask,
            last_mask,
        }
    })
}

/// How many bits of the range are 1.
pub fn count(bytes: &[u8], range: Range<u64>) -> u64 {
    let Some(touched) = touched(bytes, &range) else {
        return 0;
    };
    let last = touched.last.unwrap_or(0) & touched.last_mask;
    let ends = (touched.first & touched.first_mask).count_ones() + last.count_ones();
    u64::from(ends) + ones(touched.whole)
}

/// The first bit of the range that is `wanted`.
pub fn position(bytes: &[u8], wanted: bool, range: Range<u64>) -> Option<u64> {
    let touched = touched(bytes, &range)?;
    // Where the wanted bits are 1.
    let flip = if wanted { 0 } else { 0xff };
    let start = range.start / 8 * 8;
    let first = (touched.first ^ flip) & touched.first_mask;
    if first != 0 {
        return Some(start + u64::from(first.leading_zeros()));
    }
    let skipped = leading(touched.whole, flip);
    let at = start + 8 + skipped as u64 * 8;
    if let Some(byte) = touched.whole.get(skipped) {
        return Some(at + u64::from((byte ^ flip).leading_zeros()));
    }
    let last = (touched.last? ^ flip) & touched.last_mask;
    (last != 0).then(|| at + u64::from(last.leading_zeros()))
}

/// How many bytes at the beginning are `byte`.
fn leading(bytes: &[u8], byte: u8) -> usize {
    const TOGETHER: usize = 64;
    let mut at = 0;
    // Without a branch inside, the compiler compares many bytes at once.
    while let Some(chunk) = bytes.get(at..at + TOGETHER) {
        if chunk.iter().fold(0, |all, other| all | other ^ byte) != 0 {
            break;
        }
        at += TOGETHER;
    }
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|other| *other != byte)
        .unwrap_or(rest.len())
}

/// How many bits are 1.
fn ones(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has what the function needs; this was just checked.
        return unsafe { ones_avx2(bytes) };
    }
    ones_in_words(bytes)
}

/// As `ones`, three times as fast where the processor can.
///
/// # Safety
/// The processor must have AVX2 and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
unsafe fn ones_avx2(bytes: &[u8]) -> u64 {
    ones_in_words(bytes)
}

#[inline(always)]
fn ones_in_words(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let mut total = 0;
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        total += u64::from(u64::from_ne_bytes(eight).count_ones());
    }
    let rest = words.remainder().iter();
    total + rest.map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(bytes: &[u8]) -> Vec<bool> {
        (0..len(bytes)).map(|offset| get(bytes, offset)).collect()
    }

    /// Bytes among which long runs of the same are likely.
    fn runs() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0), Just(0xff), any::<u8>()];
        let run = (byte, 0..150_usize).prop_map(|(byte, count)| vec![byte; count]);
        prop::collection::vec(run, 0..4).prop_map(|runs| runs.concat())
    }

    #[test]
    fn bits_are_counted_from_the_highest() {
        let mut bytes = vec![0b0100_0000, 1];
        assert!(get(&bytes, 1) && get(&bytes, 15) && !get(&bytes, 16));
        assert!(!get(&bytes, u64::MAX));
        assert!(!set(&mut bytes, 8, true));
        assert!(set(&mut bytes, 1, false));
        assert_eq!(bytes, [0, 0b1000_0001]);
    }

    proptest! {
        #[test]
        fn counts_and_positions_are_those_of_single_bits(
            bytes in runs(), wanted: bool, one: u64, other: u64,
        ) {
            let bits = bits(&bytes);
            let (one, other) = (one % (len(&bytes) + 1), other % (len(&bytes) + 1));
            let range = one.min(other)..one.max(other);
            let inside = &bits[range.start as usize..range.end as usize];
            let expected = inside.iter().filter(|bit| **bit).count() as u64;
            prop_assert_eq!(count(&bytes, range.clone()), expected);
            let expected = inside.iter().position(|bit| *bit == wanted);
            let expected = expected.map(|at| at as u64 + range.start);
            prop_assert_eq!(position(&bytes, wanted, range), expected);
        }

        #[test]
        fn ranges_are_those_of_python(start: i8, end: i8, len in 0..100_u64) {
            let (from, to) = (i64::from(start), i64::from(end));
            let inside = |at: &u64| {
                let (at, len) = (*at as i64, len as i64);
                let from = if from < 0 { from + len } else { from };
                let to = if to < 0 { (to + len).max(0) } else { to };
                from <= at && at <= to
            };
            let expected: Vec<u64> = (0..len).filter(inside).collect();
            prop_assert_eq!(range(from, to, len).collect::<Vec<_>>(), expected);
        }
    }
}
