//! PFSELFTEST: registers keep what they get, encodings agree, estimates are close.

use super::{Encoding, raise, to_dense};
use super::{REGISTERS, Registers, check, count, count_registers, dense, empty, hash, merge};

/// How far estimates may be off, in standard errors of the method (1.04 / √16384).
const STANDARD_ERROR: f64 = 1.04 / 128.0;
const ERRORS_MAX: f64 = 4.0;
const ELEMENTS: u64 = 200_000;

/// Runs all tests; an error says what was wrong.
pub fn run() -> Result<(), String> {
    registers_keep_ranks()?;
    estimates_are_close()
}

fn registers_keep_ranks() -> Result<(), String> {
    let mut random = fastrand::Rng::new();
    let mut bytes = vec![0; dense::BYTES];
    let expected: Vec<u8> = (0..REGISTERS).map(|_| random.u8(0..64)).collect();
    for (register, rank) in expected.iter().enumerate() {
        dense::raise(&mut bytes, register, *rank);
    }
    let is = |register: &usize| dense::get(&bytes, *register) == expected[*register];
    match (0..REGISTERS).find(|register| !is(register)) {
        None => Ok(()),
        Some(register) => Err(format!(
            "register {register} should be {} but is {}",
            expected[register],
            dense::get(&bytes, register)
        )),
    }
}

fn estimates_are_close() -> Result<(), String> {
    let seed = fastrand::u64(..);
    let mut bytes = empty();
    let mut checked_at = 1;
    for number in 0..ELEMENTS {
        let element = (seed ^ number).to_le_bytes();
        let (register, rank) = hash::place(&element);
        let raised = raise(&mut bytes, register, rank, 3000);
        raised.map_err(|error| format!("element {number}: {error:?}"))?;
        if number + 1 == checked_at {
            check_estimate(&bytes, checked_at)?;
            checked_at *= 10;
        }
    }
    check_estimate(&bytes, ELEMENTS)
}

fn check_estimate(bytes: &[u8], elements: u64) -> Result<(), String> {
    let problem = |what: &str| format!("{what} with {elements} elements");
    let unreadable = |_| problem("unreadable");
    let estimate = count(bytes).map_err(unreadable)?;
    let mut registers: Box<Registers> = Box::new([0; REGISTERS]);
    merge(&mut registers, bytes).map_err(unreadable)?;
    let as_dense = to_dense(bytes).map_err(unreadable)?;
    if check(&as_dense) != Ok(Encoding::Dense) || count(&as_dense) != Ok(estimate) {
        return Err(problem("dense and sparse disagree"));
    }
    if count_registers(&registers) != estimate {
        return Err(problem("the union of one differs from it"));
    }
    // Few elements are told apart almost always; two of ten may meet in a register.
    let allowed = (ERRORS_MAX * STANDARD_ERROR * elements as f64).max(2.0);
    if estimate.abs_diff(elements) as f64 > allowed {
        return Err(problem(&format!("too high an error: {estimate}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_passes() {
        assert_eq!(super::run(), Ok(()));
    }
}
