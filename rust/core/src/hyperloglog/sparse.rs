//! Registers as runs of equal ranks.
//!
//!     00xxxxxx            1 to 64 registers of rank 0
//!     01xxxxxx yyyyyyyy   1 to 16,384 registers of rank 0
//!     1vvvvvxx            1 to 4 registers of rank v (1 to 32)
//!
//! Lengths and ranks are stored less one. A run that a rank falls into is split; then
//! runs of the same rank that now touch are joined, near that place only and as far as
//! four registers go. Both are done as real servers do them, since clients can read
//! (and copy to another server) the bytes.
//!
//! Cost: O(runs) for all.

use super::{HEADER_BYTES, HyperLogLogError, REGISTERS};

/// The runs of registers that saw nothing.
pub const EMPTY: [u8; 2] = [0x7f, 0xff];

/// The highest rank that a run can say.
const RANK_MAX: u8 = 32;
/// The longest runs of each kind.
const ZEROS_MAX: usize = 64;
const RANKS_MAX: usize = 4;
/// How many runs are looked at for joining.
const JOINED_RUNS: usize = 5;

/// What `raise` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    No,
    Yes,
    /// Nothing: the rank cannot be said, or there would be too many bytes.
    TooBig,
}

/// One run: rank, registers and the bytes that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    rank: u8,
    len: usize,
    bytes: usize,
}

impl Run {
    /// The run at the beginning of `bytes`; None where they end.
    fn read(bytes: &[u8]) -> Option<Run> {
        let first = *bytes.first()?;
        Some(match first >> 6 {
            0 => Run {
                rank: 0,
                len: usize::from(first) + 1,
                bytes: 1,
            },
            1 => Run {
                rank: 0,
                len: usize::from(first & 0x3f) << 8 | usize::from(*bytes.get(1)?),
                bytes: 2,
            }
            .longer_by_one(),
            _ => Run {
                rank: (first >> 2 & 0x1f) + 1,
                len: usize::from(first & 3) + 1,
                bytes: 1,
            },
        })
    }

    fn longer_by_one(self) -> Run {
        Run {
            len: self.len + 1,
            ..self
        }
    }

    /// Appends a run to `target`, which is not there if `len` is 0.
    fn write(rank: u8, len: usize, target: &mut Vec<u8>) {
        match (rank, len) {
            (_, 0) => {}
            (0, 1..=ZEROS_MAX) => target.push(len as u8 - 1),
            (0, _) => target.extend_from_slice(&[0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]),
            (rank, len) => target.push(0x80 | (rank - 1) << 2 | (len as u8 - 1)),
        }
    }
}

/// Visits the runs as (first register, rank, registers); they must fill all exactly.
pub fn each_run(
    bytes: &[u8],
    mut visit: impl FnMut(usize, u8, usize),
) -> Result<(), HyperLogLogError> {
    let (mut at, mut first) = (0, 0);
    while at < bytes.len() {
        let run = Run::read(&bytes[at..]).ok_or(HyperLogLogError::Corrupt)?;
        if first + run.len > REGISTERS {
            return Err(HyperLogLogError::Corrupt);
        }
        visit(first, run.rank, run.len);
        at += run.bytes;
        first += run.len;
    }
    if first == REGISTERS {
        Ok(())
    } else {
        Err(HyperLogLogError::Corrupt)
    }
}

/// The run that holds a register.
struct Found {
    run: Run,
    /// Where its bytes begin, and those of the run before (or its own).
    at: usize,
    before: usize,
    /// Its first register.
    first: usize,
}

fn find(bytes: &[u8], register: usize) -> Result<Found, HyperLogLogError> {
    let (mut at, mut before, mut first) = (0, 0, 0);
    loop {
        let run = bytes.get(at..).and_then(Run::read);
        let run = run.ok_or(HyperLogLogError::Corrupt)?;
        if register < first + run.len {
            return Ok(Found {
                run,
                at,
                before,
                first,
            });
        }
        before = at;
        at += run.bytes;
        first += run.len;
    }
}

/// The rank in a register.
pub fn get(bytes: &[u8], register: usize) -> Result<u8, HyperLogLogError> {
    Ok(find(bytes, register)?.run.rank)
}

/// Raises a register of a whole string (header and runs) to `rank`.
pub fn raise(
    string: &mut Vec<u8>,
    register: usize,
    rank: u8,
    bytes_max: usize,
) -> Result<Raised, HyperLogLogError> {
    if rank > RANK_MAX {
        return Ok(Raised::TooBig);
    }
    let found = find(&string[HEADER_BYTES..], register)?;
    let run = found.run;
    if run.rank >= rank {
        return Ok(Raised::No);
    }
    let mut parts = Vec::with_capacity(5);
    Run::write(run.rank, register - found.first, &mut parts);
    Run::write(rank, 1, &mut parts);
    Run::write(run.rank, found.first + run.len - 1 - register, &mut parts);
    let grown_to = string.len() + parts.len() - run.bytes;
    if grown_to > string.len() && grown_to > bytes_max {
        return Ok(Raised::TooBig);
    }
    let at = HEADER_BYTES + found.at;
    string.splice(at..at + run.bytes, parts);
    join(string, HEADER_BYTES + found.before);
    Ok(Raised::Yes)
}

/// Joins runs of the same rank that touch, in the first few from `at` on.
fn join(string: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_RUNS {
        let Some(run) = Run::read(&string[at..]) else {
            return;
        };
        let next = Run::read(&string[at + run.bytes..]);
        match next.filter(|next| run.rank > 0 && next.rank == run.rank) {
            Some(next) if run.len + next.len <= RANKS_MAX => {
                string.remove(at);
                string[at] = 0x80 | (run.rank - 1) << 2 | (run.len + next.len - 1) as u8;
            }
            _ => at += run.bytes,
        }
    }
}

/// The runs as text: `z` few zeros, `Z` many, `v` ranks.
pub fn describe(bytes: &[u8]) -> String {
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(run) = bytes.get(at..).and_then(Run::read) {
        runs.push(match (run.rank, run.bytes) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (rank, _) => format!("v:{rank},{}", run.len),
        });
        at += run.bytes;
    }
    runs.join(" ")
}
