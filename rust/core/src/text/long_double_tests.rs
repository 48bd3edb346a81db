//! What INCRBYFLOAT answers on real servers, and facts about the arithmetic.

use super::*;
use num_bigint::BigInt;
use proptest::prelude::*;

fn human(value: LongDouble) -> String {
    let mut text = Vec::new();
    value.format_human(&mut text);
    String::from_utf8(text).unwrap()
}

fn parsed(text: &str) -> LongDouble {
    LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text:?} is refused"))
}

/// SET to the first, INCRBYFLOAT by the second; Redis 7.0, 8.2 and Valkey 9.1 agree.
#[test]
fn adds_as_the_servers_do() {
    for (value, increment, reply) in [
        ("0.1", "0.2", "0.3"),
        ("10.5", "0.1", "10.6"),
        ("3.0e3", "200", "3200"),
        ("5.0e3", "2.0e2", "5200"),
        ("-0", "-0", "0"),
        ("0", "-1e-30", "0"),
        ("0", "-0.000000000000000005", "0"),
        ("0", "0.0000000000000000051", "0.00000000000000001"),
        ("0", "0.000000000000000015", "0.00000000000000002"),
        ("1e18", "0.05", "1000000000000000000.0625"),
        ("1e19", "0.5", "10000000000000000000"),
        ("1e20", "0.5", "100000000000000000000"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551615", "0.5", "18446744073709551616"),
        ("18446744073709551615", "0.51", "18446744073709551616"),
        ("0x10", "0x1p-1", "16.5"),
        ("0X1P5", "0x.8", "32.5"),
        ("+1", "+1", "2"),
        (".5", "5.", "5.5"),
        ("1e-4950", "1e-4950", "0"),
        ("0e-99999999999999", "1", "1"),
        ("0x0p99999999999", "1", "1"),
        ("1.333333333333333333333333", "1", "2.33333333333333333"),
        ("-1.1", "1.1", "0"),
        ("-5", "3.3", "-1.7"),
        ("1e25", "1", "10000000000000000000000000"),
        ("1e30", "-1e30", "0"),
        ("1e30", "-1e29", "900000000000000000001610612736"),
        ("0.02", "1e17", "100000000000000000.0234375"),
        ("9007199254740993", "0.125", "9007199254740993.125"),
        ("0x1.8p-16446", "0", "0"),
        ("0x1.fffffffffffffffep63", "0x1p-1", "18446744073709551616"),
    ] {
        assert_eq!(
            human(parsed(value).add(parsed(increment))),
            reply,
            "{value} + {increment}"
        );
    }
}

#[test]
fn refuses_what_the_servers_refuse() {
    for text in [
        "",
        " ",
        " 1",
        "1 ",
        "1\0",
        "\t1",
        "nan",
        "-NaN",
        "nan(0x1)",
        ".",
        "-",
        "+",
        "--1",
        "+-1",
        "1e",
        "1e+",
        "1e+-5",
        "0x",
        "0x.",
        "0x1p",
        "0x1p-",
        "0xp1",
        "0x.p1",
        "0x1e5p1.",
        "1,5",
        "i",
        "infi",
        "infinit",
        "1p3",
        "1.2e4932",
        "1e4933",
        "-1e4933",
        "1e-5000",
        "1.8e-4951",
        "1e99999999999999999999999",
        "1e-99999999999999999999999",
        "0x1.ffffffffffffffffp16383",
        "0x1p-16446",
        "0x1p99999999999",
        "0x1p-99999999999",
    ] {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(LongDouble::parse(&[b'1', 0xff]), None);
    // The buffer that the servers read from has room for 5119 bytes.
    assert_eq!(human(parsed(&format!("{:0>5119}", 1))), "1");
    assert_eq!(LongDouble::parse(format!("{:0>5120}", 1).as_bytes()), None);
}

#[test]
fn reaches_the_ends_of_the_format() {
    assert!(human(parsed("1.1e4932")).starts_with("10999999999999999999"));
    assert!(human(parsed("0x1.fffffffffffffffe8p16383")).starts_with("11897314953572317650"));
    for tiny in ["1.9e-4951", "3.6e-4951", "0x1p-16445", "0x1.0001p-16446"] {
        assert_eq!(human(parsed(tiny)), "0");
        assert_ne!(parsed(tiny), parsed("0"));
    }
    assert!(parsed("1e4932").add(parsed("1e4932")).is_infinite());
    assert_eq!(human(parsed(&format!("1{}e-4000", "0".repeat(4000)))), "1");
    assert_eq!(human(parsed(&format!("0.{}1e4001", "0".repeat(4000)))), "1");
    assert_eq!(
        human(parsed(&format!("0x1{}p-12000", "0".repeat(3000)))),
        "1"
    );
}

#[test]
fn infinity_is_a_number_and_its_difference_is_none() {
    for text in ["inf", "INF", "+Infinity", "infinity"] {
        assert!(parsed(text).is_infinite());
        assert!(parsed(text).add(parsed("-1e4932")).is_infinite());
        assert!(parsed(text).add(parsed("-inf")).is_nan());
        assert_eq!(human(parsed(text)), "inf");
    }
    assert_eq!(human(parsed("1").add(parsed("-inf"))), "-inf");
    assert!(LongDouble::from_double(f64::NAN).add(parsed("1")).is_nan());
}

/// GEOPOS shows the double itself, not the text it came from.
#[test]
fn doubles_are_exact() {
    for (value, text) in [
        (0.1, "0.10000000000000001"),
        (13.361_389_338_970_184, "13.36138933897018433"),
        (-0.0, "0"),
        (5e-324, "0"),
        (1e22, "10000000000000000000000"),
        (-2.5, "-2.5"),
    ] {
        assert_eq!(human(LongDouble::from_double(value)), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn integers_add_exactly_within_64_bits(left: i64, right: i64) {
        let sum = i128::from(left) + i128::from(right);
        let ours = LongDouble::from_integer(left).add(LongDouble::from_integer(right));
        prop_assert_eq!(human(ours), sum.to_string());
    }

    #[test]
    fn a_sum_is_the_nearest_number(left: u64, right: u64, shift in 0u32..140, is_negative: bool) {
        // left × 2^shift ± right, as whole numbers and as extended floats.
        let sign = if is_negative { "-" } else { "" };
        let ours = parsed(&format!("0x{left:x}p{shift}")).add(parsed(&format!("{sign}{right}")));
        let exact = BigInt::from(left) << shift;
        let exact = if is_negative { exact - right } else { exact + right };
        let ours: BigInt = human(ours).parse().unwrap();
        let distance = (&ours - &exact).magnitude().clone();
        let dropped = exact.bits().saturating_sub(64);
        prop_assert!(distance * 2u32 <= BigUint::from(1u32) << dropped);
        prop_assert!(dropped > 0 || ours == exact);
    }

    #[test]
    fn both_ways_of_reading_decimals_agree(digits in 1u64.., exponent in -27i64..=27) {
        let digits = digits.min(9_999_999_999_999_999_999);
        prop_assert_eq!(scale_small(digits, exponent), scale_big(&BigUint::from(digits), exponent));
    }

    #[test]
    fn hexadecimal_and_decimal_agree(value: u64) {
        prop_assert_eq!(parsed(&format!("{value:#x}")), parsed(&format!("{value:#x}p0")));
        prop_assert_eq!(human(parsed(&format!("{value:#x}"))), value.to_string());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Some(value) = LongDouble::parse(&bytes) {
            let _ = human(value.add(value));
        }
    }

    #[test]
    fn any_almost_numbers_are_survived(
        left in "[-+]?(0x)?[0-9a-f]{0,40}[.]?[0-9]{0,40}([ep][-+]?[0-9]{1,12})?",
        right in "[-+]?[0-9]{1,8}[.]?[0-9]{0,8}(e[-+]?[0-9]{1,4})?",
    ) {
        let (left, right) = (LongDouble::parse(left.as_bytes()), LongDouble::parse(right.as_bytes()));
        if let (Some(left), Some(right)) = (left, right) {
            prop_assert_eq!(human(left.add(right)), human(right.add(left)));
        }
    }
}
