//! LZF: the compression of strings in RDB files.
//!
//!     000lllll                    l + 1 bytes follow as they are
//!     lllooooo oooooooo           copy l + 2 bytes from o + 1 bytes back, l from 1 to 6
//!     111ooooo llllllll oooooooo  copy l + 9 bytes
//!
//! Cost: O(bytes), one look at a table for each byte.

/// Farthest that a copy reaches back.
const BACK_MAX: usize = 1 << 13;
const LITERALS_MAX: usize = 32;
const COPY_MAX: usize = 264;
const TABLE_BITS: u32 = 14;
/// Three bytes become `COPY_MAX` at most.
const RATIO_MAX: usize = 88;
/// An output grows by at most so much at a time, for lengths are not to be believed.
const STEP_BYTES: usize = 32 << 20;

/// Where three bytes were seen last; large, so keep one.
///
/// Places count from the first byte ever compressed with it, so that those of earlier
/// inputs are known by being too low and nothing has to be cleared.
pub struct Table {
    places: Box<[u32; 1 << TABLE_BITS]>,
    /// No place of the present input is lower.
    base: u32,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            places: Box::new([0; 1 << TABLE_BITS]),
            base: 1,
        }
    }
}

impl Table {
    /// Forgets all there was before, for an input of `len` bytes. False: it is too long.
    fn begin(&mut self, len: usize) -> bool {
        let Ok(len) = u32::try_from(len) else {
            return false;
        };
        if self.base.checked_add(len).is_none() {
            self.places.fill(0);
            self.base = 1;
        }
        self.base.checked_add(len).is_some()
    }
}

/// Appends `input` in its compressed form; false, and nothing appended, if that is not
/// at least `gain` bytes shorter.
pub fn compress(input: &[u8], gain: usize, table: &mut Table, into: &mut Vec<u8>) -> bool {
    let Some(room) = input.len().checked_sub(gain) else {
        return false;
    };
    let start = into.len();
    if !table.begin(input.len()) {
        return false;
    }
    let base = table.base;
    table.base += input.len() as u32;
    let places = &mut table.places;
    let (mut at, mut literals) = (0, 0);
    while at + 2 < input.len() {
        let sample = u32::from_be_bytes([0, input[at], input[at + 1], input[at + 2]]);
        let slot = (sample.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize;
        let place = std::mem::replace(&mut places[slot], base + at as u32);
        let before = place.wrapping_sub(base) as usize;
        let back = at.wrapping_sub(before);
        if place < base || back > BACK_MAX || input[before..before + 3] != input[at..at + 3] {
            at += 1;
            // Nothing is gained yet: give up before the output outgrows its room.
            if into.len() - start + (at - literals) > room + COPY_MAX {
                into.truncate(start);
                return false;
            }
            continue;
        }
        let longest = (input.len() - at).min(COPY_MAX);
        let mut length = 3;
        while length < longest && input[before + length] == input[at + length] {
            length += 1;
        }
        push_literals(&input[literals..at], into);
        let distance = back - 1;
        if length < 9 {
            into.push(((length - 2) << 5 | distance >> 8) as u8);
        } else {
            into.push((7 << 5 | distance >> 8) as u8);
            into.push((length - 9) as u8);
        }
        into.push(distance as u8);
        at += length;
        literals = at;
    }
    push_literals(&input[literals..], into);
    if into.len() - start > room {
        into.truncate(start);
        return false;
    }
    true
}

fn push_literals(bytes: &[u8], into: &mut Vec<u8>) {
    for run in bytes.chunks(LITERALS_MAX) {
        into.push((run.len() - 1) as u8);
        into.extend_from_slice(run);
    }
}

/// Puts what `input` stands for, exactly `length` bytes, in the place of `into`.
pub fn decompress(
    input: &[u8],
    length: usize,
    into: &mut Vec<u8>,
) -> std::result::Result<(), &'static str> {
    const CUT: &str = "a compressed string is cut off";
    const LONG: &str = "a compressed string is longer than it says";
    into.clear();
    if length > input.len().saturating_mul(RATIO_MAX) {
        return Err("a compressed string says that it is longer than it can be");
    }
    let mut at = 0;
    while at < input.len() {
        let control = usize::from(input[at]);
        at += 1;
        let added = if control < 32 {
            control + 1
        } else if control >> 5 == 7 {
            usize::from(*input.get(at).ok_or(CUT)?) + 9
        } else {
            (control >> 5) + 2
        };
        if into.len() + added > length {
            return Err(LONG);
        }
        if into.len() + added > into.capacity() {
            into.reserve_exact((length - into.len()).min(STEP_BYTES.max(added)));
        }
        if control < 32 {
            into.extend_from_slice(input.get(at..at + added).ok_or(CUT)?);
            at += added;
            continue;
        }
        at += usize::from(control >> 5 == 7);
        let low = usize::from(*input.get(at).ok_or(CUT)?);
        at += 1;
        let back = ((control & 31) << 8 | low) + 1;
        let from = into.len().checked_sub(back);
        let from = from.ok_or("a compressed string refers to before its beginning")?;
        if back >= added {
            into.extend_from_within(from..from + added);
        } else {
            for index in from..from + added {
                into.push(into[index]);
            }
        }
    }
    if into.len() != length {
        return Err("a compressed string is shorter than it says");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_of_the_servers_is_read() {
        // DUMP of 40 times "a" on Redis 7.0: c3 09 28 01 61 61 e0 1e 00 01 61 61.
        let mut text = Vec::new();
        let compressed = [1, b'a', b'a', 0xe0, 30 - 3, 0, 1, b'a', b'a'];
        decompress(&compressed, 40, &mut text).unwrap();
        assert_eq!(text, [b'a'; 40]);
        assert!(decompress(&compressed, 41, &mut text).is_err());
        assert!(decompress(&compressed[..4], 40, &mut text).is_err());
        assert!(decompress(&[0x20, 5], 3, &mut text).is_err());
        assert!(decompress(&[], usize::MAX, &mut text).is_err());
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(
            words in proptest::collection::vec((0..20_usize, "[a-c]{0,6}"), 0..300),
            noise in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut text = noise;
            for (repeat, word) in &words {
                text.extend(word.as_bytes().repeat(*repeat));
            }
            let (mut table, mut small, mut back) = (Table::default(), Vec::new(), Vec::new());
            // What it was used for before does not matter.
            compress(&text[text.len() / 3..], 4, &mut table, &mut small);
            small.clear();
            if compress(&text, 4, &mut table, &mut small) {
                prop_assert!(small.len() + 4 <= text.len());
                decompress(&small, text.len(), &mut back).unwrap();
                prop_assert_eq!(back, text);
            } else {
                prop_assert!(small.is_empty());
            }
        }

        #[test]
        fn hostile_input_is_refused_or_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..60), length in 0..4000_usize,
        ) {
            let mut into = Vec::new();
            if decompress(&bytes, length, &mut into).is_ok() {
                prop_assert_eq!(into.len(), length);
            }
        }
    }
}
