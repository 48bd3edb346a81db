//! Lua scripts on the engine: the interpreter, its libraries, the scripts of EVAL, functions.
//!
//!     pipeline ── EVAL ──> scripts ──> interpreter ──> Lua ──redis.call──> calls ──> pipeline
//!
//! Lua 5.1 is the original in C. Its functions that could run away, or lead out of the
//! sandbox, are replaced (`sandbox`, `strings`); `cjson`, `cmsgpack`, `struct` and `bit`
//! are written here. All `unsafe` is about one border, which `lua` explains.

mod base;
mod bits;
mod calls;
mod convert;
pub mod functions;
pub mod interpreter;
mod json;
mod json_decode;
pub mod library;
mod lua;
mod msgpack;
mod patterns;
mod place;
mod printf;
mod random;
mod run;
mod sandbox;
pub mod scripts;
pub mod shebang;
mod state;
mod strings;
mod structs;

pub use functions::Functions;
pub use scripts::{Evaluation, Program, Scripts, evaluation_of};
