//! `#!lua name=… flags=…`: the first line in which a script says what it is.

use rubellite_core::dispatch::{ErrorCode, Failure};

/// What a script may do, and what it must not be asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// It began without a first line: every command is judged when it is called.
    pub is_plain: bool,
    pub no_writes: bool,
    pub allow_oom: bool,
    pub allow_stale: bool,
    pub no_cluster: bool,
    pub allow_cross_slot_keys: bool,
}

impl Flags {
    /// The names of those that are set.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.no_writes, "no-writes"),
            (self.allow_oom, "allow-oom"),
            (self.allow_stale, "allow-stale"),
            (self.no_cluster, "no-cluster"),
            (self.allow_cross_slot_keys, "allow-cross-slot-keys"),
        ];
        let set = all.into_iter().filter(|(is_set, _)| *is_set);
        set.map(|(_, name)| name).collect()
    }

    /// Sets a flag by its name; false: there is none.
    pub fn set(&mut self, name: &[u8]) -> bool {
        let flag = match name {
            b"no-writes" => &mut self.no_writes,
            b"allow-oom" => &mut self.allow_oom,
            b"allow-stale" => &mut self.allow_stale,
            b"no-cluster" => &mut self.no_cluster,
            b"allow-cross-slot-keys" => &mut self.allow_cross_slot_keys,
            _ => return false,
        };
        *flag = true;
        true
    }
}

/// Flags and code of a script for EVAL. The code keeps the empty first line, so that its
/// lines keep their numbers.
pub fn read(script: &[u8]) -> Result<(Flags, &[u8]), Failure> {
    if !script.starts_with(b"#!") {
        let flags = Flags {
            is_plain: true,
            ..Flags::default()
        };
        return Ok((flags, script));
    }
    let end = memchr::memchr(b'\n', script).ok_or(ErrorCode::ShebangInvalid)?;
    let mut words = script[2..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let engine = if script[2..end].first().is_some_and(u8::is_ascii_whitespace) {
        b"".as_slice()
    } else {
        words.next().unwrap_or_default()
    };
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Failure::quoting(ErrorCode::ScriptEngine, engine));
    }
    let mut flags = Flags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(Failure::quoting(ErrorCode::ShebangOption, word));
        };
        if names.is_empty() {
            continue;
        }
        for name in names.split(|byte| *byte == b',') {
            if !flags.set(name) {
                return Err(Failure::quoting(ErrorCode::ShebangFlag, name));
            }
        }
    }
    Ok((flags, &script[end..]))
}
