//! Lua's patterns, matched within bounds.
//!
//! The library that comes with Lua recurses once for each item of a pattern and never
//! looks up: a script of a few bytes can overflow the stack or hold the server for years.
//! Here depth is limited, and the clock is looked at while matching goes on.

use crate::convert::as_in_c;
use crate::lua::Fault;
use crate::state::Shared;

const CAPTURES_MAX: usize = 32;
/// Nested calls of `matches`; one takes less than 200 bytes of stack.
const DEPTH_MAX: usize = 10_000;
const ESCAPE: u8 = b'%';

/// Where a capture lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// Begun, not yet ended.
    Open(usize),
    /// `()`: only a place.
    Position(usize),
    Range(usize, usize),
}

/// A subject, a pattern, and how far they have been brought together.
pub struct Matcher<'a> {
    pub subject: &'a [u8],
    pub pattern: &'a [u8],
    pub captures: Vec<Capture>,
    depth: usize,
    shared: &'a mut Shared,
}

type Matched = Result<Option<usize>, Fault>;

fn fault<T>(message: &str) -> Result<T, Fault> {
    Err(Fault::Here(message.as_bytes().to_vec()))
}

/// Whether `byte` belongs to the class named by a letter, as C's locale has it.
fn is_in_class(byte: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0B,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}

impl<'a> Matcher<'a> {
    /// A pattern ends where C's strings do.
    pub fn new(subject: &'a [u8], pattern: &'a [u8], shared: &'a mut Shared) -> Self {
        let pattern = as_in_c(pattern);
        Self {
            subject,
            pattern,
            captures: Vec::new(),
            depth: 0,
            shared,
        }
    }

    /// Matches the pattern at `start`; the end of the match.
    pub fn at(&mut self, start: usize) -> Matched {
        self.captures.clear();
        self.depth = 0;
        self.matches(start, 0)
    }

    /// A byte of the pattern; C's strings end in 0.
    fn item(&self, at: usize) -> u8 {
        self.pattern.get(at).copied().unwrap_or(0)
    }

    /// The end of the single-character class that begins at `at`.
    fn class_end(&self, mut at: usize) -> Result<usize, Fault> {
        let first = self.item(at);
        at += 1;
        match first {
            ESCAPE => {
                if at >= self.pattern.len() {
                    return fault("malformed pattern (ends with '%')");
                }
                Ok(at + 1)
            }
            b'[' => {
                if self.item(at) == b'^' {
                    at += 1;
                }
                loop {
                    if at >= self.pattern.len() {
                        return fault("malformed pattern (missing ']')");
                    }
                    let byte = self.item(at);
                    at += 1;
                    if byte == ESCAPE && at < self.pattern.len() {
                        at += 1;
                    }
                    if self.item(at) == b']' && at < self.pattern.len() {
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(at),
        }
    }

    /// Whether `byte` is in the set `[…]` between `at` and the `]` at `end`.
    fn is_in_set(&self, byte: u8, mut at: usize, end: usize) -> bool {
        let mut wanted = true;
        if self.item(at + 1) == b'^' {
            wanted = false;
            at += 1;
        }
        loop {
            at += 1;
            if at >= end {
                return !wanted;
            }
            let first = self.item(at);
            if first == ESCAPE {
                at += 1;
                if is_in_class(byte, self.item(at)) {
                    return wanted;
                }
            } else if self.item(at + 1) == b'-' && at + 2 < end {
                at += 2;
                if first <= byte && byte <= self.item(at) {
                    return wanted;
                }
            } else if first == byte {
                return wanted;
            }
        }
    }

    /// Whether the character at `at` is one of the class from `item` to `end`.
    #[inline]
    fn is_single(&self, at: usize, item: usize, end: usize) -> bool {
        let Some(&byte) = self.subject.get(at) else {
            return false;
        };
        match self.item(item) {
            b'.' => true,
            ESCAPE => is_in_class(byte, self.item(item + 1)),
            b'[' => self.is_in_set(byte, item, end - 1),
            other => other == byte,
        }
    }

    #[inline]
    fn step(&mut self) -> Result<(), Fault> {
        if self.shared.step(1) {
            return Err(Fault::Plain(b"script ended".to_vec()));
        }
        Ok(())
    }

    fn matches(&mut self, at: usize, item: usize) -> Matched {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return fault("pattern too complex");
        }
        let result = self.matches_here(at, item);
        self.depth -= 1;
        result
    }

    fn matches_here(&mut self, mut at: usize, mut item: usize) -> Matched {
        loop {
            self.step()?;
            if item >= self.pattern.len() {
                return Ok(Some(at));
            }
            match self.item(item) {
                b'(' => {
                    return if self.item(item + 1) == b')' {
                        self.begin_capture(at, item + 2, Capture::Position(at))
                    } else {
                        self.begin_capture(at, item + 1, Capture::Open(at))
                    };
                }
                b')' => return self.end_capture(at, item + 1),
                ESCAPE => match self.item(item + 1) {
                    b'b' => match self.balanced(at, item + 2)? {
                        Some(end) => {
                            at = end;
                            item += 4;
                            continue;
                        }
                        None => return Ok(None),
                    },
                    b'f' => {
                        item += 2;
                        if self.item(item) != b'[' {
                            return fault("missing '[' after '%f' in pattern");
                        }
                        let end = self.class_end(item)?;
                        let previous = at.checked_sub(1).map_or(0, |before| self.subject[before]);
                        let current = self.subject.get(at).copied().unwrap_or(0);
                        if self.is_in_set(previous, item, end - 1)
                            || !self.is_in_set(current, item, end - 1)
                        {
                            return Ok(None);
                        }
                        item = end;
                        continue;
                    }
                    digit if digit.is_ascii_digit() => match self.back_reference(at, digit)? {
                        Some(end) => {
                            at = end;
                            item += 2;
                            continue;
                        }
                        None => return Ok(None),
                    },
                    _ => {}
                },
                b'$' if item + 1 == self.pattern.len() => {
                    return Ok((at == self.subject.len()).then_some(at));
                }
                _ => {}
            }
            let end = self.class_end(item)?;
            match self.item(end) {
                b'?' => {
                    if self.is_single(at, item, end)
                        && let Some(found) = self.matches(at + 1, end + 1)?
                    {
                        return Ok(Some(found));
                    }
                    item = end + 1;
                }
                b'*' => return self.longest(at, item, end),
                b'+' => {
                    return if self.is_single(at, item, end) {
                        self.longest(at + 1, item, end)
                    } else {
                        Ok(None)
                    };
                }
                b'-' => return self.shortest(at, item, end),
                _ => {
                    if !self.is_single(at, item, end) {
                        return Ok(None);
                    }
                    at += 1;
                    item = end;
                }
            }
        }
    }

    fn longest(&mut self, at: usize, item: usize, end: usize) -> Matched {
        let mut count = 0;
        while self.is_single(at + count, item, end) {
            count += 1;
        }
        self.shared.step((count / 8) as u32);
        loop {
            if let Some(found) = self.matches(at + count, end + 1)? {
                return Ok(Some(found));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn shortest(&mut self, mut at: usize, item: usize, end: usize) -> Matched {
        loop {
            if let Some(found) = self.matches(at, end + 1)? {
                return Ok(Some(found));
            }
            if !self.is_single(at, item, end) {
                return Ok(None);
            }
            at += 1;
        }
    }

    fn balanced(&mut self, at: usize, item: usize) -> Matched {
        if item + 1 >= self.pattern.len() {
            return fault("unbalanced pattern");
        }
        let (open, close) = (self.item(item), self.item(item + 1));
        if self.subject.get(at) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (offset, &byte) in self.subject[at + 1..].iter().enumerate() {
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + offset + 2));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        self.shared.step((self.subject.len() - at) as u32 / 8);
        Ok(None)
    }

    fn begin_capture(&mut self, at: usize, item: usize, capture: Capture) -> Matched {
        if self.captures.len() >= CAPTURES_MAX {
            return fault("too many captures");
        }
        self.captures.push(capture);
        let result = self.matches(at, item)?;
        if result.is_none() {
            self.captures.pop();
        }
        Ok(result)
    }

    fn end_capture(&mut self, at: usize, item: usize) -> Matched {
        let open = self.captures.iter().enumerate().rev();
        let found = open
            .filter_map(|(index, capture)| match capture {
                Capture::Open(start) => Some((index, *start)),
                _ => None,
            })
            .next();
        let Some((index, start)) = found else {
            return fault("invalid pattern capture");
        };
        self.captures[index] = Capture::Range(start, at);
        let result = self.matches(at, item)?;
        if result.is_none() {
            self.captures[index] = Capture::Open(start);
        }
        Ok(result)
    }

    fn back_reference(&mut self, at: usize, digit: u8) -> Matched {
        let index = usize::from(digit.wrapping_sub(b'1'));
        match self.captures.get(index) {
            Some(&Capture::Range(start, end)) => {
                let wanted = &self.subject[start..end];
                self.shared.step(wanted.len() as u32 / 64);
                let is_there = self.subject[at..].starts_with(wanted);
                Ok(is_there.then(|| at + wanted.len()))
            }
            // As a length it is larger than any subject.
            Some(Capture::Position(_)) => Ok(None),
            Some(Capture::Open(_)) | None => fault("invalid capture index"),
        }
    }
}
