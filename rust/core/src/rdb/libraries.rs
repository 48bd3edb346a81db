//! Libraries of functions: in files before all keys, and as the payload of FUNCTION DUMP.
//!
//!     245 | source …   once for each library
//!     … | version u16 | crc64 of all before, in a payload

use std::sync::Arc;

use super::dump::{self, seal};
use super::input::Input;
use super::output::Output;
use super::{Format, Result, opcode};

/// The sources of all libraries.
pub type Libraries = Arc<Vec<Arc<[u8]>>>;

/// Why a payload of libraries cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Its version or checksum is wrong.
    NotOurs,
    /// Something else than a library.
    OtherType,
    /// Written by a release candidate of Redis 7.0.
    Preview,
    /// It ends in the middle of one.
    Damaged,
}

pub(super) fn write(libraries: &Libraries, output: &mut Output) {
    for source in libraries.iter() {
        output.byte(opcode::FUNCTION);
        output.text(source);
    }
}

/// The payload of FUNCTION DUMP.
pub fn dump(libraries: &Libraries, format: Format, compresses: bool) -> Vec<u8> {
    let mut output = Output::new(format, compresses);
    write(libraries, &mut output);
    seal(output.bytes, format)
}

/// The sources in a payload of FUNCTION DUMP.
pub fn restore(payload: &[u8]) -> std::result::Result<Vec<Vec<u8>>, Problem> {
    dump::judge(payload).ok_or(Problem::NotOurs)?;
    let body = dump::body(payload);
    let mut input = Input::with_buffer(body, false, body.len());
    let mut sources = Vec::new();
    while let Some(found) = peek(&mut input) {
        match found {
            opcode::FUNCTION => {}
            opcode::FUNCTION_PREVIEW => return Err(Problem::Preview),
            _ => return Err(Problem::OtherType),
        }
        let source = source(&mut input).map_err(|_| Problem::Damaged)?;
        sources.push(source);
    }
    Ok(sources)
}

fn peek(input: &mut Input<&[u8]>) -> Option<u8> {
    input.peek().ok().flatten()
}

fn source(input: &mut Input<&[u8]>) -> Result<Vec<u8>> {
    input.byte()?;
    input.owned_string()
}
