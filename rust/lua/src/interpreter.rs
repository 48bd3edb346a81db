//! One Lua state, furnished, and how a compiled program runs in it.

use std::ffi::{CStr, c_int};

use mlua_sys as ffi;
use rubellite_core::dispatch::pipeline::{Invocation, Outcome, RespSink, Runtime, Sink};
use rubellite_core::dispatch::session::Session;
use rubellite_core::dispatch::spec::CommandTable;
use rubellite_core::dispatch::{Engine, ErrorCode, Failure};
use rubellite_core::output::Output;
use rubellite_core::reply::Protocol;
use rubellite_core::resp::decode;
use rubellite_core::service::Request;

use crate::calls;
use crate::convert::{Form, Written, as_in_c, write_reply};
use crate::library::{self, Loading};
use crate::lua::Lua;
use crate::run::{Buffers, Run};
use crate::sandbox;
use crate::state::Shared;

/// An interpreter with more memory than this part of its limit is tidied up after a script.
const TIDY_FRACTION: usize = 4;

pub struct Interpreter {
    shared: *mut Shared,
    lua: Lua,
    /// The globals that a library has while it is loaded, kept in the registry; 0: none.
    library_globals: c_int,
}

// SAFETY: an interpreter is used by the thread that holds the engine's lock.
unsafe impl Send for Interpreter {}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.lua.close();
        // SAFETY: the box that `open` gave away; the state that used it is closed.
        drop(unsafe { Box::from_raw(self.shared) });
    }
}

/// A compiled program and what it is called with.
pub struct Program<'a> {
    pub function: c_int,
    /// As error messages call it.
    pub name: &'a [u8],
    /// How many of the request's arguments from the fourth on are keys.
    pub keys: usize,
    /// It is a function that takes keys and arguments, not a script with globals.
    pub takes_arguments: bool,
}

impl Interpreter {
    /// A new one, whose `redis` table `own` fills.
    pub fn new(limit: usize, own: fn(Lua)) -> Self {
        let (shared, lua) = Shared::open(limit);
        let interpreter = Self {
            shared: Box::into_raw(shared),
            lua,
            library_globals: 0,
        };
        sandbox::furnish(lua, own, &["redis", "server"]);
        lua.shared().shield = 0;
        interpreter
    }

    /// One for libraries of functions.
    pub fn for_functions(limit: usize) -> Self {
        let mut interpreter = Self::new(limit, calls::open_functions);
        let lua = interpreter.lua;
        lua.shared().shield = 1;
        library::push_globals(lua);
        interpreter.library_globals = lua.keep();
        lua.shared().shield = 0;
        interpreter
    }

    /// Runs the code of a library; what it registers is in `loading` afterwards.
    pub fn load_library(&mut self, code: &[u8], loading: &mut Loading<'_>) -> Result<(), Failure> {
        let function = self
            .compile(code, c"@user_function")
            .map_err(|message| Failure::Quoting(ErrorCode::LibraryBroken, message))?;
        let lua = self.lua;
        lua.shared().shield += 1;
        lua.shared().loading = std::ptr::from_mut(loading).cast();
        sandbox::show_globals(lua, self.library_globals);
        lua.set_top(0);
        lua.push_function(calls::on_error, 0);
        lua.push_kept(function);
        let is_done = lua.call(0, 0, 1);
        let result = if is_done {
            Ok(())
        } else {
            let (line, _) = error_line(lua, None);
            Err(Failure::Quoting(ErrorCode::LibraryFailed, line))
        };
        lua.set_top(0);
        sandbox::show_globals(lua, lua.shared().globals);
        lua.forget(function);
        lua.shared().loading = std::ptr::null_mut();
        if std::mem::take(&mut lua.shared().is_ending) {
            lua.watch();
        }
        lua.shared().shield = 0;
        if let Some(panic) = lua.shared().panic.take() {
            std::panic::resume_unwind(panic);
        }
        result
    }

    pub fn lua(&self) -> Lua {
        self.lua
    }

    /// Bytes that it holds.
    pub fn used(&self) -> usize {
        self.lua.shared().used()
    }

    /// Compiles a program; the number under which it is kept, or what is wrong with it.
    pub fn compile(&mut self, code: &[u8], name: &CStr) -> Result<c_int, Vec<u8>> {
        let lua = self.lua;
        lua.shared().shield += 1;
        // A compiled chunk is read as text.
        let is_loaded = if code.first() == Some(&ffi::LUA_SIGNATURE[0]) {
            lua.load(&[b" ", code].concat(), name)
        } else {
            lua.load(code, name)
        };
        let result = if is_loaded {
            Ok(lua.keep())
        } else {
            let message = lua.bytes(-1).unwrap_or_default().to_vec();
            lua.pop(1);
            Err(message)
        };
        lua.shared().shield -= 1;
        result
    }

    /// Runs a program for a client, as `engine.script` says; its reply goes to `sink`.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        runtime: &mut dyn Runtime,
        invocation: &Invocation<'_>,
        program: &Program<'_>,
        buffers: &mut Buffers,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let lua = self.lua;
        let client = invocation.client;
        let (database, protocol) = {
            let session = engine.session(client);
            (session.database, session.protocol)
        };
        engine.run.denies_blocking = true;
        engine.feed_script_to_monitors(invocation);
        let mut run = Run {
            commands,
            engine,
            runtime,
            invocation,
            name: program.name,
            sink: RespSink::default(),
            buffer: std::mem::take(&mut buffers.buffer),
            arguments: std::mem::take(&mut buffers.arguments),
        };
        *run.sink.output.tail() = std::mem::take(&mut buffers.reply);
        let shared = lua.shared();
        shared.run = (&raw mut run).cast();
        shared.shield += 1;
        let is_done = self.call(invocation.request, program);
        let shared = lua.shared();
        shared.run = std::ptr::null_mut();
        let was_ended = std::mem::take(&mut shared.is_ending);
        if was_ended {
            lua.watch();
        }
        let script_protocol = run.engine.script.as_ref().map(|script| script.protocol);
        let form = Form {
            client: protocol,
            script: script_protocol.unwrap_or_default(),
        };
        *buffers = {
            let Run {
                sink,
                buffer,
                arguments,
                ..
            } = run;
            Buffers::from_parts(sink, buffer, arguments)
        };
        engine.script = None;
        if was_ended && engine.is_stopping {
            engine.abandon_effects();
        }
        if let Some(session) = engine.sessions.get_mut(&client) {
            restore(session, database);
        }
        let outcome = self.answer(engine, is_done, program.name, form, sink);
        lua.set_top(0);
        lua.shared().shield = 0;
        if was_ended || lua.shared().used() > lua.shared().limit / TIDY_FRACTION {
            lua.collect(false);
        }
        if let Some(panic) = lua.shared().panic.take() {
            std::panic::resume_unwind(panic);
        }
        outcome
    }

    /// Calls the program; false: its error is on top.
    fn call(&mut self, request: Request<'_>, program: &Program<'_>) -> bool {
        let lua = self.lua;
        lua.set_top(0);
        lua.push_function(calls::on_error, 0);
        if program.takes_arguments {
            lua.push_kept(program.function);
        } else {
            lua.push_kept(lua.shared().globals);
        }
        let first = 3;
        let last = first + program.keys;
        push_list(lua, request, first, last);
        if !program.takes_arguments {
            lua.set_field(2, b"KEYS");
        }
        push_list(lua, request, last, request.len());
        if program.takes_arguments {
            return lua.call(2, 1, 1);
        }
        lua.set_field(2, b"ARGV");
        lua.push_kept(program.function);
        lua.call(0, 1, 1)
    }

    /// Writes the result on top, or the error that it is.
    fn answer(
        &mut self,
        engine: &mut Engine,
        is_done: bool,
        name: &[u8],
        form: Form,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let mut own = Output::default();
        let lua = self.lua;
        if !is_done {
            let (line, is_counted) = error_line(lua, Some(name));
            if !is_counted {
                engine.statistics.error_replied(&line);
            }
            sink.put(&rubellite_core::reply::Reply::Error(line), form.client);
            return Outcome::Failed;
        }
        let written = match sink.resp() {
            Some(output) => write_reply(lua, form, output),
            None => {
                // A caller who wants objects gets them of what others read.
                let form = Form {
                    client: Protocol::Resp3,
                    ..form
                };
                let written = write_reply(lua, form, &mut own);
                if let Ok(Some((reply, _))) = decode::decode(&own.take_bytes()) {
                    sink.put(&reply, form.client);
                }
                written
            }
        };
        match written {
            Written::Reply => Outcome::Replied,
            Written::Error(uncounted) => {
                if let Some(line) = uncounted {
                    engine.statistics.error_replied(&line);
                }
                Outcome::Failed
            }
        }
    }
}

/// The script's SELECT was its own.
fn restore(session: &mut Session, database: usize) {
    session.database = database;
    session.script_protocol = None;
}

fn push_list(lua: Lua, request: Request<'_>, first: usize, last: usize) {
    lua.push_table(last - first, 0);
    for index in first..last {
        lua.push(request.get(index));
        lua.set_item(-2, index - first + 1);
    }
}

/// The line of the error on top: where it happened, and in which script, if that has a
/// name. Whether it was counted when it happened.
fn error_line(lua: Lua, name: Option<&[u8]>) -> (Vec<u8>, bool) {
    if !lua.is_table(-1) {
        let message = as_in_c(lua.bytes(-1).unwrap_or(b"unknown error"));
        return ([b"ERR ", message].concat(), false);
    }
    let field = |field: &[u8]| {
        lua.push_field(-1, field);
        let bytes = lua.bytes(-1).map(<[u8]>::to_vec);
        lua.pop(1);
        bytes
    };
    let mut line = field(b"err").unwrap_or_else(|| b"ERR unknown error".to_vec());
    line.truncate(as_in_c(&line).len());
    if let (Some(name), Some(source), Some(number)) = (name, field(b"source"), field(b"line")) {
        line.extend_from_slice(b" script: ");
        line.extend_from_slice(name);
        line.extend_from_slice(b", on ");
        line.extend_from_slice(&source);
        line.push(b':');
        line.extend_from_slice(&number);
        line.push(b'.');
    }
    lua.push_field(-1, b"ignore_error_stats_update");
    let is_counted = lua.boolean(-1);
    lua.pop(1);
    (line, is_counted)
}
