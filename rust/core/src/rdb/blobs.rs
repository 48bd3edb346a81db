//! The compact encodings that a string in a file may hold.
//!
//!     listpack   bytes u32 | count u16 | entry … | ff       entry: head data back-length
//!     ziplist    bytes u32 | tail u32 | count u16 | entry … | ff   entry: length of the
//!                previous one (1 byte, or fe and 4), head, data
//!     zipmap     count u8 | (length key length free value padding) … | ff
//!     intset     width u32 | count u32 | members
//!
//! All little endian. Each function judges the whole blob and hands its elements to
//! `take`, which may refuse one. Cost: O(bytes).

use crate::types::packed::Element;

pub type Fault = &'static str;
type Outcome = std::result::Result<(), Fault>;

/// Who gets the elements.
pub type Take<'t> = &'t mut dyn FnMut(Element<'_>) -> Outcome;

const CUT: Fault = "an element of a compact collection is cut off";

fn get<const N: usize>(bytes: &[u8], at: usize) -> std::result::Result<[u8; N], Fault> {
    let slice = bytes.get(at..at + N).ok_or(CUT)?;
    slice.try_into().map_err(|_| CUT)
}

fn part(bytes: &[u8], at: usize, len: usize) -> std::result::Result<&[u8], Fault> {
    let end = at.checked_add(len).ok_or(CUT)?;
    bytes.get(at..end).ok_or(CUT)
}

/// An integer of 3 bytes.
fn int24(bytes: [u8; 3]) -> i64 {
    i64::from(i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 8)
}

/// A text; where it is a number's canonical one, that number.
fn text(bytes: &[u8]) -> Element<'_> {
    Element::new(bytes)
}

/// Bytes that a listpack's back length takes for an element of `len`.
pub fn back_bytes(len: usize) -> usize {
    match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Reads a listpack.
pub fn listpack(bytes: &[u8], take: Take<'_>) -> Outcome {
    let total = u32::from_le_bytes(get(bytes, 0)?);
    let count = u16::from_le_bytes(get(bytes, 4)?);
    if total as usize != bytes.len() {
        return Err("a listpack has another length than it says");
    }
    let (mut at, mut found) = (6, 0_usize);
    loop {
        let head = *bytes.get(at).ok_or("a listpack without its end")?;
        if head == 0xff {
            break;
        }
        let (element, len) = match head {
            0..=0x7f => (Element::Integer(head.into()), 1),
            0x80..=0xbf => {
                let len = usize::from(head & 63);
                (text(part(bytes, at + 1, len)?), 1 + len)
            }
            0xc0..=0xdf => {
                let [low] = get(bytes, at + 1)?;
                let raw = i64::from(head & 31) << 8 | i64::from(low);
                let value = if raw >= 1 << 12 { raw - (1 << 13) } else { raw };
                (Element::Integer(value), 2)
            }
            0xe0..=0xef => {
                let [low] = get(bytes, at + 1)?;
                let len = usize::from(head & 15) << 8 | usize::from(low);
                (text(part(bytes, at + 2, len)?), 2 + len)
            }
            0xf0 => {
                let len = u32::from_le_bytes(get(bytes, at + 1)?) as usize;
                (text(part(bytes, at + 5, len)?), 5 + len)
            }
            0xf1 => {
                let value = i16::from_le_bytes(get(bytes, at + 1)?);
                (Element::Integer(value.into()), 3)
            }
            0xf2 => (Element::Integer(int24(get(bytes, at + 1)?)), 4),
            0xf3 => {
                let value = i32::from_le_bytes(get(bytes, at + 1)?);
                (Element::Integer(value.into()), 5)
            }
            0xf4 => (Element::Integer(i64::from_le_bytes(get(bytes, at + 1)?)), 9),
            _ => return Err("an unknown element in a listpack"),
        };
        take(element)?;
        at += len;
        check_back_length(part(bytes, at, back_bytes(len))?, len)?;
        at += back_bytes(len);
        found += 1;
    }
    if at + 1 != bytes.len() {
        return Err("a listpack ends before its last byte");
    }
    // So many or more are not counted.
    if count != u16::MAX && usize::from(count) != found {
        return Err("a listpack has another count than it says");
    }
    Ok(())
}

/// The back length is big endian, 7 bits a byte; all but the first have the top bit.
fn check_back_length(bytes: &[u8], len: usize) -> Outcome {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().enumerate() {
        if (byte & 0x80 != 0) != (index > 0) {
            return Err("a listpack's back length is wrong");
        }
        value = value << 7 | usize::from(byte & 0x7f);
    }
    if value == len {
        Ok(())
    } else {
        Err("a listpack's back length is wrong")
    }
}

/// Reads a ziplist.
pub fn ziplist(bytes: &[u8], take: Take<'_>) -> Outcome {
    let total = u32::from_le_bytes(get(bytes, 0)?);
    let tail = u32::from_le_bytes(get(bytes, 4)?);
    let count = u16::from_le_bytes(get(bytes, 8)?);
    if total as usize != bytes.len() {
        return Err("a ziplist has another length than it says");
    }
    let (mut at, mut found, mut last, mut previous) = (10, 0_usize, 10, 0);
    loop {
        let first = *bytes.get(at).ok_or("a ziplist without its end")?;
        if first == 0xff {
            break;
        }
        let start = at;
        let said = if first == 0xfe {
            at += 5;
            u32::from_le_bytes(get(bytes, at - 4)?) as usize
        } else {
            at += 1;
            usize::from(first)
        };
        if said != previous {
            return Err("a ziplist's entry does not know the length before it");
        }
        let head = *bytes.get(at).ok_or(CUT)?;
        let (element, len) = match head {
            0..=0x3f => {
                let len = usize::from(head);
                (text(part(bytes, at + 1, len)?), 1 + len)
            }
            0x40..=0x7f => {
                let [low] = get(bytes, at + 1)?;
                let len = usize::from(head & 63) << 8 | usize::from(low);
                (text(part(bytes, at + 2, len)?), 2 + len)
            }
            0x80 => {
                let len = u32::from_be_bytes(get(bytes, at + 1)?) as usize;
                (text(part(bytes, at + 5, len)?), 5 + len)
            }
            0xc0 => {
                let value = i16::from_le_bytes(get(bytes, at + 1)?);
                (Element::Integer(value.into()), 3)
            }
            0xd0 => {
                let value = i32::from_le_bytes(get(bytes, at + 1)?);
                (Element::Integer(value.into()), 5)
            }
            0xe0 => (Element::Integer(i64::from_le_bytes(get(bytes, at + 1)?)), 9),
            0xf0 => (Element::Integer(int24(get(bytes, at + 1)?)), 4),
            0xfe => {
                let [value] = get(bytes, at + 1)?;
                (Element::Integer(i64::from(value as i8)), 2)
            }
            0xf1..=0xfd => (Element::Integer(i64::from(head & 15) - 1), 1),
            _ => return Err("an unknown element in a ziplist"),
        };
        take(element)?;
        at += len;
        previous = at - start;
        last = start;
        found += 1;
    }
    if at + 1 != bytes.len() || tail as usize != last {
        return Err("a ziplist's ends are not where it says");
    }
    if count != u16::MAX && usize::from(count) != found {
        return Err("a ziplist has another count than it says");
    }
    Ok(())
}

/// Reads a zipmap: keys and values in turn.
pub fn zipmap(bytes: &[u8], take: Take<'_>) -> Outcome {
    let count = *bytes.first().ok_or("a zipmap without its count")?;
    let (mut at, mut found) = (1, 0_usize);
    let length = |at: &mut usize| {
        let first = *bytes.get(*at).ok_or(CUT)?;
        *at += 1;
        if first == 0xfe {
            *at += 4;
            return Ok(u32::from_le_bytes(get(bytes, *at - 4)?) as usize);
        }
        if first == 0xff {
            return Err("a zipmap ends within a pair");
        }
        Ok(usize::from(first))
    };
    while *bytes.get(at).ok_or("a zipmap without its end")? != 0xff {
        let key = length(&mut at)?;
        take(text(part(bytes, at, key)?))?;
        at += key;
        let value = length(&mut at)?;
        let [free] = get(bytes, at)?;
        take(text(part(bytes, at + 1, value)?))?;
        at += 1 + value + usize::from(free);
        found += 1;
    }
    if at + 1 != bytes.len() {
        return Err("a zipmap ends before its last byte");
    }
    // From 254 on they are not counted.
    if count < 254 && usize::from(count) != found {
        return Err("a zipmap has another count than it says");
    }
    Ok(())
}

/// Reads an intset: its width and its members, sorted and of that width.
pub fn intset(bytes: &[u8]) -> std::result::Result<(usize, &[u8]), Fault> {
    let width = u32::from_le_bytes(get(bytes, 0)?) as usize;
    let count = u32::from_le_bytes(get(bytes, 4)?) as usize;
    let members = &bytes[8..];
    if !matches!(width, 2 | 4 | 8) || count.checked_mul(width) != Some(members.len()) {
        return Err("an intset has another length than it says");
    }
    Ok((width, members))
}
