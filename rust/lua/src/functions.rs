//! Libraries of functions: loaded, kept by name, called by FCALL.
//!
//! All libraries live in one interpreter of their own. The engine gets their sources,
//! which is what files and payloads hold; if a panic loses the interpreter, they are
//! loaded from there. One that cannot be loaded again stays, without its functions, until
//! it is replaced or deleted: files must not lose what nobody took away.

use std::collections::HashMap;
use std::sync::Arc;

use rubellite_core::dispatch::persistence::Before;
use rubellite_core::dispatch::pipeline::{Invocation, Outcome, Runtime, Sink, Warning};
use rubellite_core::dispatch::scripting::ScriptRun;
use rubellite_core::dispatch::spec::CommandTable;
use rubellite_core::dispatch::{Engine, ErrorCode, Failure};
use rubellite_core::rdb::libraries::{self, Problem};

use crate::interpreter::{Interpreter, Program};
use crate::library::{self, Loading, Registered};
use crate::run::Buffers;
use crate::scripts::{begin, key_count};

/// A library that a client loads may take so long.
const LOAD_MS_MAX: u64 = 500;
/// What a library or a function costs beside its text, for INFO.
const OVERHEAD_BYTES: usize = 128;

/// One library.
pub struct Library {
    pub name: Vec<u8>,
    pub source: Arc<[u8]>,
    pub functions: Vec<Arc<Registered>>,
}

/// What becomes of libraries that are there when others are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They stay; a name that is there already is an error.
    Append,
    /// Those of the same names go.
    Replace,
    /// All go.
    Flush,
}

/// All libraries, and the interpreter that they run in.
#[derive(Default)]
pub struct Functions {
    interpreter: Option<Interpreter>,
    libraries: Vec<Library>,
    /// By name in small letters.
    by_name: HashMap<Vec<u8>, Arc<Registered>, ahash::RandomState>,
    buffers: Buffers,
}

fn position(libraries: &[Library], name: &[u8]) -> Option<usize> {
    libraries.iter().position(|library| library.name == name)
}

impl Functions {
    /// Those of these sources, which a file or the engine holds.
    pub fn of_sources<S: AsRef<[u8]>>(
        engine: &Engine,
        runtime: &mut dyn Runtime,
        sources: &[S],
    ) -> Result<Self, Failure> {
        let mut functions = Self::default();
        functions.add_all(engine, runtime, sources, None, None)?;
        Ok(functions)
    }

    /// Those of the engine, after a panic.
    pub fn reloaded(engine: &Engine, runtime: &mut dyn Runtime) -> Self {
        let mut functions = Self::default();
        for source in engine.libraries.iter() {
            let loaded = functions.add_all(engine, runtime, &[source], None, None);
            if let Err(failure) = loaded {
                let (name, _) = library::read_head(source).unwrap_or_default();
                let problem = engine.errors.line(&failure);
                runtime.warn(&Warning::Unloaded {
                    library: &name,
                    problem: &problem,
                });
                functions.libraries.push(Library {
                    name,
                    source: Arc::clone(source),
                    functions: Vec::new(),
                });
            }
        }
        functions
    }

    pub fn libraries(&self) -> &[Library] {
        &self.libraries
    }

    /// Tells the engine: what files hold, what INFO shows.
    pub fn report(&self, engine: &mut Engine) {
        let sources = self.libraries.iter().map(|one| Arc::clone(&one.source));
        engine.libraries = Arc::new(sources.collect());
        let facts = &mut engine.script_facts;
        facts.libraries = self.libraries.len();
        facts.functions = self.libraries.iter().map(|one| one.functions.len()).sum();
        let bytes = self.libraries.iter().map(|one| one.source.len());
        facts.function_bytes =
            bytes.sum::<usize>() + (facts.libraries + facts.functions) * OVERHEAD_BYTES;
        facts.function_vm_bytes = self.interpreter.as_ref().map_or(0, Interpreter::used);
    }

    /// FUNCTION LOAD: the library's name.
    pub fn load(
        &mut self,
        engine: &Engine,
        runtime: &mut dyn Runtime,
        source: &[u8],
        replaces: bool,
    ) -> Result<Vec<u8>, Failure> {
        let (name, _) = library::read_head(source)?;
        let old = position(&self.libraries, &name);
        if old.is_some() && !replaces {
            return Err(Failure::quoting(ErrorCode::LibraryExists, &name));
        }
        let late = Some(LOAD_MS_MAX);
        self.add_all(engine, runtime, &[source], Some(Policy::Replace), late)?;
        Ok(name)
    }

    /// FUNCTION RESTORE.
    pub fn restore(
        &mut self,
        engine: &mut Engine,
        runtime: &mut dyn Runtime,
        payload: &[u8],
        policy: Policy,
    ) -> Result<(), Failure> {
        let sources = libraries::restore(payload).map_err(|problem| match problem {
            Problem::NotOurs => ErrorCode::WrongDump,
            Problem::OtherType => ErrorCode::LibraryPayloadType,
            Problem::Preview => ErrorCode::LibraryPreview,
            Problem::Damaged => ErrorCode::LibraryPayload,
        })?;
        let late = Some(LOAD_MS_MAX);
        if policy != Policy::Flush {
            return self.add_all(engine, runtime, &sources, Some(policy), late);
        }
        let mut others = Self::default();
        others.add_all(engine, runtime, &sources, None, late)?;
        let old = std::mem::replace(self, others);
        engine.freer.free(old);
        Ok(())
    }

    /// The libraries of a file that was loaded.
    pub fn take_file(
        &mut self,
        engine: &mut Engine,
        runtime: &mut dyn Runtime,
        sources: &[Vec<u8>],
        before: Before,
    ) -> Result<(), Failure> {
        match before {
            Before::Replaced => {
                let others = Self::of_sources(engine, runtime, sources)?;
                let old = std::mem::replace(self, others);
                engine.freer.free(old);
                Ok(())
            }
            Before::Kept => self.add_all(engine, runtime, sources, Some(Policy::Append), None),
            Before::Merged => self.add_all(engine, runtime, sources, Some(Policy::Replace), None),
        }
    }

    /// FUNCTION DELETE; false: there is no such library.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let Some(at) = position(&self.libraries, name) else {
            return false;
        };
        let library = self.libraries.remove(at);
        self.forget(library);
        self.index();
        true
    }

    /// FUNCTION FLUSH: an empty interpreter, and no libraries.
    pub fn flush(&mut self, engine: &mut Engine) {
        let old = std::mem::take(self);
        engine.freer.free(old);
    }

    /// Loads libraries and adds all of them, or none. `policy` says what becomes of those
    /// that are there; None: there are none.
    fn add_all<S: AsRef<[u8]>>(
        &mut self,
        engine: &Engine,
        runtime: &mut dyn Runtime,
        sources: &[S],
        policy: Option<Policy>,
        load_ms_max: Option<u64>,
    ) -> Result<(), Failure> {
        let mut added: Vec<Library> = Vec::new();
        let mut failure = None;
        for source in sources {
            let source = source.as_ref();
            let loaded = self.load_one(engine, runtime, source, &added, load_ms_max);
            match loaded.map(|library| added.push(library)) {
                Ok(()) => {}
                Err(found) => {
                    failure = Some(found);
                    break;
                }
            }
        }
        let failure = failure.or_else(|| self.conflict(&added, policy));
        if let Some(failure) = failure {
            added.into_iter().for_each(|library| self.forget(library));
            return Err(failure);
        }
        for library in added {
            match position(&self.libraries, &library.name) {
                Some(at) => {
                    let old = std::mem::replace(&mut self.libraries[at], library);
                    self.forget(old);
                }
                None => self.libraries.push(library),
            }
        }
        self.index();
        Ok(())
    }

    /// What stands against adding these, if anything does.
    fn conflict(&self, added: &[Library], policy: Option<Policy>) -> Option<Failure> {
        if policy == Some(Policy::Append) {
            let is_there = |one: &&Library| position(&self.libraries, &one.name).is_some();
            if let Some(library) = added.iter().find(is_there) {
                return Some(Failure::quoting(ErrorCode::LibraryRestored, &library.name));
            }
        }
        let stays = |one: &&Library| position(added, &one.name).is_none();
        let staying: Vec<&Library> = self.libraries.iter().filter(stays).collect();
        added
            .iter()
            .find_map(|library| collision(library, staying.iter().copied()))
    }

    fn load_one(
        &mut self,
        engine: &Engine,
        runtime: &mut dyn Runtime,
        source: &[u8],
        added: &[Library],
        load_ms_max: Option<u64>,
    ) -> Result<Library, Failure> {
        let (name, code) = library::read_head(source)?;
        if position(added, &name).is_some() {
            return Err(Failure::quoting(ErrorCode::LibraryExists, &name));
        }
        let clock = &engine.clock;
        let mut loading = Loading {
            clock,
            until_ns: load_ms_max.map(|ms| clock.monotonic_ns() + ms * 1_000_000),
            runtime,
            functions: Vec::new(),
        };
        let limit = engine.settings.script_memory_max;
        let interpreter = self
            .interpreter
            .get_or_insert_with(|| Interpreter::for_functions(limit));
        let loaded = interpreter.load_library(code, &mut loading);
        let functions = loading.functions.into_iter().map(Arc::new).collect();
        let library = Library {
            name,
            source: source.into(),
            functions,
        };
        let failure = loaded
            .err()
            .or_else(|| misnamed(&library.functions))
            .or_else(|| collision(&library, added.iter()));
        match failure {
            None => Ok(library),
            Some(failure) => {
                self.forget(library);
                Err(failure)
            }
        }
    }

    /// Lets the interpreter free what a library holds.
    fn forget(&mut self, library: Library) {
        if let Some(interpreter) = &self.interpreter {
            for function in library.functions {
                interpreter.lua().forget(function.callback);
            }
            interpreter.lua().collect(false);
        }
    }

    fn index(&mut self) {
        self.by_name.clear();
        for function in self.libraries.iter().flat_map(|one| &one.functions) {
            self.by_name
                .entry(function.name.to_ascii_lowercase())
                .or_insert_with(|| Arc::clone(function));
        }
    }

    /// Calls the function that the invocation names.
    pub fn call(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        runtime: &mut dyn Runtime,
        invocation: &Invocation<'_>,
        is_read_only: bool,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, Failure> {
        let request = invocation.request;
        let name = request.get(1);
        let found = match self.by_name.get(name) {
            Some(found) => Some(found),
            None => self.by_name.get(&name.to_ascii_lowercase()),
        };
        let function = Arc::clone(found.ok_or(ErrorCode::FunctionMissing)?);
        let keys = key_count(request.get(2), request.len() - 3, ErrorCode::FunctionKeys)?;
        let run = begin(engine, invocation, function.flags, is_read_only)?;
        let Some(interpreter) = &mut self.interpreter else {
            return Err(ErrorCode::FunctionMissing.into());
        };
        engine.script = Some(ScriptRun {
            is_function: true,
            ..run
        });
        let program = Program {
            function: function.callback,
            name: &function.name,
            keys,
            takes_arguments: true,
        };
        let buffers = &mut self.buffers;
        let outcome = interpreter.run(
            commands, engine, runtime, invocation, &program, buffers, sink,
        );
        engine.script_facts.function_vm_bytes = interpreter.used();
        Ok(outcome)
    }
}

/// What is wrong with the functions that a library has registered.
fn misnamed(functions: &[Arc<Registered>]) -> Option<Failure> {
    if functions.is_empty() {
        return Some(ErrorCode::LibraryEmpty.into());
    }
    for (index, function) in functions.iter().enumerate() {
        if !library::is_name(&function.name) {
            return Some(ErrorCode::FunctionName.into());
        }
        if functions[..index]
            .iter()
            .any(|one| one.name == function.name)
        {
            return Some(ErrorCode::FunctionTwice.into());
        }
    }
    None
}

/// A function of the library that another library has, too.
fn collision<'a>(
    library: &Library,
    mut others: impl Iterator<Item = &'a Library>,
) -> Option<Failure> {
    others.find_map(|other| {
        let functions = other.functions.iter();
        let names: Vec<Vec<u8>> = functions.map(|one| one.name.to_ascii_lowercase()).collect();
        let mut own = library.functions.iter();
        own.find(|one| names.contains(&one.name.to_ascii_lowercase()))
            .map(|one| Failure::quoting(ErrorCode::FunctionExists, &one.name))
    })
}

#[cfg(test)]
mod tests {
    use rubellite_core::dispatch::arguments::Arguments;

    use super::*;

    /// Loading a library asks for no more than this.
    #[derive(Default)]
    struct Listener {
        warnings: Vec<String>,
    }

    impl Runtime for Listener {
        fn invoke(
            &mut self,
            _: &CommandTable,
            _: &mut Engine,
            _: &Invocation<'_>,
            _: &Arguments<'_>,
            _: &mut dyn Sink,
        ) -> Outcome {
            unreachable!("libraries call no command while they are loaded")
        }

        fn warn(&mut self, warning: &Warning<'_>) {
            self.warnings.push(format!("{warning:?}"));
        }

        fn cron(&mut self, _: &mut Engine) {}
    }

    fn library(name: &str, rest: &str) -> Arc<[u8]> {
        format!("#!lua name={name}\n{rest}").into_bytes().into()
    }

    #[test]
    fn a_library_that_does_not_load_after_a_panic_is_kept() {
        let one = "redis.register_function('one', function() return 1 end)";
        let sources = vec![library("broken", "error('not now')"), library("fine", one)];
        let mut engine = Engine::new(1);
        engine.libraries = Arc::new(sources.clone());
        let mut listener = Listener::default();
        let mut functions = Functions::reloaded(&engine, &mut listener);
        functions.report(&mut engine);
        assert_eq!(*engine.libraries, sources);
        assert_eq!(functions.by_name.len(), 1);
        assert_eq!(listener.warnings.len(), 1);
        let again = library(
            "broken",
            "redis.register_function('two', function() return 2 end)",
        );
        let loaded = functions.load(&engine, &mut listener, &again, true);
        assert_eq!(loaded.ok(), Some(b"broken".to_vec()));
        assert_eq!(functions.by_name.len(), 2);
        assert!(functions.delete(b"broken"));
        functions.report(&mut engine);
        assert_eq!(*engine.libraries, sources[1..]);
    }
}
