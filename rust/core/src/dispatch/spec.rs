//! What the pipeline knows of each command: the table that Python hands over at start-up.

use std::collections::HashMap;

use super::error::ErrorCode;

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
    /// After the word `token`, sought from argument `from`, one key.
    Keyword { token: &'static str, from: usize },
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
}

impl CommandSpec {
    #[inline]
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
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
        let mut found = Vec::new();
        let count = request.len();
        for positions in &self.keys {
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
                KeyPositions::Keyword { token, from } => {
                    let at = (from..count)
                        .find(|&at| request.get(at).eq_ignore_ascii_case(token.as_bytes()));
                    if let Some(at) = at
                        && at + 1 < count
                    {
                        found.push(at + 1);
                    }
                }
            }
        }
        Some(found)
    }
}

/// All commands, found by name in any case.
#[derive(Debug, Default)]
pub struct CommandTable {
    pub specs: Vec<CommandSpec>,
    names: HashMap<Vec<u8>, CommandId, ahash::RandomState>,
}

/// Longer names than this are unknown without a look.
const NAME_BYTES_MAX: usize = 64;

impl CommandTable {
    /// Adds a command; a subcommand (`config|get`) also joins its container.
    pub fn add(&mut self, spec: CommandSpec) -> CommandId {
        let id = self.specs.len();
        if let Some((container, subcommand)) = spec.name.split_once('|') {
            let subcommand = subcommand.as_bytes().to_vec();
            if let Some(&owner) = self.names.get(container.as_bytes()) {
                self.specs[owner].subcommands.insert(subcommand, id);
            }
        } else {
            self.names.insert(spec.name.as_bytes().to_vec(), id);
        }
        self.specs.push(spec);
        id
    }

    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<CommandId> {
        let mut lower = [0; NAME_BYTES_MAX];
        let lower = lowered(name, &mut lower)?;
        self.names.get(lower).copied()
    }

    pub fn find_subcommand(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        let mut lower = [0; NAME_BYTES_MAX];
        let lower = lowered(name, &mut lower)?;
        self.specs[container].subcommands.get(lower).copied()
    }
}

#[inline]
fn lowered<'a>(name: &[u8], buffer: &'a mut [u8; NAME_BYTES_MAX]) -> Option<&'a [u8]> {
    let lower = buffer.get_mut(..name.len())?;
    for (target, byte) in lower.iter_mut().zip(name) {
        *target = byte.to_ascii_lowercase();
    }
    Some(lower)
}
