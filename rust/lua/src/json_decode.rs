//! `cjson.decode`: JSON to values.

use std::ffi::c_char;

use crate::lua::{Fault, Lua, Results};

unsafe extern "C" {
    fn strtod(text: *const c_char, end: *mut *mut c_char) -> f64;
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
    /// As error messages call it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(what) => what,
        }
    }
}

struct Decoder<'a> {
    lua: Lua,
    text: &'a [u8],
    at: usize,
    /// Where the last token began.
    token_at: usize,
    depth: i64,
    depth_max: i64,
    takes_invalid: bool,
}

pub fn decode(lua: Lua) -> Results {
    if lua.top() != 1 {
        return Err(Fault::Argument(1, "expected 1 argument".into()));
    }
    let text = lua.check_bytes(1)?;
    // UTF-16 and UTF-32 are told by their zeros.
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) && !text.starts_with(&[0]) {
        let message = b"JSON parser does not support UTF-16 or UTF-32".to_vec();
        return Err(Fault::Here(message));
    }
    let options = lua.shared().json;
    let mut decoder = Decoder {
        lua,
        text,
        at: 0,
        token_at: 0,
        depth: 0,
        depth_max: options.decode_depth_max,
        takes_invalid: options.decodes_invalid,
    };
    let first = decoder.next();
    decoder.value(first)?;
    match decoder.next() {
        Token::End => Ok(1),
        other => decoder.expected("the end", &other),
    }
}

impl Decoder<'_> {
    fn expected<T>(&self, what: &str, token: &Token) -> Result<T, Fault> {
        let (found, at) = (token.name(), self.token_at + 1);
        let message = format!("Expected {what} but found {found} at character {at}");
        Err(Fault::Here(message.into_bytes()))
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.token_at = self.at;
        let byte = self.peek();
        let simple = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            // Also in the middle: C's strings end there.
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'+' | b'0'..=b'9' => {
                if !self.takes_invalid && self.is_invalid_number() {
                    return Token::Wrong("invalid number");
                }
                return self.number();
            }
            _ => return self.word(),
        };
        self.at += 1;
        simple
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in [
            (b"true".as_slice(), Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
            (b"null", Token::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return token;
            }
        }
        if self.takes_invalid && self.is_invalid_number() {
            return self.number();
        }
        Token::Wrong("invalid token")
    }

    /// What C reads as a number and JSON does not: hexadecimal, infinity, NaN, 01, +1.
    fn is_invalid_number(&self) -> bool {
        let mut rest = &self.text[self.at..];
        if let [b'+', ..] = rest {
            return true;
        }
        if let [b'-', after @ ..] = rest {
            rest = after;
        }
        let starts =
            |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
        match rest.first().copied().unwrap_or(0) {
            b'0' => rest
                .get(1)
                .is_some_and(|byte| matches!(byte | 0x20, b'x') || byte.is_ascii_digit()),
            b'1'..=b'9' => false,
            _ => starts(b"inf") || starts(b"nan"),
        }
    }

    fn number(&mut self) -> Token {
        // What Lua holds ends in a zero; what is decoded is one of its strings.
        let start = self.text[self.at..].as_ptr().cast::<c_char>();
        let mut end: *mut c_char = std::ptr::null_mut();
        // SAFETY: the string ends in a zero; C stops there.
        let (number, length) = unsafe {
            let number = strtod(start, &raw mut end);
            (number, end.cast_const().offset_from(start) as usize)
        };
        if length == 0 {
            return Token::Wrong("invalid number");
        }
        self.at += length;
        Token::Number(number)
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut result = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0))
                .unwrap_or(rest.len());
            result.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Token::String(result);
                }
                0 => {
                    self.token_at = self.at;
                    return Token::Wrong("unexpected end of string");
                }
                _ => {
                    if let Some(problem) = self.escape(&mut result) {
                        self.token_at = self.at;
                        return Token::Wrong(problem);
                    }
                }
            }
        }
    }

    fn escape(&mut self, into: &mut Vec<u8>) -> Option<&'static str> {
        let escaped = self.text.get(self.at + 1).copied().unwrap_or(0);
        let byte = match escaped {
            b'"' | b'\\' | b'/' => escaped,
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            b'u' => {
                let Some((character, length)) = self.unicode() else {
                    return Some("invalid unicode escape code");
                };
                self.at += length;
                let mut buffer = [0; 4];
                into.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                return None;
            }
            _ => return Some("invalid escape code"),
        };
        self.at += 2;
        into.push(byte);
        None
    }

    /// The character of `\uXXXX`, or of two of them, and how long that is.
    fn unicode(&self) -> Option<(char, usize)> {
        let code = |at: usize| {
            let digits = self.text.get(at + 2..at + 6)?;
            digits.iter().try_fold(0, |code, digit| {
                Some(code << 4 | char::from(*digit).to_digit(16)?)
            })
        };
        let first = code(self.at)?;
        if let Some(character) = char::from_u32(first) {
            return Some((character, 6));
        }
        if first & 0xFC00 != 0xD800 || !self.text[self.at + 6..].starts_with(b"\\u") {
            return None;
        }
        let second = code(self.at + 6)?;
        if second & 0xFC00 != 0xDC00 {
            return None;
        }
        let joined = 0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
        Some((char::from_u32(joined)?, 12))
    }

    /// Pushes the value that begins with `token`.
    fn value(&mut self, token: Token) -> Result<(), Fault> {
        match token {
            Token::String(bytes) => self.lua.push(&bytes),
            Token::Number(number) => self.lua.push_number(number),
            Token::Boolean(value) => self.lua.push_boolean(value),
            Token::Null => self.lua.push_null(),
            Token::ObjectBegin => self.object()?,
            Token::ArrayBegin => self.array()?,
            other => return self.expected("value", &other),
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.depth_max || !self.lua.reserve(3) {
            let (depth, at) = (self.depth, self.at);
            let message =
                format!("Found too many nested data structures ({depth}) at character {at}");
            return Err(Fault::Here(message.into_bytes()));
        }
        if self.lua.shared().step(16) {
            return Err(Fault::Plain(b"script ended".to_vec()));
        }
        Ok(())
    }

    fn object(&mut self) -> Result<(), Fault> {
        self.descend()?;
        self.lua.push_table(0, 0);
        let mut token = self.next();
        if token == Token::ObjectEnd {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            let Token::String(key) = token else {
                return self.expected("object key string", &token);
            };
            self.lua.push(&key);
            token = self.next();
            if token != Token::Colon {
                return self.expected("colon", &token);
            }
            let first = self.next();
            self.value(first)?;
            self.lua.raw_set(-3);
            match self.next() {
                Token::ObjectEnd => break,
                Token::Comma => token = self.next(),
                other => return self.expected("comma or object end", &other),
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), Fault> {
        self.descend()?;
        self.lua.push_table(0, 0);
        let mut token = self.next();
        if token == Token::ArrayEnd {
            self.depth -= 1;
            return Ok(());
        }
        for index in 1.. {
            self.value(token)?;
            self.lua.set_item(-2, index);
            match self.next() {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                other => return self.expected("comma or array end", &other),
            }
        }
        self.depth -= 1;
        Ok(())
    }
}
