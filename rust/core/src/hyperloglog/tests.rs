//! Facts about HyperLogLogs, the bytes of real servers among them.

use super::hash::place;
use super::*;
use proptest::prelude::*;

/// What `PFADD` makes of these elements.
fn made_of<'a>(elements: impl IntoIterator<Item = &'a [u8]>, sparse_max: usize) -> Vec<u8> {
    let mut bytes = empty();
    for element in elements {
        let (register, rank) = place(element);
        raise(&mut bytes, register, rank, sparse_max).unwrap();
    }
    bytes
}

fn registers_of(bytes: &[u8]) -> Box<Registers> {
    let mut registers = Box::new([0; REGISTERS]);
    merge(&mut registers, bytes).unwrap();
    registers
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("element:{number}").into_bytes())
        .collect()
}

#[test]
fn the_bytes_are_those_of_real_servers() {
    assert_eq!(empty(), b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff");
    let letters = made_of([&b"a"[..], b"b", b"c"], 3000);
    assert_eq!(
        letters,
        b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"
    );
    let runs = "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603";
    assert_eq!(describe_runs(&letters), runs);
    assert_eq!(count(&letters), Ok(3));
}

#[test]
fn a_cached_cardinality_lasts_until_a_register_rises() {
    let mut bytes = made_of([&b"a"[..]], 3000);
    assert_eq!(cached(&bytes), None);
    cache(&mut bytes, 1);
    let (register, rank) = place(b"a");
    assert_eq!(raise(&mut bytes, register, rank, 3000), Ok(false));
    assert_eq!(cached(&bytes), Some(1));
    assert_eq!(raise(&mut bytes, register, rank + 1, 3000), Ok(true));
    assert_eq!(cached(&bytes), None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let foreign: [&[u8]; 6] = [
        b"",
        b"foo",
        b"HYLL",
        b"HYLK\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
        b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
        // Dense ones have one length only.
        b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
    ];
    for bytes in foreign {
        assert_eq!(count(bytes), Err(HyperLogLogError::Foreign), "{bytes:?}");
    }
    for runs in [&b""[..], b"\x7f", b"\x60\0", b"\x7f\xff\0", b"\x7f\xfe\x83"] {
        let mut bytes = header(SPARSE, HEADER_BYTES);
        bytes.extend_from_slice(runs);
        assert_eq!(count(&bytes), Err(HyperLogLogError::Corrupt), "{runs:?}");
        assert_eq!(to_dense(&bytes), Err(HyperLogLogError::Corrupt), "{runs:?}");
    }
    let mut bytes = header(SPARSE, HEADER_BYTES);
    let corrupt = Err(HyperLogLogError::Corrupt);
    assert_eq!(raise(&mut bytes, 0, 1, 3000), corrupt);
}

#[test]
fn a_rank_too_high_for_runs_makes_it_dense() {
    let mut bytes = made_of([&b"a"[..]], 3000);
    assert_eq!(raise(&mut bytes, 16_383, 32, 3000), Ok(true));
    assert_eq!(check(&bytes), Ok(Encoding::Sparse));
    assert_eq!(raise(&mut bytes, 16_383, 33, 3000), Ok(true));
    assert_eq!(check(&bytes), Ok(Encoding::Dense));
    assert_eq!(registers_of(&bytes)[16_383], 33);
}

#[test]
fn estimates_are_close() {
    let elements = numbered(100_000);
    let mut bytes = empty();
    for (number, element) in elements.iter().enumerate() {
        let (register, rank) = place(element);
        raise(&mut bytes, register, rank, 3000).unwrap();
        if [10, 100, 1000, 10_000, 100_000].contains(&(number + 1)) {
            let error = count(&bytes).unwrap() as f64 / (number + 1) as f64 - 1.0;
            assert!(error.abs() < 0.03, "{} of {}", error, number + 1);
        }
    }
    assert_eq!(
        count_registers(&registers_of(&bytes)),
        count(&bytes).unwrap()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_encodings_hold_the_highest_ranks(
        // Registers close together, so that runs are split and joined.
        raises in prop::collection::vec((0..40_usize, 1..40_u8, any::<bool>()), 0..200),
        sparse_max in prop_oneof![Just(0), 18..60_usize, Just(3000)],
    ) {
        let mut expected = [0; REGISTERS];
        let mut bytes = empty();
        for (register, rank, from_end) in raises {
            let register = if from_end { REGISTERS - 1 - register } else { register };
            let before = would_rise(&bytes, register, rank).unwrap();
            prop_assert_eq!(before, expected[register] < rank);
            prop_assert_eq!(raise(&mut bytes, register, rank, sparse_max), Ok(before));
            expected[register] = rank.max(expected[register]);
        }
        prop_assert!(registers_of(&bytes)[..] == expected[..]);
        let dense = to_dense(&bytes).unwrap();
        prop_assert!(registers_of(&dense)[..] == expected[..]);
        prop_assert_eq!(count(&dense), count(&bytes));
        if check(&bytes) == Ok(Encoding::Sparse) {
            prop_assert!(bytes.len() <= sparse_max.max(empty().len()));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        runs in prop::collection::vec(any::<u8>(), 0..40),
        encoding in 0..3_u8,
        register in 0..REGISTERS,
        rank in 1..52_u8,
    ) {
        let mut bytes = header(encoding, HEADER_BYTES);
        bytes.extend_from_slice(&runs);
        let _ = (count(&bytes), to_dense(&bytes), would_rise(&bytes, register, rank));
        let _ = describe_runs(&bytes);
        if raise(&mut bytes, register, rank, 3000) == Ok(true) {
            prop_assert_eq!(would_rise(&bytes, register, rank), Ok(false));
        }
    }

    #[test]
    fn hashes_do_not_depend_on_where_bytes_lie(text in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut shifted = vec![7];
        shifted.extend_from_slice(&text);
        prop_assert_eq!(hash::murmur64(&text, 1), hash::murmur64(&shifted[1..], 1));
        let (register, rank) = place(&text);
        prop_assert!(register < REGISTERS && (1..=RANK_MAX).contains(&rank));
    }
}
