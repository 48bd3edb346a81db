//! Bytes being written: lengths, strings, listpacks.

use super::lzf;
use super::{Format, blobs};
use crate::text::double;
use crate::types::packed::{Element, IntText};

/// Shorter strings do not get shorter by compression.
const COMPRESSED_BYTES_MIN: usize = 21;
/// What compression must gain, as the servers have it.
const GAIN_BYTES: usize = 4;

/// What is written, until somebody takes it out of `bytes`.
pub struct Output {
    pub bytes: Vec<u8>,
    pub format: Format,
    table: Option<lzf::Table>,
    scratch: Vec<u8>,
}

impl Output {
    pub fn new(format: Format, compresses: bool) -> Output {
        Output {
            bytes: Vec::new(),
            format,
            table: compresses.then(lzf::Table::default),
            scratch: Vec::new(),
        }
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub fn length(&mut self, length: u64) {
        let bytes = &mut self.bytes;
        match length {
            0..64 => bytes.push(length as u8),
            64..16_384 => bytes.extend_from_slice(&[0x40 | (length >> 8) as u8, length as u8]),
            16_384..0x1_0000_0000 => {
                bytes.push(0x80);
                bytes.extend_from_slice(&(length as u32).to_be_bytes());
            }
            _ => {
                bytes.push(0x81);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
    }

    pub fn milliseconds(&mut self, time: i64) {
        self.bytes.extend_from_slice(&time.to_le_bytes());
    }

    pub fn double(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A string that is a number's canonical text.
    pub fn integer(&mut self, value: i64) {
        if let Ok(value) = i8::try_from(value) {
            self.bytes.extend_from_slice(&[0xc0, value as u8]);
        } else if let Ok(value) = i16::try_from(value) {
            self.byte(0xc1);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.byte(0xc2);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else {
            let mut text = IntText::new();
            let text = text.format(value).as_bytes();
            self.length(text.len() as u64);
            self.bytes.extend_from_slice(text);
        }
    }

    /// A string, as a number where it is one.
    pub fn element(&mut self, element: Element<'_>) {
        match element {
            Element::Integer(value) => self.integer(value),
            Element::Bytes(bytes) => self.text(bytes),
        }
    }

    pub fn string(&mut self, bytes: &[u8]) {
        self.element(Element::new(bytes));
    }

    /// A string that is not looked at as a number.
    pub fn text(&mut self, bytes: &[u8]) {
        if bytes.len() >= COMPRESSED_BYTES_MIN
            && let Some(table) = &mut self.table
        {
            let mut compressed = std::mem::take(&mut self.scratch);
            compressed.clear();
            let is_shorter = lzf::compress(bytes, GAIN_BYTES, table, &mut compressed);
            if is_shorter {
                self.byte(0xc3);
                self.length(compressed.len() as u64);
                self.length(bytes.len() as u64);
                self.bytes.extend_from_slice(&compressed);
            }
            self.scratch = compressed;
            self.scratch.shrink_to(1 << 20);
            if is_shorter {
                return;
            }
        }
        self.length(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub fn aux(&mut self, key: &[u8], value: &[u8]) {
        self.byte(super::opcode::AUX);
        self.text(key);
        self.string(value);
    }

    /// A string that is a listpack.
    pub fn listpack<'e>(&mut self, elements: impl Iterator<Item = Element<'e>>) {
        let mut listpack = vec![0; 6];
        let mut count = 0_usize;
        for element in elements {
            push_listpack_element(element, &mut listpack);
            count += 1;
        }
        listpack.push(0xff);
        let total = listpack.len() as u32;
        listpack[..4].copy_from_slice(&total.to_le_bytes());
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        listpack[4..6].copy_from_slice(&count.to_le_bytes());
        self.text(&listpack);
    }
}

fn push_listpack_element(element: Element<'_>, into: &mut Vec<u8>) {
    let start = into.len();
    match element {
        Element::Integer(value @ 0..=127) => into.push(value as u8),
        Element::Integer(value @ -4096..=4095) => {
            into.extend_from_slice(&[0xc0 | (value >> 8) as u8 & 31, value as u8]);
        }
        Element::Integer(value) => {
            let (head, width) = match value {
                -0x8000..=0x7fff => (0xf1, 2),
                -0x80_0000..=0x7f_ffff => (0xf2, 3),
                -0x8000_0000..=0x7fff_ffff => (0xf3, 4),
                _ => (0xf4, 8),
            };
            into.push(head);
            into.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        Element::Bytes(bytes) => {
            match bytes.len() {
                len @ 0..64 => into.push(0x80 | len as u8),
                len @ 64..4096 => {
                    into.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]);
                }
                len => {
                    into.push(0xf0);
                    into.extend_from_slice(&(len as u32).to_le_bytes());
                }
            }
            into.extend_from_slice(bytes);
        }
    }
    let len = into.len() - start;
    let count = blobs::back_bytes(len);
    for index in (0..count).rev() {
        let more = if index + 1 < count { 0x80 } else { 0 };
        into.push((len >> (7 * index)) as u8 & 0x7f | more);
    }
}

/// A score for a listpack: an integer where it is one exactly, else its shortest text.
pub fn score_element(score: f64, text: &mut Vec<u8>) -> Element<'_> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if score == score.trunc() && score.abs() <= EXACT_MAX {
        return Element::Integer(score as i64);
    }
    text.clear();
    double::format_shortest(score, text);
    Element::Bytes(text)
}
