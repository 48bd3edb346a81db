//! HyperLogLog: how many different elements a set saw, from 12 KB or less.
//!
//!     HYLL | encoding 1 | 0 0 0 | cached cardinality 8, little endian | registers
//!
//! A string that Redis and Valkey read and write byte for byte alike. An element's hash
//! chooses one of 16,384 registers and a rank (one more than the zeros at the end of
//! the rest of the hash); a register holds the highest rank that it has seen.
//! Encoding 0 is dense: 6 bits a register. Encoding 1 is sparse: runs of registers
//! (`sparse`), until they take more bytes than `hll-sparse-max-bytes`. The highest bit
//! of the cached cardinality says that it is out of date.
//!
//! Clients may store any bytes as such a string: `check` refuses what cannot be one,
//! and whatever walks the runs says `Corrupt` where they do not fill the registers.

pub mod dense;
pub mod estimate;
pub mod hash;
pub mod self_test;
mod sparse;

/// How many registers there are.
pub const REGISTERS: usize = 16_384;
/// The rank that a hash without ones would have, and the highest that there is.
pub const RANK_MAX: u8 = 51;

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8] = b"HYLL";
/// Where the header says how registers are stored, and caches the cardinality.
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
/// In the last byte of the cached cardinality.
const OUTDATED: u8 = 0x80;

const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const DENSE_BYTES: usize = HEADER_BYTES + dense::BYTES;

/// One byte for each register.
pub type Registers = [u8; REGISTERS];

/// Why a string was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HyperLogLogError {
    /// It is none.
    Foreign,
    /// It begins like one, but its registers make no sense.
    Corrupt,
}

/// How the registers of a string are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Dense,
    Sparse,
}

impl Encoding {
    /// The name that PFDEBUG answers.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// The encoding of a string that looks like a HyperLogLog.
pub fn check(bytes: &[u8]) -> Result<Encoding, HyperLogLogError> {
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
        return Err(HyperLogLogError::Foreign);
    }
    match bytes[ENCODING_AT] {
        DENSE if bytes.len() == DENSE_BYTES => Ok(Encoding::Dense),
        SPARSE => Ok(Encoding::Sparse),
        _ => Err(HyperLogLogError::Foreign),
    }
}

/// One that saw nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = header(SPARSE, HEADER_BYTES);
    bytes.extend_from_slice(&sparse::EMPTY);
    bytes
}

/// A header of this encoding, whose cached cardinality is out of date, with zeros.
fn header(encoding: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = encoding;
    outdate(&mut bytes);
    bytes
}

/// Says that the cached cardinality is out of date.
pub fn outdate(bytes: &mut [u8]) {
    bytes[HEADER_BYTES - 1] |= OUTDATED;
}

/// The cached cardinality, unless it is out of date.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[CACHE_AT..HEADER_BYTES]);
    (number[7] & OUTDATED == 0).then(|| u64::from_le_bytes(number))
}

/// Caches the cardinality.
pub fn cache(bytes: &mut [u8], cardinality: u64) {
    bytes[CACHE_AT..HEADER_BYTES].copy_from_slice(&cardinality.to_le_bytes());
}

/// The estimated cardinality.
pub fn count(bytes: &[u8]) -> Result<u64, HyperLogLogError> {
    let mut histogram = estimate::Histogram::default();
    match check(bytes)? {
        Encoding::Dense => dense::each(&bytes[HEADER_BYTES..], |rank| histogram.add(rank, 1)),
        Encoding::Sparse => {
            sparse::each_run(&bytes[HEADER_BYTES..], |_, rank, len| {
                histogram.add(rank, len as u32);
            })?;
        }
    }
    Ok(histogram.cardinality())
}

/// Raises registers to those of a string.
pub fn merge(registers: &mut Registers, bytes: &[u8]) -> Result<(), HyperLogLogError> {
    match check(bytes)? {
        Encoding::Dense => {
            let mut own = registers.iter_mut();
            dense::each(&bytes[HEADER_BYTES..], |rank| {
                if let Some(own) = own.next() {
                    *own = rank.max(*own);
                }
            });
            Ok(())
        }
        Encoding::Sparse => sparse::each_run(&bytes[HEADER_BYTES..], |first, rank, len| {
            for own in &mut registers[first..first + len] {
                *own = rank.max(*own);
            }
        }),
    }
}

/// The estimated cardinality of registers.
pub fn count_registers(registers: &Registers) -> u64 {
    let mut histogram = estimate::Histogram::default();
    for rank in registers {
        histogram.add(*rank, 1);
    }
    histogram.cardinality()
}

/// Raises a register to `rank`. True: it was lower. `sparse_bytes_max` says when a
/// string becomes dense.
pub fn raise(
    bytes: &mut Vec<u8>,
    register: usize,
    rank: u8,
    sparse_bytes_max: usize,
) -> Result<bool, HyperLogLogError> {
    let has_risen = match check(bytes)? {
        Encoding::Dense => dense::raise(&mut bytes[HEADER_BYTES..], register, rank),
        Encoding::Sparse => match sparse::raise(bytes, register, rank, sparse_bytes_max)? {
            sparse::Raised::No => false,
            sparse::Raised::Yes => true,
            sparse::Raised::TooBig => {
                *bytes = to_dense(bytes)?;
                dense::raise(&mut bytes[HEADER_BYTES..], register, rank)
            }
        },
    };
    if has_risen {
        outdate(bytes);
    }
    Ok(has_risen)
}

/// Raises the register of a dense string in place. True: it was lower.
pub fn raise_dense(bytes: &mut [u8], register: usize, rank: u8) -> bool {
    dense::raise(&mut bytes[HEADER_BYTES..], register, rank)
}

/// Whether adding would raise a register.
pub fn would_rise(bytes: &[u8], register: usize, rank: u8) -> Result<bool, HyperLogLogError> {
    let there = match check(bytes)? {
        Encoding::Dense => dense::get(&bytes[HEADER_BYTES..], register),
        Encoding::Sparse => sparse::get(&bytes[HEADER_BYTES..], register)?,
    };
    Ok(there < rank)
}

/// The dense form of a string; its cached cardinality stays.
pub fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, HyperLogLogError> {
    if check(bytes)? == Encoding::Dense {
        return Ok(bytes.to_vec());
    }
    let mut made = header(DENSE, DENSE_BYTES);
    made[ENCODING_AT + 1..HEADER_BYTES].copy_from_slice(&bytes[ENCODING_AT + 1..HEADER_BYTES]);
    let registers = &mut made[HEADER_BYTES..];
    sparse::each_run(&bytes[HEADER_BYTES..], |first, rank, len| {
        if rank > 0 {
            for register in first..first + len {
                dense::raise(registers, register, rank);
            }
        }
    })?;
    Ok(made)
}

/// PFDEBUG DECODE: the runs of a sparse string, of which not all need make sense.
pub fn describe_runs(bytes: &[u8]) -> String {
    sparse::describe(&bytes[HEADER_BYTES..])
}

#[cfg(test)]
mod tests;
