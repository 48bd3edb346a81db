//! The `struct` library: numbers and strings to bytes of a fixed layout, and back.

use std::ffi::c_int;

use mlua_sys as ffi;

use crate::c_function;
use crate::lua::{Fault, Lua, Results, to_integer};

/// The largest integer, in bytes.
const INTEGER_BYTES_MAX: usize = 32;
/// What `!` without a number means.
const ALIGNMENT_DEFAULT: usize = 8;

pub const FUNCTIONS: [(&[u8], ffi::lua_CFunction); 3] = [
    (b"pack", c_function!(pack)),
    (b"unpack", c_function!(unpack)),
    (b"size", c_function!(size)),
];

fn here<T>(message: impl Into<Vec<u8>>) -> Result<T, Fault> {
    Err(Fault::Here(message.into()))
}

/// Reads a format option by option.
struct Format<'a> {
    text: &'a [u8],
    at: usize,
    is_little: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            is_little: cfg!(target_endian = "little"),
            alignment: 1,
        }
    }

    fn number(&mut self, default: usize) -> Result<usize, Fault> {
        if !self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut number = 0;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            number = number * 10 + usize::from(digit - b'0');
            if number > i32::MAX as usize {
                return here("integral size overflow");
            }
            self.at += 1;
        }
        Ok(number)
    }

    /// The next option and its size.
    fn next(&mut self) -> Result<Option<(u8, usize)>, Fault> {
        let Some(&option) = self.text.get(self.at) else {
            return Ok(None);
        };
        if option == 0 {
            return Ok(None);
        }
        self.at += 1;
        let size = match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_BYTES_MAX {
                    return here(format!(
                        "integral size {size} is larger than limit of {INTEGER_BYTES_MAX}"
                    ));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    /// Options that say how the others are read.
    fn control(&mut self, option: u8) -> Result<(), Fault> {
        match option {
            b' ' => {}
            b'>' => self.is_little = false,
            b'<' => self.is_little = true,
            b'!' => {
                let alignment = self.number(ALIGNMENT_DEFAULT)?;
                if !alignment.is_power_of_two() {
                    return here(format!("alignment {alignment} is not a power of 2"));
                }
                self.alignment = alignment;
            }
            _ => {
                let message = [b"invalid format option '", &[option][..], b"'"].concat();
                return Err(Fault::Argument(1, message));
            }
        }
        Ok(())
    }

    fn padding(&self, at: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let alignment = size.min(self.alignment);
        if alignment <= 1 {
            return 0;
        }
        (alignment - (at & (alignment - 1))) & (alignment - 1)
    }
}

fn pack(lua: Lua) -> Results {
    let mut format = Format::new(lua.check_bytes(1)?);
    // Behind the last argument stands a nil.
    lua.push_nil();
    let mut bytes = Vec::new();
    let mut argument = 2;
    while let Some((option, size)) = format.next()? {
        let padding = format.padding(bytes.len(), option, size);
        bytes.resize(bytes.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = lua.check_number(argument)?;
                argument += 1;
                put_integer(&mut bytes, number, size, format.is_little);
            }
            b'x' => bytes.push(0),
            b'f' | b'd' => {
                let number = lua.check_number(argument)?;
                argument += 1;
                let at = bytes.len();
                if option == b'f' {
                    bytes.extend_from_slice(&(number as f32).to_le_bytes());
                } else {
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
                if !format.is_little {
                    bytes[at..].reverse();
                }
            }
            b'c' | b's' => {
                let text = lua.check_bytes(argument)?;
                argument += 1;
                let size = if size == 0 { text.len() } else { size };
                if text.len() < size {
                    // The servers count the next argument.
                    return Err(Fault::Argument(argument, "string too short".into()));
                }
                bytes.extend_from_slice(&text[..size]);
                if option == b's' {
                    bytes.push(0);
                }
            }
            _ => format.control(option)?,
        }
    }
    lua.push(&bytes);
    Ok(1)
}

fn put_integer(into: &mut Vec<u8>, number: f64, size: usize, is_little: bool) {
    let value = if number < 0.0 {
        to_integer(number) as u64
    } else if number < 18_446_744_073_709_551_616.0 {
        number as u64
    } else {
        0
    };
    let at = into.len();
    into.extend((0..size).map(|index| {
        let shift = 8 * index as u32;
        if shift < 64 {
            (value >> shift) as u8
        } else {
            0
        }
    }));
    if !is_little {
        into[at..].reverse();
    }
}

fn get_integer(bytes: &[u8], is_little: bool, is_signed: bool) -> f64 {
    let mut value = 0u64;
    let byte = |index: usize| {
        if is_little {
            bytes[bytes.len() - 1 - index]
        } else {
            bytes[index]
        }
    };
    for index in 0..bytes.len() {
        value = value << 8 | u64::from(byte(index));
    }
    if !is_signed {
        return value as f64;
    }
    let width = 8 * bytes.len() as u32;
    if width < 64 && width > 0 && value >> (width - 1) & 1 == 1 {
        value |= u64::MAX << width;
    }
    value as i64 as f64
}

fn unpack(lua: Lua) -> Results {
    let mut format = Format::new(lua.check_bytes(1)?);
    let data = lua.check_bytes(2)?;
    let offset = lua.integer_or(3, 1)?;
    if offset == 0 {
        return Err(Fault::Argument(3, "offset must be 1 or greater".into()));
    }
    // A negative one is far behind the end, as C sees it.
    let mut at = (offset - 1) as usize;
    let mut count: c_int = 0;
    let too_short = || Err(Fault::Argument(2, "data string too short".into()));
    while let Some((option, mut size)) = format.next()? {
        at = at.saturating_add(format.padding(at, option, size));
        if size > data.len() || at > data.len() - size {
            return too_short();
        }
        if !lua.reserve(2) {
            return here("stack overflow (too many results)");
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let is_signed = option.is_ascii_lowercase();
                let bytes = &data[at..at + size];
                lua.push_number(get_integer(bytes, format.is_little, is_signed));
                count += 1;
            }
            b'x' => {}
            b'f' | b'd' => {
                let mut bytes = [0; 8];
                bytes[..size].copy_from_slice(&data[at..at + size]);
                if !format.is_little {
                    bytes[..size].reverse();
                }
                let number = if option == b'f' {
                    let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                    f64::from(f32::from_bits(bits))
                } else {
                    f64::from_le_bytes(bytes)
                };
                lua.push_number(number);
                count += 1;
            }
            b'c' => {
                if size == 0 {
                    if count == 0 || lua.kind(-1) != ffi::LUA_TNUMBER {
                        return here("format 'c0' needs a previous size");
                    }
                    size = to_integer(lua.to_number(-1)) as usize;
                    lua.pop(1);
                    count -= 1;
                    if size > data.len() || at > data.len() - size {
                        return too_short();
                    }
                }
                lua.push(&data[at..at + size]);
                count += 1;
            }
            b's' => {
                let Some(length) = memchr::memchr(0, &data[at..]) else {
                    return here("unfinished string in data");
                };
                size = length + 1;
                lua.push(&data[at..at + length]);
                count += 1;
            }
            _ => format.control(option)?,
        }
        at += size;
    }
    lua.push_number(at as f64 + 1.0);
    Ok(count + 1)
}

fn size(lua: Lua) -> Results {
    let mut format = Format::new(lua.check_bytes(1)?);
    let mut total = 0usize;
    while let Some((option, size)) = format.next()? {
        total = total.saturating_add(format.padding(total, option, size));
        match option {
            b's' => return Err(Fault::Argument(1, "option 's' has no fixed size".into())),
            b'c' if size == 0 => {
                return Err(Fault::Argument(1, "option 'c0' has no fixed size".into()));
            }
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' | b'f' | b'd' | b'x'
            | b'c' => {}
            // The servers' `size` passes over what would be refused by the others.
            _ if option.is_ascii_alphanumeric() => {}
            _ => format.control(option)?,
        }
        total = total.saturating_add(size);
    }
    lua.push_number(total as f64);
    Ok(1)
}
