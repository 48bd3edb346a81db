//! Integers of any width inside a bitmap: BITFIELD.
//!
//!     u5 at 6     bits …… ab|cde…  →  abcde     the highest bit first
//!
//! Unsigned ones have 1 to 63 bits, signed ones 1 to 64. `parse` reads what a client
//! sent; `run` executes it on the bytes of a string, which must be as long as
//! `bytes_written` says if anything writes. Bits behind the end are 0.
//!
//! Cost: O(1) an operation.

use crate::text::integer;

/// What an integer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    is_signed: bool,
    bits: u32,
}

/// What happens to a number that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Its high bits are dropped.
    Wrap,
    /// It becomes the nearest that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

/// One step of a BITFIELD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    kind: Type,
    offset: u64,
    action: Action,
}

/// Why a client's words are no operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldError {
    Syntax,
    Type,
    Offset,
    Value,
    Overflow,
}

/// What `run` did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// The reply to each operation; None where it failed.
    pub replies: Vec<Option<i64>>,
    /// How many wrote.
    pub writes: u64,
    /// How many wrote another number than there was.
    pub changes: u64,
}

/// Reads operations; offsets must lie in the first `bytes_max` bytes.
pub fn parse(words: &[&[u8]], bytes_max: usize) -> Result<Vec<Operation>, FieldError> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = words;
    while let [word, behind @ ..] = rest {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if let (true, [how, behind @ ..]) = (is("OVERFLOW"), behind) {
            overflow = parse_overflow(how)?;
            rest = behind;
            continue;
        }
        let values = match word {
            _ if is("GET") => 2,
            _ if is("SET") || is("INCRBY") => 3,
            _ => return Err(FieldError::Syntax),
        };
        if behind.len() < values {
            return Err(FieldError::Syntax);
        }
        let kind = parse_type(behind[0])?;
        let offset = parse_offset(behind[1], kind, bytes_max)?;
        let action = if values == 2 {
            Action::Get
        } else {
            let value = integer::parse(behind[2]).ok_or(FieldError::Value)?;
            if is("SET") {
                Action::Set(value, overflow)
            } else {
                Action::Increment(value, overflow)
            }
        };
        operations.push(Operation {
            kind,
            offset,
            action,
        });
        rest = &behind[values..];
    }
    Ok(operations)
}

fn parse_overflow(word: &[u8]) -> Result<Overflow, FieldError> {
    let known = [
        ("WRAP", Overflow::Wrap),
        ("SAT", Overflow::Saturate),
        ("FAIL", Overflow::Fail),
    ];
    let found = known
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    Ok(found.ok_or(FieldError::Overflow)?.1)
}

/// `u8`, `i64`.
fn parse_type(word: &[u8]) -> Result<Type, FieldError> {
    let (is_signed, digits) = match word {
        [b'i', digits @ ..] => (true, digits),
        [b'u', digits @ ..] => (false, digits),
        _ => return Err(FieldError::Type),
    };
    let bits_max = if is_signed { 64 } else { 63 };
    let bits = integer::parse(digits).filter(|bits| (1..=bits_max).contains(bits));
    let bits = bits.ok_or(FieldError::Type)? as u32;
    Ok(Type { is_signed, bits })
}

/// `12`, or `#3` for the third of such integers.
fn parse_offset(word: &[u8], kind: Type, bytes_max: usize) -> Result<u64, FieldError> {
    let (unit, digits) = match word {
        [b'#', digits @ ..] => (u64::from(kind.bits), digits),
        digits => (1, digits),
    };
    let number = integer::parse(digits).and_then(|number| u64::try_from(number).ok());
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|offset| offset / 8 < bytes_max as u64)
        .ok_or(FieldError::Offset)
}

/// How many bytes a string needs for all that is written; None if nothing is.
pub fn bytes_written(operations: &[Operation]) -> Option<usize> {
    let writing = operations
        .iter()
        .filter(|operation| operation.action != Action::Get);
    let end = writing.map(|operation| operation.offset + u64::from(operation.kind.bits));
    Some(end.max()?.div_ceil(8) as usize)
}

/// Executes operations that write; `bytes_written` bytes are there.
pub fn run(bytes: &mut [u8], operations: &[Operation]) -> Ran {
    let mut ran = Ran::default();
    for operation in operations {
        let kind = operation.kind;
        let old = kind.number(load(bytes, operation.offset, kind.bits));
        let (wanted, overflow) = match operation.action {
            Action::Get => {
                ran.replies.push(Some(old as i64));
                continue;
            }
            // An unsigned one takes a negative number for the large one of these bits.
            Action::Set(value, overflow) if kind.is_signed => (kind.seen_as(value), overflow),
            Action::Set(value, overflow) => ((value as u64).into(), overflow),
            Action::Increment(by, overflow) => (old + i128::from(by), overflow),
        };
        let Some(new) = kind.fit(wanted, overflow) else {
            ran.replies.push(None);
            continue;
        };
        store(bytes, operation.offset, kind.bits, new as u64);
        ran.writes += 1;
        ran.changes += u64::from(new != old);
        let is_set = matches!(operation.action, Action::Set(..));
        ran.replies
            .push(Some(if is_set { old } else { new } as i64));
    }
    ran
}

/// Executes operations that only read.
pub fn read(bytes: &[u8], operations: &[Operation]) -> Vec<Option<i64>> {
    let number = |operation: &Operation| {
        let kind = operation.kind;
        kind.number(load(bytes, operation.offset, kind.bits)) as i64
    };
    operations.iter().map(number).map(Some).collect()
}

impl Type {
    /// The number that these bits mean.
    fn number(self, bits: u64) -> i128 {
        if self.is_signed {
            let unused = 64 - self.bits;
            i128::from((bits << unused) as i64 >> unused)
        } else {
            bits.into()
        }
    }

    /// The number that a signed SET acts on. Real servers subtract it from the greatest
    /// in 64 bits; where that overflows, they take one far below for one above.
    fn seen_as(self, value: i64) -> i128 {
        let most = i64::MAX >> (64 - self.bits);
        let is_far_below = most.checked_sub(value).is_none() && self.bits < 64;
        i128::from(value) + i128::from(is_far_below) * (1 << 64)
    }

    /// The number that is written for `wanted`; None: it does not fit and must.
    fn fit(self, wanted: i128, overflow: Overflow) -> Option<i128> {
        let (least, most) = if self.is_signed {
            (-1 << (self.bits - 1), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        };
        if (least..=most).contains(&wanted) {
            return Some(wanted);
        }
        match overflow {
            Overflow::Wrap => Some(self.number(wanted as u64 & mask(self.bits))),
            Overflow::Saturate => Some(wanted.clamp(least, most)),
            Overflow::Fail => None,
        }
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The bytes that an integer can touch: 64 bits that begin inside a byte end in a ninth.
const WINDOW_BYTES: usize = 9;

/// The window's bytes as one number, and how far the integer is from its end.
fn window(bytes: &[u8], offset: u64, bits: u32) -> (u128, u32) {
    let first = (offset / 8) as usize;
    let mut window = [0; 16];
    let inside = bytes.get(first..).unwrap_or(&[]);
    let inside = &inside[..inside.len().min(WINDOW_BYTES)];
    window[..inside.len()].copy_from_slice(inside);
    (
        u128::from_be_bytes(window),
        128 - (offset % 8) as u32 - bits,
    )
}

fn load(bytes: &[u8], offset: u64, bits: u32) -> u64 {
    let (window, behind) = window(bytes, offset, bits);
    (window >> behind) as u64 & mask(bits)
}

fn store(bytes: &mut [u8], offset: u64, bits: u32, value: u64) {
    let (window, behind) = window(bytes, offset, bits);
    let kept = window & !(u128::from(mask(bits)) << behind);
    let window = kept | u128::from(value & mask(bits)) << behind;
    let first = (offset / 8) as usize;
    let end = bytes.len().min(first + WINDOW_BYTES);
    bytes[first..end].copy_from_slice(&window.to_be_bytes()[..end - first]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<&[u8]> {
        line.split(' ').map(str::as_bytes).collect()
    }

    #[test]
    fn a_number_far_below_saturates_as_on_real_servers() {
        let saturated = |bits, value| {
            let kind = Type {
                is_signed: true,
                bits,
            };
            kind.fit(kind.seen_as(value), Overflow::Saturate)
        };
        assert_eq!(saturated(5, i64::MIN + 15), Some(15));
        assert_eq!(saturated(5, i64::MIN + 16), Some(-16));
        assert_eq!(saturated(64, i64::MIN), Some(i64::MIN.into()));
    }

    fn parsed(line: &str) -> Result<usize, FieldError> {
        parse(&words(line), 100).map(|operations| operations.len())
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(parsed("get u8 0 OVERFLOW sat INCRBY i64 #0 -5"), Ok(2));
        assert_eq!(parse(&[], 100), Ok(vec![]));
        for (line, error) in [
            ("FOO", FieldError::Syntax),
            ("GET u8", FieldError::Syntax),
            ("SET u8 0", FieldError::Syntax),
            ("OVERFLOW", FieldError::Syntax),
            ("OVERFLOW x", FieldError::Overflow),
            ("GET u64 0", FieldError::Type),
            ("GET i65 0", FieldError::Type),
            ("GET i0 x", FieldError::Type),
            ("GET u08 0", FieldError::Type),
            ("GET U8 0", FieldError::Type),
            ("GET u8 800", FieldError::Offset),
            ("GET u8 #100", FieldError::Offset),
            ("GET u8 -1", FieldError::Offset),
            ("GET i64 #288230376151711745", FieldError::Offset),
            ("SET u8 0 x", FieldError::Value),
        ] {
            assert_eq!(parsed(line), Err(error), "{line}");
        }
        assert_eq!(parsed("GET u8 799"), Ok(1));
    }

    fn types() -> impl Strategy<Value = Type> {
        (any::<bool>(), 1..=64_u32).prop_map(|(is_signed, bits)| Type {
            is_signed,
            bits: if is_signed { bits } else { bits.min(63) },
        })
    }

    /// Numbers near the limits of their type and anywhere.
    fn numbers() -> impl Strategy<Value = i64> {
        let near = (0..64_u32, -2..=2_i64, any::<bool>()).prop_map(|(shift, by, negative)| {
            let power = 1_i64.wrapping_shl(shift).wrapping_add(by);
            if negative {
                power.wrapping_neg()
            } else {
                power
            }
        });
        prop_oneof![near, any::<i64>()]
    }

    fn obvious(bits: &[bool], kind: Type) -> i128 {
        let mut number = 0;
        for bit in bits {
            number = number * 2 + i128::from(*bit);
        }
        if kind.is_signed && bits[0] {
            number -= 1 << kind.bits;
        }
        number
    }

    fn all_bits(bytes: &[u8]) -> Vec<bool> {
        (0..crate::bits::len(bytes))
            .map(|offset| crate::bits::get(bytes, offset))
            .collect()
    }

    proptest! {
        #[test]
        fn writing_changes_these_bits_only(
            mut bytes in prop::collection::vec(any::<u8>(), 20),
            kind in types(),
            offset in 0..96_u64,
            value in numbers(),
        ) {
            let before = all_bits(&bytes);
            let range = offset as usize..offset as usize + kind.bits as usize;
            let overflow = Overflow::Wrap;
            let operations = [
                Operation { kind, offset, action: Action::Set(value, overflow) },
                Operation { kind, offset, action: Action::Get },
            ];
            let end = bytes_written(&operations).unwrap();
            prop_assert_eq!(end, range.end.div_ceil(8));
            let ran = run(&mut bytes, &operations);
            let old = obvious(&before[range.clone()], kind);
            let after = all_bits(&bytes);
            let new = obvious(&after[range.clone()], kind);
            prop_assert_eq!(ran.replies, vec![Some(old as i64), Some(new as i64)]);
            prop_assert_eq!((ran.writes, ran.changes), (1, u64::from(old != new)));
            // The low bits of what was asked for, and nothing else.
            let size = 1_i128 << kind.bits;
            prop_assert_eq!((new - i128::from(value)).rem_euclid(size), 0);
            let mut expected = before;
            expected[range.clone()].copy_from_slice(&after[range]);
            prop_assert_eq!(after, expected);
        }

        #[test]
        fn sums_overflow_as_told(
            kind in types(),
            offset in 0..9_u64,
            start in numbers(),
            by in numbers(),
        ) {
            let sum_with = |overflow| {
                let mut bytes = vec![0; 10];
                let start = Action::Set(start, Overflow::Wrap);
                let operations = [start, Action::Get, Action::Increment(by, overflow), Action::Get]
                    .map(|action| Operation { kind, offset, action });
                let replies = run(&mut bytes, &operations).replies;
                (i128::from(replies[1].unwrap()), replies[2], replies[3].unwrap())
            };
            let (start, wrapped, stored) = sum_with(Overflow::Wrap);
            prop_assert_eq!(wrapped, Some(stored));
            let sum = start + i128::from(by);
            prop_assert_eq!((sum - i128::from(stored)).rem_euclid(1 << kind.bits), 0);
            let fits = sum == i128::from(stored);
            let (_, failed, kept) = sum_with(Overflow::Fail);
            prop_assert_eq!(failed.is_some(), fits);
            prop_assert_eq!(i128::from(kept), if fits { sum } else { start });
            let (_, saturated, _) = sum_with(Overflow::Saturate);
            let ends: Vec<i128> = match (kind.is_signed, fits) {
                (_, true) => vec![sum],
                (true, _) => vec![-(1 << (kind.bits - 1)), (1 << (kind.bits - 1)) - 1],
                (false, _) => vec![0, (1 << kind.bits) - 1],
            };
            let nearest = ends.iter().min_by_key(|end| (**end - sum).abs()).copied();
            prop_assert_eq!(saturated.map(i128::from), nearest);
        }

        #[test]
        fn reading_behind_the_end_reads_zeros(
            bytes in prop::collection::vec(any::<u8>(), 0..12),
            kind in types(),
            offset in 0..200_u64,
        ) {
            let mut longer = bytes.clone();
            longer.resize(50, 0);
            let get = [Operation { kind, offset, action: Action::Get }];
            prop_assert_eq!(read(&bytes, &get), read(&longer, &get));
            prop_assert_eq!(bytes_written(&get), None);
        }
    }
}
