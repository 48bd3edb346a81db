//! From a request to the command that it names, or the error that says it names none.

use super::error::Failure;
use super::spec::{CommandId, CommandTable};
use crate::service::Request;

/// Finds the command that a request names.
pub fn look_up(commands: &CommandTable, request: Request<'_>) -> Result<CommandId, Failure> {
    let Some(id) = commands.find(request.get(0)) else {
        return Err(unknown_command(request));
    };
    let spec = &commands.specs[id];
    if !spec.subcommands.is_empty() && request.len() > 1 {
        if let Some(subcommand) = commands.find_subcommand(id, request.get(1)) {
            return Ok(subcommand);
        }
        let mut text = b"ERR unknown subcommand '".to_vec();
        text.extend_from_slice(shown_part(request.get(1), SHOWN_BYTES_MAX));
        text.extend_from_slice(b"'. Try ");
        text.extend_from_slice(spec.name.to_uppercase().as_bytes());
        text.extend_from_slice(b" HELP.");
        return Err(Failure::Text(text));
    }
    Ok(id)
}

/// True for what only a web browser says that was led here by a hostile page: it must
/// not get as far as the body of its request, which may hold commands.
pub(super) fn speaks_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// An error shows no more of a client's bytes.
const SHOWN_BYTES_MAX: usize = 128;

/// What an error shows of a client's bytes: a NUL ends them.
fn shown_part(bytes: &[u8], bytes_max: usize) -> &[u8] {
    let cut = &bytes[..bytes.len().min(bytes_max)];
    &cut[..memchr::memchr(0, cut).unwrap_or(cut.len())]
}

fn unknown_command(request: Request<'_>) -> Failure {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(shown_part(request.get(0), SHOWN_BYTES_MAX));
    text.extend_from_slice(b"', with args beginning with: ");
    let mut shown = 0;
    for argument in request.iter().skip(1) {
        if shown >= SHOWN_BYTES_MAX {
            break;
        }
        let part = shown_part(argument, SHOWN_BYTES_MAX - shown);
        text.push(b'\'');
        text.extend_from_slice(part);
        text.extend_from_slice(b"' ");
        shown += part.len() + 3;
    }
    Failure::Text(text)
}
