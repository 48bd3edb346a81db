//! The `redis` table: commands, replies, the log.

use std::ffi::c_int;

use mlua_sys as ffi;
use rubellite_core::dispatch::pipeline::{self, Outcome};
use rubellite_core::dispatch::scripting;
use rubellite_core::reply::Protocol;
use rubellite_core::service::Request;
use rubellite_core::text::{double, sha1};

use crate::c_function;
use crate::convert::{self, as_in_c};
use crate::lua::{Fault, Lua, Results, to_integer};
use crate::run::Run;

/// `redis.LOG_DEBUG` and so on.
const LOG_LEVELS: [(&str, i64); 4] = [
    ("LOG_DEBUG", 0),
    ("LOG_VERBOSE", 1),
    ("LOG_NOTICE", 2),
    ("LOG_WARNING", 3),
];
const REPL_AOF: i64 = 1;
const REPL_REPLICA: i64 = 2;

/// Versions that the script can ask for: what clients are told, too.
const REDIS_VERSION: &str = "7.2.4";
const REDIS_VERSION_NUMBER: f64 = 459_268.0;

/// Fills the table on top for scripts of EVAL.
pub fn open(lua: Lua) {
    open_functions(lua);
    crate::sandbox::set_functions(
        lua,
        &[
            (b"replicate_commands", c_function!(replicate_commands)),
            (b"breakpoint", c_function!(breakpoint)),
            (b"debug", c_function!(|_| Ok(0))),
        ],
    );
}

/// Fills the table on top for functions of libraries.
pub fn open_functions(lua: Lua) {
    open_constants(lua);
    crate::sandbox::set_functions(
        lua,
        &[
            (b"sha1hex", c_function!(sha1hex)),
            (b"error_reply", c_function!(error_reply)),
            (b"status_reply", c_function!(status_reply)),
            (b"call", c_function!(|lua| call(lua, true))),
            (b"pcall", c_function!(|lua| call(lua, false))),
            (b"setresp", c_function!(setresp)),
            (b"set_repl", c_function!(set_repl)),
            (b"acl_check_cmd", c_function!(acl_check_cmd)),
        ],
    );
    for (name, number) in [
        ("REPL_NONE", 0),
        ("REPL_AOF", REPL_AOF),
        ("REPL_REPLICA", REPL_REPLICA),
        ("REPL_SLAVE", REPL_REPLICA),
        ("REPL_ALL", REPL_AOF | REPL_REPLICA),
    ] {
        lua.push_number(number as f64);
        lua.set_field(-2, name.as_bytes());
    }
}

/// The log and the versions, which a library has while it is loaded, too.
pub fn open_constants(lua: Lua) {
    crate::sandbox::set_functions(lua, &[(b"log", c_function!(log))]);
    for (name, level) in LOG_LEVELS {
        lua.push_number(level as f64);
        lua.set_field(-2, name.as_bytes());
    }
    for (name, text) in [
        ("REDIS_VERSION", REDIS_VERSION),
        ("SERVER_NAME", "rubellite"),
        ("RUBELLITE_VERSION", env!("CARGO_PKG_VERSION")),
    ] {
        lua.push(text.as_bytes());
        lua.set_field(-2, name.as_bytes());
    }
    lua.push_number(REDIS_VERSION_NUMBER);
    lua.set_field(-2, b"REDIS_VERSION_NUM");
}

/// An error reply of the `redis` functions' own.
pub fn refuse<T>(text: &str) -> Result<T, Fault> {
    let line = [b"ERR ", text.as_bytes()].concat();
    Err(Fault::Reply {
        line,
        is_counted: false,
    })
}

/// The script that runs.
fn running<'a>(lua: Lua) -> Result<&'a mut Run<'static>, Fault> {
    let run = lua.shared().run;
    if run.is_null() {
        return refuse("redis.call can only be called inside a script invocation");
    }
    // SAFETY: set while the script runs; there is no other way to it meanwhile, for its
    // owner waits for the script.
    Ok(unsafe { &mut *run })
}

/// Reads the arguments of redis.call into the run's buffers.
fn read_arguments(lua: Lua, run: &mut Run<'_>) -> Result<(), Fault> {
    run.buffer.clear();
    run.arguments.clear();
    let count = lua.top();
    if count == 0 {
        return refuse("Please specify at least one argument for this call");
    }
    for index in 1..=count {
        let start = run.buffer.len();
        match lua.kind(index) {
            ffi::LUA_TSTRING => {
                let bytes = lua.bytes(index).unwrap_or_default();
                run.buffer.extend_from_slice(bytes);
            }
            ffi::LUA_TNUMBER => write_number(lua.to_number(index), &mut run.buffer),
            _ => return refuse("Command arguments must be strings or integers"),
        }
        if run.buffer.len() > u32::MAX as usize - 1 {
            return refuse("Command arguments are too long");
        }
        run.arguments.push((start as u32, run.buffer.len() as u32));
    }
    Ok(())
}

/// A number as an argument: whole ones without a fraction, others as short as they can be.
fn write_number(number: f64, into: &mut Vec<u8>) {
    let whole = to_integer(number);
    if whole as f64 == number && whole != i64::MIN {
        into.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if number.is_nan() {
        into.extend_from_slice(if number.is_sign_negative() {
            b"-nan"
        } else {
            b"nan"
        });
    } else {
        double::format_shortest(number, into);
    }
}

/// `redis.call` (which raises error replies) and `redis.pcall` (which returns them).
fn call(lua: Lua, raises: bool) -> Results {
    let run = running(lua)?;
    if let Err(fault) = read_arguments(lua, run) {
        return answer_fault(lua, fault, raises);
    }
    // The command may leave the clients' sockets a turn, but runs no script.
    let request = Request {
        buffer: &run.buffer,
        arguments: &run.arguments,
        bodies: &[],
    };
    let outcome = scripting::call_from_script(
        run.commands,
        run.engine,
        run.runtime,
        request,
        &mut run.sink,
    );
    lua.set_top(0);
    match outcome {
        Err(line) => {
            let fault = Fault::Reply {
                line,
                is_counted: true,
            };
            answer_fault(lua, fault, raises)
        }
        Ok(outcome) => {
            let bytes = run.sink.output.take_bytes();
            if bytes.is_empty() {
                // A command without a reply.
                lua.push_boolean(false);
            } else {
                convert::push_reply(lua, &bytes);
            }
            let is_error = bytes.first() == Some(&b'-');
            run.take_back(bytes);
            if outcome == Outcome::Failed && is_error && raises {
                return Err(Fault::OnStack);
            }
            Ok(1)
        }
    }
}

fn answer_fault(lua: Lua, fault: Fault, raises: bool) -> Results {
    match fault {
        Fault::Reply { line, is_counted } if !raises => {
            lua.push_error_table(&line, is_counted);
            Ok(1)
        }
        fault => Err(fault),
    }
}

fn setresp(lua: Lua) -> Results {
    if lua.top() != 1 {
        return refuse("redis.setresp() requires one argument.");
    }
    let protocol = match to_integer(lua.number(1).unwrap_or(0.0)) {
        2 => Protocol::Resp2,
        3 => Protocol::Resp3,
        _ => return refuse("RESP version must be 2 or 3."),
    };
    if let Some(script) = &mut running(lua)?.engine.script {
        script.protocol = protocol;
    }
    Ok(0)
}

fn set_repl(lua: Lua) -> Results {
    if lua.top() != 1 {
        return refuse("redis.set_repl() requires one argument.");
    }
    let flags = to_integer(lua.number(1).unwrap_or(0.0));
    if flags & !(REPL_AOF | REPL_REPLICA) != 0 {
        return refuse(
            "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        );
    }
    if let Some(script) = &mut running(lua)?.engine.script {
        // One journal serves file and replicas; what is wanted in either enters it.
        script.is_unlogged = flags == 0;
    }
    Ok(0)
}

fn replicate_commands(lua: Lua) -> Results {
    lua.push_boolean(true);
    Ok(1)
}

fn breakpoint(lua: Lua) -> Results {
    lua.push_boolean(false);
    Ok(1)
}

fn acl_check_cmd(lua: Lua) -> Results {
    let run = running(lua)?;
    read_arguments(lua, run)?;
    let request = Request {
        buffer: &run.buffer,
        arguments: &run.arguments,
        bodies: &[],
    };
    if pipeline::look_up(run.commands, request).is_err() {
        return refuse("Invalid command passed to redis.acl_check_cmd()");
    }
    // There is one user, who may do everything.
    lua.push_boolean(true);
    Ok(1)
}

fn log(lua: Lua) -> Results {
    let count = lua.top();
    if count < 2 {
        return refuse("redis.log() requires two arguments or more.");
    }
    let Some(level) = lua.number(1) else {
        return refuse("First argument must be a number (log level).");
    };
    let level = to_integer(level);
    let Some((_, level)) = LOG_LEVELS.iter().find(|(_, known)| *known == level) else {
        return refuse("Invalid log level.");
    };
    let parts: Vec<&[u8]> = (2..=count).filter_map(|index| lua.bytes(index)).collect();
    let message = parts.join(b" ".as_slice());
    let loading = lua.shared().loading;
    if let Ok(run) = running(lua) {
        run.runtime.script_log(*level as u8, &message);
    } else if !loading.is_null() {
        // SAFETY: set while a library is loaded, by who waits for that to end.
        unsafe { (*loading).runtime.script_log(*level as u8, &message) };
    }
    Ok(0)
}

fn sha1hex(lua: Lua) -> Results {
    if lua.top() != 1 {
        return refuse("wrong number of arguments");
    }
    let digest = sha1::sha1_hex(lua.bytes(1).unwrap_or_default());
    lua.push(&digest);
    Ok(1)
}

/// The only argument, a string.
fn single_string<'a>(lua: Lua) -> Option<&'a [u8]> {
    (lua.top() == 1).then(|| lua.string(1)).flatten()
}

fn wrong_arguments(lua: Lua) -> Results {
    lua.push_error_table(b"ERR wrong number or type of arguments", false);
    Ok(1)
}

/// A table that stands for an error: one word alone is no code.
fn error_reply(lua: Lua) -> Results {
    let Some(text) = single_string(lua) else {
        return wrong_arguments(lua);
    };
    let text = as_in_c(text);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let line = if text.contains(&b' ') {
        text.to_vec()
    } else {
        [b"ERR ", text].concat()
    };
    lua.push_error_table(&line, false);
    Ok(1)
}

fn status_reply(lua: Lua) -> Results {
    let Some(text) = single_string(lua) else {
        return wrong_arguments(lua);
    };
    lua.push_table(0, 1);
    lua.push(text);
    lua.set_field(-2, b"ok");
    Ok(1)
}

/// What is raised becomes a table that says where, for the error's last part.
pub unsafe extern "C-unwind" fn on_error(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls with the thread that runs.
    unsafe { crate::lua::guarded(state, note_place) }
}

fn note_place(lua: Lua) -> Results {
    if !lua.is_table(1) {
        let mut line = b"ERR ".to_vec();
        match lua.kind(1) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => {
                line.extend_from_slice(lua.bytes(1).unwrap_or_default());
            }
            ffi::LUA_TNIL | ffi::LUA_TNONE => line.extend_from_slice(b"nil"),
            ffi::LUA_TBOOLEAN => {
                line.extend_from_slice(if lua.boolean(1) { b"true" } else { b"false" });
            }
            _ => {
                let (kind, pointer) = (lua.kind_name(1), lua.pointer(1));
                let text = if pointer.is_null() {
                    format!("{kind}: (nil)")
                } else {
                    format!("{kind}: {pointer:p}")
                };
                line.extend_from_slice(text.as_bytes());
            }
        }
        lua.push_table(0, 3);
        lua.push(&line);
        lua.set_field(-2, b"err");
        lua.replace(1);
    }
    lua.set_top(1);
    if let Some((source, line)) = lua.place() {
        lua.push(&source);
        lua.set_field(1, b"source");
        lua.push_number(f64::from(line));
        lua.set_field(1, b"line");
    }
    Ok(1)
}
