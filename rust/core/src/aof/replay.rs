//! Reads the commands of an increment.
//!
//!     *2\r\n $3\r\n GET\r\n $1\r\n k\r\n     a command
//!     #TS:1700000000\r\n                     when what follows happened; passed over
//!     #RB:HPERSIST …\r\n                      a command that only we know: see `notes`
//!
//! A file may end in the middle of a command, or of a transaction: the machine went down
//! while it was written. That is told from bytes that are wrong, which are refused. No
//! length is believed before its bytes are there.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::notes::{self, Kind};

/// Longest line that can be right.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Most arguments of a command, and the longest of them.
const ARGUMENTS_MAX: i64 = 1 << 30;
const ARGUMENT_BYTES_MAX: i64 = 4 << 30;
/// No more than this is allocated before the bytes are there.
const ROOM_BYTES_MAX: usize = 1 << 20;

/// Why reading ended before the end.
#[derive(Debug)]
pub enum Problem {
    /// The file ends in the middle; all up to `whole` is whole.
    Truncated {
        whole: u64,
    },
    /// The bytes at `offset` cannot be a command.
    Corrupt {
        offset: u64,
        reason: &'static str,
    },
    /// The command that begins at `offset` cannot be executed.
    Refused {
        offset: u64,
        reason: String,
    },
    Io(io::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Truncated { whole } => {
                write!(
                    formatter,
                    "the file ends in the middle of a command; it is whole up to byte {whole}"
                )
            }
            Problem::Corrupt { offset, reason } => write!(formatter, "at byte {offset}: {reason}"),
            Problem::Refused { offset, reason } => {
                write!(formatter, "the command at byte {offset} failed: {reason}")
            }
            Problem::Io(error) => write!(formatter, "{error}"),
        }
    }
}

/// Reads commands one by one.
pub struct Commands<R> {
    input: R,
    offset: u64,
}

enum Stop {
    End,
    Problem(Problem),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Stop::End,
            _ => Stop::Problem(Problem::Io(error)),
        }
    }
}

impl<R: BufRead> Commands<R> {
    /// `offset` is where `input` stands in its file.
    pub fn new(input: R, offset: u64) -> Commands<R> {
        Commands { input, offset }
    }

    /// Where the next command begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn corrupt<T>(&self, reason: &'static str) -> Result<T, Stop> {
        let offset = self.offset;
        Err(Stop::Problem(Problem::Corrupt { offset, reason }))
    }

    /// A line without its end.
    fn line(&mut self) -> Result<Vec<u8>, Stop> {
        let mut line = Vec::new();
        let count = (&mut self.input)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            if count as u64 == LINE_BYTES_MAX {
                return self.corrupt("a line without an end");
            }
            return Err(Stop::End);
        }
        self.offset += count as u64;
        line.pop();
        if line.pop() != Some(b'\r') {
            return self.corrupt("a line that does not end in \\r\\n");
        }
        Ok(line)
    }

    fn length(&mut self, mark: u8, most: i64) -> Result<usize, Stop> {
        let line = self.line()?;
        let number = match line.split_first() {
            Some((first, digits)) if *first == mark => crate::text::integer::parse(digits),
            _ => return self.corrupt("neither a command nor a part of one"),
        };
        match number {
            Some(length @ 0..) if length <= most => Ok(length as usize),
            _ => self.corrupt("a length that cannot be"),
        }
    }

    fn argument(&mut self) -> Result<Vec<u8>, Stop> {
        let length = self.length(b'$', ARGUMENT_BYTES_MAX)?;
        let mut bytes = Vec::with_capacity(length.min(ROOM_BYTES_MAX));
        let got = (&mut self.input)
            .take(length as u64)
            .read_to_end(&mut bytes)?;
        if got < length {
            return Err(Stop::End);
        }
        self.offset += length as u64;
        let mut end = [0; 2];
        self.input.read_exact(&mut end)?;
        if &end != b"\r\n" {
            return self.corrupt("an argument longer than its length");
        }
        self.offset += 2;
        Ok(bytes)
    }

    /// The next command; None if only comments are left.
    fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        let mut note = Vec::new();
        loop {
            match self.input.fill_buf()?.first().copied() {
                Some(b'#') => {}
                None if note.is_empty() => return Ok(None),
                _ if note.is_empty() => return self.command().map(Some),
                None => return Err(Stop::End),
                Some(_) => return self.corrupt("a note that does not end"),
            }
            let line = self.line()?;
            let Some((kind, chunk)) = notes::read(&line) else {
                continue;
            };
            note.extend_from_slice(chunk);
            if kind == Kind::More {
                continue;
            }
            let Some(command) = notes::command(&note) else {
                return self.corrupt("a note that is no command");
            };
            if kind == Kind::Instead {
                self.command()?;
            }
            return Ok(Some(command));
        }
    }

    fn command(&mut self) -> Result<Vec<Vec<u8>>, Stop> {
        let count = self.length(b'*', ARGUMENTS_MAX)?;
        if count == 0 {
            return self.corrupt("a command without a name");
        }
        let mut arguments = Vec::new();
        for _ in 0..count {
            arguments.push(self.argument()?);
        }
        Ok(arguments)
    }

    /// Calls `execute` with each command; it answers why one cannot be executed.
    ///
    /// Returns how many there were.
    pub fn replay(
        &mut self,
        mut execute: impl FnMut(&[Vec<u8>]) -> Result<(), String>,
    ) -> Result<u64, Problem> {
        let mut commands = 0;
        // Where the last command or whole transaction ended.
        let (mut whole, mut is_open) = (self.offset, false);
        loop {
            let begin = self.offset;
            match self.input.fill_buf() {
                Ok([]) if is_open => return Err(Problem::Truncated { whole }),
                Ok([]) => return Ok(commands),
                Ok(_) => {}
                Err(error) => return Err(Problem::Io(error)),
            }
            let arguments = match self.next() {
                Ok(Some(arguments)) => arguments,
                Ok(None) if is_open => return Err(Problem::Truncated { whole }),
                Ok(None) => return Ok(commands),
                Err(Stop::End) => return Err(Problem::Truncated { whole }),
                Err(Stop::Problem(problem)) => return Err(problem),
            };
            is_open = match &arguments[0][..] {
                name if name.eq_ignore_ascii_case(b"multi") => true,
                name if name.eq_ignore_ascii_case(b"exec") => false,
                _ => is_open,
            };
            execute(&arguments).map_err(|reason| Problem::Refused {
                offset: begin,
                reason,
            })?;
            commands += 1;
            if !is_open {
                whole = self.offset;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(bytes: &[u8]) -> (Vec<String>, Result<u64, Problem>) {
        let mut seen = Vec::new();
        let result = Commands::new(bytes, 0).replay(|arguments| {
            let words = arguments.iter().map(|word| String::from_utf8_lossy(word));
            seen.push(words.collect::<Vec<_>>().join(" "));
            Ok(())
        });
        (seen, result)
    }

    #[test]
    fn commands_and_notes_are_read() {
        let (seen, result) =
            replayed(b"*1\r\n$4\r\nPING\r\n#TS:1\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        assert_eq!(seen, ["PING", "GET k"]);
        assert_eq!(result.unwrap(), 2);
    }

    #[test]
    fn notes_are_executed_in_the_place_of_what_others_execute() {
        let file = b"#RB:HPERSIST \"k\"\r\n#RB+HSE\r\n#RB!TEX \"a b\"\r\n*1\r\n$4\r\nHSET\r\n\
            *1\r\n$4\r\nPING\r\n#TS:2\r\n";
        let (seen, result) = replayed(file);
        assert_eq!(seen, ["HPERSIST k", "HSETEX a b", "PING"]);
        assert_eq!(result.unwrap(), 3);
        // Cut in or behind a note that is not whole, it ends before that.
        for (end, whole) in [(30, 18), (50, 18), (60, 56)] {
            match replayed(&file[..end]).1 {
                Err(Problem::Truncated { whole: got }) => assert_eq!(got, whole, "{end}"),
                other => panic!("{end}: {other:?}"),
            }
        }
        for wrong in [
            &b"#RB:\r\n"[..],
            b"#RB:\"open\r\n",
            b"#RB+PING\r\n*1\r\n$4\r\nPING\r\n",
        ] {
            assert!(matches!(replayed(wrong).1, Err(Problem::Corrupt { .. })));
        }
    }

    #[test]
    fn every_cut_is_a_truncation_and_leaves_whole_transactions() {
        let first = b"*1\r\n$4\r\nPING\r\n";
        let unit = b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nEXEC\r\n";
        let all = [&first[..], &unit[..]].concat();
        for cut in 1..all.len() {
            let expected = if cut < first.len() {
                0
            } else {
                first.len() as u64
            };
            match replayed(&all[..cut]).1 {
                Ok(_) => assert_eq!(cut, first.len()),
                Err(Problem::Truncated { whole }) => assert_eq!(whole, expected, "cut at {cut}"),
                Err(other) => panic!("cut at {cut}: {other}"),
            }
        }
        assert_eq!(replayed(&all).1.unwrap(), 4);
    }

    #[test]
    fn wrong_bytes_are_refused_with_their_place() {
        for bytes in [
            &b"GET k\r\n"[..],
            b"*0\r\n",
            b"*-1\r\n",
            b"*1\r\n$-1\r\n",
            b"*1\r\n$2\r\nPING\r\n",
            b"*99999999999\r\n",
            b"*1\n$4\nPING\n",
        ] {
            let result = replayed(bytes).1;
            assert!(matches!(result, Err(Problem::Corrupt { .. })), "{bytes:?}");
        }
    }
}
