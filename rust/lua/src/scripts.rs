//! The scripts of EVAL: compiled once, known by the SHA-1 of their text, run for clients.

use std::collections::HashMap;
use std::ffi::c_int;

use rubellite_core::dispatch::pipeline::{Invocation, Outcome, Runtime, Sink};
use rubellite_core::dispatch::scripting::{ScriptFacts, ScriptRun};
use rubellite_core::dispatch::spec::CommandTable;
use rubellite_core::dispatch::{Engine, ErrorCode, Failure};
use rubellite_core::text::{integer, sha1};

use crate::calls;
use crate::interpreter::{self, Interpreter};
use crate::run::Buffers;
use crate::shebang::{self, Flags};

/// Scripts that came with EVAL are forgotten above this number, the least used first.
const EVAL_SCRIPTS_MAX: usize = 500;
/// What one costs beside its text, for INFO.
const SCRIPT_OVERHEAD_BYTES: usize = 128;

/// The hexadecimal SHA-1 of a script's text.
pub type Digest = [u8; 40];

struct Script {
    text: Box<[u8]>,
    function: c_int,
    flags: Flags,
    /// When it was last used, if it may be forgotten: it came with EVAL.
    used: Option<u64>,
}

/// What a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The script that it brings.
    Text,
    /// A script that is known, by its digest.
    Digest,
    /// A function of a library.
    Function,
}

/// How a command names and limits the script that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    pub program: Program,
    pub is_read_only: bool,
}

/// The evaluation that a command asks for, by its name.
pub fn evaluation_of(command: &str) -> Option<Evaluation> {
    let (program, is_read_only) = match command {
        "eval" => (Program::Text, false),
        "eval_ro" => (Program::Text, true),
        "evalsha" => (Program::Digest, false),
        "evalsha_ro" => (Program::Digest, true),
        "fcall" => (Program::Function, false),
        "fcall_ro" => (Program::Function, true),
        _ => return None,
    };
    Some(Evaluation {
        program,
        is_read_only,
    })
}

/// All scripts, and the interpreter that they run in.
#[derive(Default)]
pub struct Scripts {
    interpreter: Option<Interpreter>,
    by_digest: HashMap<Digest, Script, ahash::RandomState>,
    /// Digests of texts by a hash of the text, so that EVAL computes few.
    digests: HashMap<u64, Digest, ahash::RandomState>,
    clock: u64,
    text_bytes: usize,
    evictable: usize,
    pub evicted: u64,
    pub buffers: Buffers,
    limit: usize,
}

impl Scripts {
    fn interpreter(&mut self, limit: usize) -> &mut Interpreter {
        self.limit = limit;
        self.interpreter
            .get_or_insert_with(|| Interpreter::new(limit, calls::open))
    }

    /// Takes a script in, unless it is known; its digest.
    pub fn load(&mut self, text: &[u8], limit: usize, is_kept: bool) -> Result<Digest, Failure> {
        let digest = sha1::sha1_hex(text);
        self.clock += 1;
        let clock = self.clock;
        if let Some(script) = self.by_digest.get_mut(&digest) {
            if is_kept {
                self.evictable -= usize::from(script.used.take().is_some());
            }
            return Ok(digest);
        }
        let (flags, code) = shebang::read(text)?;
        let function = self
            .interpreter(limit)
            .compile(code, c"@user_script")
            .map_err(|message| Failure::Quoting(ErrorCode::ScriptBroken, message))?;
        self.text_bytes += text.len() + SCRIPT_OVERHEAD_BYTES;
        let script = Script {
            text: text.into(),
            function,
            flags,
            used: (!is_kept).then_some(clock),
        };
        self.by_digest.insert(digest, script);
        if !is_kept {
            self.evictable += 1;
            if self.evictable > EVAL_SCRIPTS_MAX {
                self.forget_least_used();
            }
        }
        Ok(digest)
    }

    #[cold]
    fn forget_least_used(&mut self) {
        let used = self.by_digest.iter();
        let least = used
            .filter_map(|(digest, script)| Some((script.used?, *digest)))
            .min();
        let Some((_, digest)) = least else {
            return;
        };
        if let Some(script) = self.by_digest.remove(&digest) {
            self.text_bytes -= script.text.len() + SCRIPT_OVERHEAD_BYTES;
            let hash = self.digests.hasher().hash_one(&script.text);
            self.digests.remove(&hash);
            if let Some(interpreter) = &self.interpreter {
                interpreter.lua().forget(script.function);
            }
        }
        self.evictable -= 1;
        self.evicted += 1;
    }

    /// The digest as scripts are known by it; None: it is none.
    fn digest(name: &[u8]) -> Option<Digest> {
        let mut digest: Digest = name.try_into().ok()?;
        digest.make_ascii_lowercase();
        Some(digest)
    }

    pub fn exists(&self, digest: &[u8]) -> bool {
        Self::digest(digest).is_some_and(|digest| self.by_digest.contains_key(&digest))
    }

    /// The text of a script.
    pub fn text(&self, digest: &[u8]) -> Option<&[u8]> {
        let script = self.by_digest.get(&Self::digest(digest)?)?;
        Some(&script.text)
    }

    /// SCRIPT FLUSH: an empty interpreter, and no scripts.
    pub fn flush(&mut self) {
        *self = Self {
            evicted: self.evicted,
            ..Self::default()
        };
    }

    /// Tells INFO.
    pub fn report(&self, facts: &mut ScriptFacts) {
        facts.cached_scripts = self.by_digest.len();
        facts.evicted_scripts = self.evicted;
        facts.eval_bytes = self.text_bytes;
        facts.eval_vm_bytes = self.interpreter.as_ref().map_or(0, Interpreter::used);
    }

    /// The script that a request names, taken in if it brings its text.
    fn find(&mut self, name: &[u8], is_digest: bool, limit: usize) -> Result<Digest, Failure> {
        if is_digest {
            let digest = Self::digest(name).ok_or(ErrorCode::NoScript)?;
            if self.by_digest.contains_key(&digest) {
                return Ok(digest);
            }
            return Err(ErrorCode::NoScript.into());
        }
        let hash = self.digests.hasher().hash_one(name);
        if let Some(digest) = self.digests.get(&hash)
            && let Some(script) = self.by_digest.get_mut(digest)
            && *script.text == *name
        {
            if let Some(used) = &mut script.used {
                self.clock += 1;
                *used = self.clock;
            }
            return Ok(*digest);
        }
        let digest = self.load(name, limit, false)?;
        self.digests.insert(hash, digest);
        Ok(digest)
    }

    /// Runs the script that the invocation names.
    pub fn evaluate(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        runtime: &mut dyn Runtime,
        invocation: &Invocation<'_>,
        evaluation: Evaluation,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, Failure> {
        let request = invocation.request;
        let is_digest = evaluation.program == Program::Digest;
        if is_digest && request.get(1).len() != size_of::<Digest>() {
            return Err(ErrorCode::NoScript.into());
        }
        let keys = key_count(request.get(2), request.len() - 3, ErrorCode::NotInteger)?;
        let limit = engine.settings.script_memory_max;
        let digest = self.find(request.get(1), is_digest, limit)?;
        let Some(script) = self.by_digest.get(&digest) else {
            return Err(ErrorCode::NoScript.into());
        };
        let (flags, function) = (script.flags, script.function);
        let run = begin(engine, invocation, flags, evaluation.is_read_only)?;
        engine.script = Some(run);
        let Some(interpreter) = &mut self.interpreter else {
            return Err(ErrorCode::NoScript.into());
        };
        let program = interpreter::Program {
            function,
            name: &digest,
            keys,
            takes_arguments: false,
        };
        let buffers = &mut self.buffers;
        let outcome = interpreter.run(
            commands, engine, runtime, invocation, &program, buffers, sink,
        );
        engine.script_facts.eval_vm_bytes = interpreter.used();
        engine.script_facts.cached_scripts = self.by_digest.len();
        engine.script_facts.evicted_scripts = self.evicted;
        engine.script_facts.eval_bytes = self.text_bytes;
        Ok(outcome)
    }
}

/// How many of `rest` arguments are keys; `no_number` is said of what is none.
pub fn key_count(number: &[u8], rest: usize, no_number: ErrorCode) -> Result<usize, Failure> {
    let count = integer::parse(number).ok_or(no_number)?;
    if count > rest as i64 {
        return Err(ErrorCode::TooManyKeys.into());
    }
    usize::try_from(count).map_err(|_| ErrorCode::KeysNegative.into())
}

/// Whether a script of these flags may begin, and what is known of it while it runs.
pub fn begin(
    engine: &mut Engine,
    invocation: &Invocation<'_>,
    flags: Flags,
    is_read_only: bool,
) -> Result<ScriptRun, Failure> {
    let is_out_of_memory = engine.is_out_of_memory();
    if !flags.is_plain {
        if is_read_only && !flags.no_writes {
            return Err(ErrorCode::ScriptMayWriteRo.into());
        }
        engine.check_script_start(!flags.no_writes, flags.allow_oom)?;
    }
    Ok(ScriptRun {
        client: invocation.client,
        is_read_only: is_read_only || flags.no_writes,
        allows_oom: flags.allow_oom,
        is_out_of_memory,
        started_ns: engine.clock.monotonic_ns(),
        ..ScriptRun::default()
    })
}
