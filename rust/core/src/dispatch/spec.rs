//! What the pipeline knows of each command: the table that Python hands over at start-up.

use std::collections::HashMap;

use super::error::ErrorCode;
use super::native::NativeHandler;

/// Index of a command (or subcommand) in the table.
pub type CommandId = usize;
/// Index of an option's word in `CommandSpec::tokens`.
pub type TokenId = u16;

/// Bits of `CommandSpec::flags`; Python uses the same numbers (`spec/flags.py`).
pub mod flag {
    pub const WRITE: u64 = 1 << 0;
    pub const READONLY: u64 = 1 << 1;
    pub const DENYOOM: u64 = 1 << 2;
    pub const ADMIN: u64 = 1 << 3;
    pub const PUBSUB: u64 = 1 << 4;
    pub const NOSCRIPT: u64 = 1 << 5;
    pub const BLOCKING: u64 = 1 << 6;
    pub const LOADING: u64 = 1 << 7;
    pub const STALE: u64 = 1 << 8;
    pub const SKIP_MONITOR: u64 = 1 << 9;
    pub const SKIP_SLOWLOG: u64 = 1 << 10;
    pub const FAST: u64 = 1 << 12;
    pub const NO_AUTH: u64 = 1 << 13;
    pub const MAY_REPLICATE: u64 = 1 << 14;
    pub const NO_MULTI: u64 = 1 << 17;
    pub const ALLOW_BUSY: u64 = 1 << 19;
    /// Runs at once although MULTI is open (EXEC, DISCARD, MULTI, WATCH, QUIT, RESET).
    pub const NO_QUEUE: u64 = 1 << 40;
    /// A container: only its subcommands can be called.
    pub const CONTAINER: u64 = 1 << 41;
    /// Its journal entry is written even where the command says that nothing changed.
    pub const ALWAYS_PROPAGATE: u64 = 1 << 42;
    /// Values are converted while words are matched, not after all are.
    pub const EAGER: u64 = 1 << 43;
    /// May be sent by a client that is subscribed in RESP2.
    pub const IN_SUBSCRIBE: u64 = 1 << 44;
    /// Written by a user: what it edits is noted, and it may execute other commands.
    pub const EXTENSION: u64 = 1 << 45;
    /// What follows is messages, or nothing: of no use without a connection of one's own.
    pub const LISTENS: u64 = 1 << 46;
}

/// How one argument becomes a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueKind {
    Bytes,
    Integer {
        min: i64,
        max: i64,
        error: ErrorCode,
    },
    Float {
        error: ErrorCode,
    },
    Cursor,
    /// Bytes that may be big and are worth not copying.
    Payload,
}

/// One alternative of an option: its word and the values that follow it.
#[derive(Debug, Clone)]
pub struct Alternative {
    pub word: String,
    pub token: TokenId,
    pub values: Vec<ValueKind>,
}

/// An optional group of words; one handler parameter.
#[derive(Debug, Clone)]
pub struct OptionGroup {
    pub alternatives: Vec<Alternative>,
    /// `[GET]`: the parameter is a bool. `[COUNT count]`: the value itself or None.
    /// Else the word, or a tuple of the word and its values.
    pub shape: OptionShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionShape {
    Flag,
    Value,
    Tagged,
}

/// One element of a command's syntax; one handler parameter (a list of groups: one each).
#[derive(Debug, Clone)]
pub enum Element {
    Value(ValueKind),
    /// `[count]` at the end: a value or None.
    OptionalValue(ValueKind),
    /// A required word out of several (`ON|OFF`): the word.
    Choice(Vec<Alternative>),
    /// `key [key …]`, `key value [key value …]`: all that is left, in groups of `stride`.
    Rest {
        stride: usize,
        min: usize,
    },
    /// `numkeys key [key …]`: a count, then that many groups.
    Counted {
        stride: usize,
        error: ErrorCode,
    },
    /// Optional words in any order up to the end.
    Options(Vec<OptionGroup>),
}

/// Where keys stand among the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPositions {
    /// From `first` to `last` (negative: from the end), each `step`.
    Range {
        first: usize,
        last: i64,
        step: usize,
    },
    /// A count at `count`, the keys from `first`, each `step`.
    Counted {
        count: usize,
        first: usize,
        step: usize,
    },
    /// After the word `token`, sought from argument `from` (negative: backwards from
    /// there, counted from the end): one key, or with `share` that part of all that
    /// is left (`STREAMS key … id …`: 2, the first half).
    Keyword {
        token: &'static str,
        from: i64,
        share: usize,
    },
    /// SORT's STORE: the key after the last word `token` from argument `from` on that is
    /// an option and not another's value.
    Option { token: &'static str, from: usize },
}

/// How many values SORT's other options take.
fn values_of_option(word: &[u8]) -> usize {
    match word {
        _ if word.eq_ignore_ascii_case(b"LIMIT") => 2,
        _ if word.eq_ignore_ascii_case(b"BY") || word.eq_ignore_ascii_case(b"GET") => 1,
        _ => 0,
    }
}

/// One command.
#[derive(Debug, Clone)]
pub struct CommandSpec {
    /// Lower case; subcommands as `config|get`.
    pub name: String,
    pub flags: u64,
    /// As COMMAND INFO shows it: exact, or negative for at least.
    pub arity: i64,
    /// How many leading arguments name the command (1, or 2 for a subcommand).
    pub words: usize,
    pub elements: Vec<Element>,
    pub keys: Vec<KeyPositions>,
    pub subcommands: HashMap<Vec<u8>, CommandId>,
    /// The handler, where it is Rust.
    pub native: Option<NativeHandler>,
}

impl CommandSpec {
    #[inline]
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// The name as people write it: `CLIENT REPLY`.
    pub fn words(&self) -> String {
        self.name.replace('|', " ").to_uppercase()
    }

    pub fn arity_allows(&self, count: usize) -> bool {
        let count = count as i64;
        if self.arity >= 0 {
            count == self.arity
        } else {
            count >= -self.arity
        }
    }

    /// Indices of the arguments that are keys. None when the arguments make no sense.
    pub fn key_indices(&self, request: crate::service::Request<'_>) -> Option<Vec<usize>> {
        let places = self.key_places(request)?;
        Some(places.into_iter().map(|(index, _)| index).collect())
    }

    /// As `key_indices`, each with the number of the rule in `keys` that found it.
    pub fn key_places(&self, request: crate::service::Request<'_>) -> Option<Vec<(usize, usize)>> {
        let mut places = Vec::new();
        let mut found = Vec::new();
        let count = request.len();
        for (rule, positions) in self.keys.iter().enumerate() {
            match *positions {
                KeyPositions::Range { first, last, step } => {
                    let last = if last < 0 { count as i64 + last } else { last };
                    let mut index = first;
                    while (index as i64) <= last {
                        if index >= count {
                            return None;
                        }
                        found.push(index);
                        index += step;
                    }
                }
                KeyPositions::Counted {
                    count: at,
                    first,
                    step,
                } => {
                    if at >= count {
                        return None;
                    }
                    let number = crate::text::integer::parse(request.get(at))?;
                    let number = usize::try_from(number).ok().filter(|n| *n > 0)?;
                    if number.checked_mul(step)? > count.saturating_sub(first) {
                        return None;
                    }
                    found.extend((0..number).map(|n| first + n * step));
                }
                KeyPositions::Keyword { token, from, share } => {
                    let is_word =
                        |at: &usize| request.get(*at).eq_ignore_ascii_case(token.as_bytes());
                    let at = if from < 0 {
                        let last = count.checked_sub(from.unsigned_abs() as usize)?;
                        (1..=last).rev().find(is_word)
                    } else {
                        (from as usize..count).find(is_word)
                    };
                    if let Some(at) = at
                        && at + 1 < count
                    {
                        let first = at + 1;
                        let number = match share {
                            0 => 1,
                            1 => count - first,
                            share => (count - first) / share,
                        };
                        found.extend(first..first + number);
                    }
                }
                KeyPositions::Option { token, from } => {
                    let (mut at, mut key) = (from, None);
                    while at < count {
                        let word = request.get(at);
                        if word.eq_ignore_ascii_case(token.as_bytes()) && at + 1 < count {
                            // The servers go on with the key itself, as if it were an option.
                            key = Some(at + 1);
                        }
                        at += 1 + values_of_option(word);
                    }
                    found.extend(key);
                }
            }
            places.extend(found.drain(..).map(|index| (index, rule)));
        }
        Some(places)
    }
}

/// All commands, found by name in any case.
///
///     names: open addressing by the first eight letters and the length
#[derive(Debug, Default, Clone)]
pub struct CommandTable {
    pub specs: Vec<CommandSpec>,
    /// A power of two long, at most half full.
    names: Vec<Named>,
}

/// A place in the table of names.
#[derive(Debug, Default, Clone, Copy)]
struct Named {
    letters: u64,
    /// `id + 1`, or 0 where there is none.
    id: u32,
    length: u8,
    /// The letters are all that there is to the name.
    is_plain: bool,
}

/// The first eight letters of a name, the same in upper and lower case.
#[inline]
fn letters(name: &[u8]) -> u64 {
    const CASES: u64 = 0x2020_2020_2020_2020;
    let four = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&name[at..at + 4]);
        u64::from(u32::from_le_bytes(bytes))
    };
    let bytes = match name.len() {
        // Short names take two loads that overlap instead of a loop.
        length @ 4..8 => four(0) | four(length - 4) << (8 * (length - 4)),
        8.. => four(0) | four(4) << 32,
        _ => name
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    };
    // Bit 5 is all that tells the cases of a letter apart.
    bytes | CASES
}

#[inline]
fn place_of(letters: u64, length: usize) -> usize {
    let mixed = (letters ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize
}

impl CommandTable {
    /// Adds a command; a subcommand (`config|get`) joins its container, which comes first.
    pub fn add(&mut self, spec: CommandSpec) -> CommandId {
        let id = self.specs.len();
        let container = spec
            .name
            .split_once('|')
            .and_then(|(container, subcommand)| {
                Some((
                    self.find(container.as_bytes())?,
                    subcommand.as_bytes().to_vec(),
                ))
            });
        if let Some((container, subcommand)) = container {
            self.specs[container].subcommands.insert(subcommand, id);
        }
        self.specs.push(spec);
        if self.specs.len() * 2 > self.names.len() {
            self.names = vec![Named::default(); (self.specs.len() * 4).next_power_of_two()];
            (0..self.specs.len()).for_each(|id| self.insert(id));
        } else {
            self.insert(id);
        }
        id
    }

    fn insert(&mut self, id: CommandId) {
        let mask = self.names.len() - 1;
        let name = self.specs[id].name.as_bytes();
        let letters = letters(name);
        let mut at = place_of(letters, name.len()) & mask;
        while self.names[at].id != 0 {
            at = (at + 1) & mask;
        }
        self.names[at] = Named {
            letters,
            id: id as u32 + 1,
            length: name.len().min(u8::MAX.into()) as u8,
            is_plain: name.len() <= 8 && name.iter().all(u8::is_ascii_alphabetic),
        };
    }

    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<CommandId> {
        if self.names.is_empty() {
            return None;
        }
        let mask = self.names.len() - 1;
        let letters = letters(name);
        let mut at = place_of(letters, name.len()) & mask;
        loop {
            let named = self.names[at];
            let id = named.id.checked_sub(1)? as usize;
            let is_its = match named.is_plain {
                _ if named.letters != letters => false,
                true => usize::from(named.length) == name.len(),
                false => self.is_named(id, name),
            };
            if is_its {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }

    /// Whether a command has this name. Those of subcommands are no names by themselves.
    fn is_named(&self, id: CommandId, name: &[u8]) -> bool {
        self.specs[id].name.as_bytes().eq_ignore_ascii_case(name) && !name.contains(&b'|')
    }

    pub fn find_subcommand(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        self.specs[container]
            .subcommands
            .get(&name.to_ascii_lowercase())
            .copied()
    }
}
