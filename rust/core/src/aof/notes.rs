//! What Redis 7.0 cannot execute, in comment lines: it passes them over, we do not.
//!
//!     #RB:HPEXPIREAT "k" "1" "FIELDS" "1" "f"     executed here, nothing elsewhere
//!     #RB!HSETEX "k" …                            executed here, in the place of the
//!     *4 $4 HSET $1 k …                           command behind it
//!     #RB+HPEXPIREAT "k" …                        goes on in the next line
//!
//! Deadlines of fields and members are written so: other servers keep the values.

use crate::text::quote;

/// Redis reads lines of 1023 bytes, the end included; what is longer it takes for a
/// broken command.
const CHUNK_BYTES: usize = 960;
const MARK: &[u8] = b"#RB";

/// How a note goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In the next line.
    More,
    /// The command is whole.
    Alone,
    /// It is whole and takes the place of the next one.
    Instead,
}

/// Writes a command, in a note if other servers do not know it; true: it is written.
/// `knows_fields`: those that read the file know deadlines of fields.
pub fn write(arguments: &[&[u8]], knows_fields: bool, into: &mut Vec<u8>) -> bool {
    let Some(name) = arguments.first().filter(|name| may_be_noted(name)) else {
        return false;
    };
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    let is_of_members = [
        b"SPEXPIREAT".as_slice(),
        b"SPERSIST",
        b"ZPEXPIREAT",
        b"ZPERSIST",
    ]
    .into_iter()
    .any(is);
    let is_of_fields = !knows_fields && (is(b"HPEXPIREAT") || is(b"HPERSIST"));
    if is_of_members || is_of_fields {
        write_note(arguments, b':', into);
        return true;
    }
    if knows_fields || !is(b"HSETEX") {
        return false;
    }
    let is_fields = |word: &&[u8]| word.eq_ignore_ascii_case(b"FIELDS");
    // Behind the key at most `PXAT at`; and `FIELDS n` itself.
    let fields = arguments.iter().take(5).skip(2).position(is_fields);
    let Some(pairs) = fields.and_then(|at| arguments.get(2 + at + 2..)) else {
        return false;
    };
    write_note(arguments, b'!', into);
    let plain: Vec<&[u8]> = [b"HSET".as_slice(), arguments[1]]
        .into_iter()
        .chain(pairs.iter().copied())
        .collect();
    write_command(&plain, into);
    true
}

fn may_be_noted(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'H' | b'h' | b'S' | b's' | b'Z' | b'z'))
        && name.len() >= b"HSETEX".len()
}

/// Writes a command in RESP.
pub fn write_command(arguments: &[&[u8]], into: &mut Vec<u8>) {
    write_length(b'*', arguments.len(), into);
    for argument in arguments {
        write_length(b'$', argument.len(), into);
        into.extend_from_slice(argument);
        into.extend_from_slice(b"\r\n");
    }
}

#[inline]
fn write_length(sign: u8, length: usize, into: &mut Vec<u8>) {
    into.push(sign);
    into.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    into.extend_from_slice(b"\r\n");
}

fn write_note(arguments: &[&[u8]], end: u8, into: &mut Vec<u8>) {
    let mut text = arguments[0].to_vec();
    for argument in &arguments[1..] {
        text.push(b' ');
        quote::quote(argument, &mut text);
    }
    let mut chunks = text.chunks(CHUNK_BYTES).peekable();
    while let Some(chunk) = chunks.next() {
        into.extend_from_slice(MARK);
        into.push(if chunks.peek().is_some() { b'+' } else { end });
        into.extend_from_slice(chunk);
        into.extend_from_slice(b"\r\n");
    }
}

/// A line of a note, without its end; None: another comment.
pub fn read(line: &[u8]) -> Option<(Kind, &[u8])> {
    let (kind, chunk) = line.strip_prefix(MARK)?.split_first()?;
    let kind = match kind {
        b'+' => Kind::More,
        b':' => Kind::Alone,
        b'!' => Kind::Instead,
        _ => return None,
    };
    Some((kind, chunk))
}

/// The command that the chunks of a note say; None if they say none.
pub fn command(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    quote::split_arguments(text).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(words: &[&[u8]], knows_fields: bool) -> Option<String> {
        let mut bytes = Vec::new();
        write(words, knows_fields, &mut bytes).then(|| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn deadlines_become_notes_unless_the_readers_know_them() {
        let fields: &[&[u8]] = &[b"HPEXPIREAT", b"k", b"5", b"FIELDS", b"1", b"f\n"];
        let note = "#RB:HPEXPIREAT \"k\" \"5\" \"FIELDS\" \"1\" \"f\\n\"\r\n";
        assert_eq!(written(fields, false).as_deref(), Some(note));
        assert_eq!(written(fields, true), None);
        let members: &[&[u8]] = &[b"spersist", b"k", b"MEMBERS", b"1", b"m"];
        assert!(written(members, true).is_some());
        let scored: &[&[u8]] = &[b"ZPEXPIREAT", b"k", b"5", b"MEMBERS", b"1", b"m"];
        assert!(written(scored, true).is_some());
        for other in [
            &[b"HSET".as_slice(), b"k", b"f", b"v"][..],
            &[b"SADD".as_slice(), b"k", b"m"],
        ] {
            assert_eq!(written(other, false), None);
        }
    }

    #[test]
    fn values_are_written_for_the_others_too() {
        for head in [
            &[b"PXAT".as_slice(), b"9"][..],
            &[b"KEEPTTL".as_slice()],
            &[],
        ] {
            let mut words: Vec<&[u8]> = vec![b"HSETEX", b"k"];
            words.extend(head);
            words.extend([b"fields".as_slice(), b"1", b"f", b"v"]);
            let text = written(&words, false).unwrap();
            let (note, plain) = text.split_once("\r\n").unwrap();
            assert!(note.starts_with("#RB!HSETEX"));
            assert_eq!(
                plain,
                "*4\r\n$4\r\nHSET\r\n$1\r\nk\r\n$1\r\nf\r\n$1\r\nv\r\n"
            );
        }
    }

    #[test]
    fn long_notes_go_over_several_lines_and_come_back() {
        let long = vec![b'\n'; 5000];
        let words: &[&[u8]] = &[b"SPEXPIREAT", &long, b"5", b"MEMBERS", b"1", b""];
        let text = written(words, false).unwrap();
        let mut gathered = Vec::new();
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        for (at, line) in lines.iter().enumerate() {
            assert!(line.len() + 2 < 1023);
            let (kind, chunk) = read(line.as_bytes()).unwrap();
            gathered.extend_from_slice(chunk);
            let is_last = at + 1 == lines.len();
            assert_eq!(kind, if is_last { Kind::Alone } else { Kind::More });
        }
        assert_eq!(command(&gathered).unwrap(), words);
    }
}
