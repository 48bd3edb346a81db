//! Bitmaps out of bitmaps: BITOP.
//!
//! The result is as long as the longest source; the others go on with zeros. It is made
//! in blocks that stay in the processor's first cache while all sources pass over them.
//!
//! Cost: O(bytes of all sources).

/// What is done with the bits that stand above each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// All are 1.
    And,
    /// Any is 1.
    Or,
    /// An odd number of them is 1.
    Xor,
    /// The only source's is 0.
    Not,
    /// The first is 1 and none of the others.
    Diff,
    /// The first is 0 and any of the others is 1.
    Diff1,
    /// The first is 1 and any of the others.
    AndOr,
    /// Exactly one is 1.
    One,
}

const BLOCK_BYTES: usize = 4096;

/// Combines the sources, of which there must be one at least (two for those operations
/// that speak of others).
pub fn combine(operation: Operation, sources: &[&[u8]]) -> Vec<u8> {
    let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = vec![0; len];
    for (number, block) in result.chunks_mut(BLOCK_BYTES).enumerate() {
        let start = number * BLOCK_BYTES;
        let end = start + block.len();
        let mut parts = sources
            .iter()
            .map(|source| &source[start.min(source.len())..end.min(source.len())]);
        match operation {
            Operation::And => {
                block.fill(0xff);
                for part in parts {
                    apply(block, part, |own, other| own & other);
                    block[part.len()..].fill(0);
                }
            }
            Operation::Or => parts.for_each(|part| or(block, part)),
            Operation::Xor => {
                parts.for_each(|part| apply(block, part, |own, other| own ^ other));
            }
            Operation::Not => {
                parts.for_each(|part| or(block, part));
                block.iter_mut().for_each(|byte| *byte = !*byte);
            }
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                let first = parts.next().unwrap_or(&[]);
                parts.for_each(|part| or(block, part));
                match operation {
                    Operation::Diff => apply(block, first, |others, first| first & !others),
                    Operation::Diff1 => apply(block, first, |others, first| others & !first),
                    _ => apply(block, first, |others, first| others & first),
                }
                if operation != Operation::Diff1 {
                    block[first.len()..].fill(0);
                }
            }
            Operation::One => {
                let mut twice = [0; BLOCK_BYTES];
                for part in parts {
                    for ((own, twice), other) in block.iter_mut().zip(&mut twice).zip(part) {
                        *twice |= *own & other;
                        *own |= other;
                    }
                }
                apply(block, &twice[..block.len()], |own, twice| own & !twice);
            }
        }
    }
    result
}

fn or(block: &mut [u8], part: &[u8]) {
    apply(block, part, |own, other| own | other);
}

#[inline]
fn apply(block: &mut [u8], part: &[u8], operate: impl Fn(u8, u8) -> u8) {
    for (own, other) in block.iter_mut().zip(part) {
        *own = operate(*own, *other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn obvious(operation: Operation, bits: &[bool]) -> bool {
        let (first, others) = (bits[0], &bits[1..]);
        let any = others.contains(&true);
        match operation {
            Operation::And => !bits.contains(&false),
            Operation::Or => bits.contains(&true),
            Operation::Xor => bits.iter().filter(|bit| **bit).count() % 2 == 1,
            Operation::Not => !first,
            Operation::Diff => first && !any,
            Operation::Diff1 => !first && any,
            Operation::AndOr => first && any,
            Operation::One => bits.iter().filter(|bit| **bit).count() == 1,
        }
    }

    fn operations() -> impl Strategy<Value = Operation> {
        use Operation::*;
        prop::sample::select(vec![And, Or, Xor, Not, Diff, Diff1, AndOr, One])
    }

    /// Shorter and longer than a block.
    fn source() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..40_usize, 4080..4110_usize, 8180..8210_usize];
        (length, any::<u64>()).prop_map(|(length, seed)| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..length).map(|_| random.u8(..)).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_bit_is_what_the_operation_says(
            operation in operations(),
            sources in prop::collection::vec(source(), 1..5),
        ) {
            let count = if operation == Operation::Not { 1 } else { sources.len() };
            let sources: Vec<&[u8]> = sources[..count].iter().map(Vec::as_slice).collect();
            let result = combine(operation, &sources);
            let longest = sources.iter().map(|source| source.len()).max();
            prop_assert_eq!(result.len(), longest.unwrap());
            for offset in 0..super::super::len(&result) {
                let bits: Vec<bool> = sources
                    .iter()
                    .map(|source| super::super::get(source, offset))
                    .collect();
                let expected = obvious(operation, &bits);
                prop_assert_eq!(super::super::get(&result, offset), expected, "bit {}", offset);
            }
        }
    }
}
