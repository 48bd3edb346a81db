//! Facts about reading a request after a command's notation.

use super::super::arguments::{Argument, Arguments, Scalar, parse};
use super::super::spec::{Alternative, OptionGroup, OptionShape};
use super::*;

type Read = Result<Vec<String>, Failure>;

/// What `line` reads as after `elements`, each value in a short form.
fn read_with(flags: u64, elements: Vec<Element>, line: &str) -> Read {
    let spec = command("toy", flags, -1, elements);
    let request = request(line);
    let mut values = Arguments::new();
    parse(&spec, request.as_request(), &mut values)?;
    Ok(values.iter().map(shown).collect())
}

fn read(elements: Vec<Element>, line: &str) -> Read {
    read_with(0, elements, line)
}

fn shown(value: &Argument<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let scalar = |value: Scalar<'_>| match value {
        Scalar::Bytes(bytes) => text(bytes),
        Scalar::Payload(bytes) => format!("p{}", text(bytes)),
        Scalar::Shared(bytes) => format!("s{}", text(bytes)),
        Scalar::Integer(number) => format!("i{number}"),
        Scalar::Unsigned(number) => format!("u{number}"),
        Scalar::Float(number) => format!("f{number}"),
    };
    match value {
        Argument::Absent => "-".into(),
        Argument::Value(value) => scalar(*value),
        Argument::Flag(flag) => flag.to_string(),
        Argument::Word(token) => format!("#{token}"),
        Argument::Rest {
            first,
            count,
            stride,
        } => format!("{first}+{count}/{stride}"),
        Argument::Tagged(token, scalars) => {
            let scalars: Vec<String> = scalars.iter().map(scalar).collect();
            format!("#{token} {}", scalars.join(" "))
        }
    }
}

fn is(read: Read, wanted: &[&str]) {
    assert_eq!(read.expect("the request is right"), wanted);
}

fn fails(read: Read, code: ErrorCode) {
    assert_eq!(read, Err(Failure::Code(code)));
}

fn fails_arity(read: Read) {
    assert_eq!(
        read,
        Err(Failure::With(ErrorCode::WrongArity, "toy".into()))
    );
}

fn alternative(token: u16, word: &str, values: &[ValueKind]) -> Alternative {
    Alternative {
        word: word.into(),
        token,
        values: values.to_vec(),
    }
}

fn group(shape: OptionShape, alternatives: &[Alternative]) -> OptionGroup {
    OptionGroup {
        alternatives: alternatives.to_vec(),
        shape,
    }
}

const NOT_INTEGER: ErrorCode = ErrorCode::NotInteger;
const OUT_OF_RANGE: ErrorCode = ErrorCode::ValueOutOfRange;

/// `[GET] [NX | XX] [COUNT n] [EX n | KEEPTTL | IFEQ value] [LIMIT n n]`
fn options() -> Vec<Element> {
    let number = integer(NOT_INTEGER);
    Vec::from([
        KEY,
        Element::Options(vec![
            group(OptionShape::Flag, &[alternative(0, "GET", &[])]),
            group(
                OptionShape::Tagged,
                &[alternative(1, "NX", &[]), alternative(2, "XX", &[])],
            ),
            group(
                OptionShape::Value,
                &[alternative(3, "COUNT", &[integer(OUT_OF_RANGE)])],
            ),
            group(
                OptionShape::Tagged,
                &[
                    alternative(4, "EX", &[number]),
                    alternative(5, "KEEPTTL", &[]),
                    alternative(6, "IFEQ", &[ValueKind::Bytes]),
                ],
            ),
            group(
                OptionShape::Tagged,
                &[alternative(7, "LIMIT", &[number, number])],
            ),
        ]),
    ])
}

#[test]
fn values_are_converted_and_own_their_errors() {
    let kinds = || {
        Vec::from([
            Element::Value(ValueKind::Bytes),
            Element::Value(ValueKind::Integer {
                min: 0,
                max: 9,
                error: OUT_OF_RANGE,
            }),
            Element::Value(ValueKind::Float {
                error: ErrorCode::NotFloat,
            }),
            Element::Value(ValueKind::Cursor),
        ])
    };
    is(
        read(kinds(), "toy '' 9 1.5 18446744073709551615"),
        &["", "i9", "f1.5", "u18446744073709551615"],
    );
    is(
        read(vec![Element::Value(ValueKind::Payload)], "toy big"),
        &["pbig"],
    );
    fails(read(kinds(), "toy a 10 1.5 0"), OUT_OF_RANGE);
    fails(read(kinds(), "toy a -1 1.5 0"), OUT_OF_RANGE);
    fails(read(kinds(), "toy a one 1.5 0"), OUT_OF_RANGE);
    fails(read(kinds(), "toy a 1 nan 0"), ErrorCode::NotFloat);
    fails(read(kinds(), "toy a 1 1 -1"), ErrorCode::InvalidCursor);
    // The first wrong one decides.
    fails(read(kinds(), "toy a ten one -1"), OUT_OF_RANGE);
    fails(read(kinds(), "toy a 1"), ErrorCode::Syntax);
    fails_arity(read(kinds(), "toy a 1 1 1 more"));
}

#[test]
fn a_subcommand_begins_behind_its_two_words() {
    let spec = command("toy|sub", 0, -1, vec![KEY]);
    let request = request("toy sub a");
    let mut values = Arguments::new();
    parse(&spec, request.as_request(), &mut values).unwrap();
    assert_eq!(values.as_slice(), [Argument::Value(Scalar::Bytes(b"a"))]);
}

#[test]
fn an_optional_value_may_be_absent() {
    let count = || vec![KEY, Element::OptionalValue(integer(NOT_INTEGER))];
    is(read(count(), "toy a"), &["a", "-"]);
    is(read(count(), "toy a 7"), &["a", "i7"]);
    fails(read(count(), "toy a b"), NOT_INTEGER);
    fails_arity(read(count(), "toy a 7 8"));
}

#[test]
fn a_choice_needs_one_of_its_words() {
    let switch = || {
        let words = vec![alternative(0, "ON", &[]), alternative(1, "OFF", &[])];
        vec![Element::Choice(words)]
    };
    is(read(switch(), "toy oFF"), &["#1"]);
    fails(read(switch(), "toy maybe"), ErrorCode::Syntax);
    fails(read(switch(), "toy"), ErrorCode::Syntax);
}

#[test]
fn the_rest_comes_in_whole_groups() {
    let pairs = || vec![Element::Rest { stride: 2, min: 1 }];
    is(read(pairs(), "toy a 1 b 2"), &["1+4/2"]);
    fails_arity(read(pairs(), "toy a 1 b"));
    fails_arity(read(pairs(), "toy"));
    let any = vec![KEY, Element::Rest { stride: 1, min: 0 }];
    is(read(any, "toy a"), &["a", "2+0/1"]);
}

#[test]
fn a_count_says_how_many_groups_follow() {
    let counted = |stride, error| vec![Element::Counted { stride, error }, KEY];
    let positive = ErrorCode::NumkeysNotPositive;
    is(read(counted(1, positive), "toy 2 a b c"), &["2+2/1", "c"]);
    is(read(counted(2, positive), "toy 1 a b c"), &["2+2/2", "c"]);
    for wrong in ["toy 0 a b", "toy -1 a b", "toy x a b"] {
        fails(read(counted(1, positive), wrong), positive);
    }
    fails(read(counted(1, positive), "toy 4 a b"), ErrorCode::Syntax);
    // Too many to multiply is too many to be there.
    let most = format!("toy {} a b", i64::MAX);
    fails(read(counted(2, positive), &most), ErrorCode::Syntax);
    let beyond_int = format!("toy {} a b", i64::from(i32::MAX) + 1);
    let int = ErrorCode::InvalidNumkeys;
    fails(read(counted(1, int), &beyond_int), int);
    fails(read(counted(1, positive), &beyond_int), ErrorCode::Syntax);
}

#[test]
fn options_come_in_any_order_and_case() {
    let none = ["a", "false", "-", "-", "-", "-"];
    is(read(options(), "toy a"), &none);
    let all = ["a", "true", "#2", "i7", "#4 i5", "#7 i1 i2"];
    is(read(options(), "toy a GET XX COUNT 7 EX 5 LIMIT 1 2"), &all);
    is(read(options(), "toy a limit 1 2 ex 5 count 7 xx get"), &all);
    // A value may look like a word.
    let value = ["a", "false", "-", "-", "#6 GET", "-"];
    is(read(options(), "toy a IFEQ GET"), &value);
}

#[test]
fn an_option_may_be_repeated_but_not_contradicted() {
    is(
        read(options(), "toy a NX NX GET GET"),
        &["a", "true", "#1", "-", "-", "-"],
    );
    // The last time counts, and only it is converted.
    is(
        read(options(), "toy a EX bad EX 6"),
        &["a", "false", "-", "-", "#4 i6", "-"],
    );
    for contradiction in [
        "toy a NX XX",
        "toy a EX 5 KEEPTTL",
        "toy a KEEPTTL EX 5",
        // What to compare with may be given once.
        "toy a IFEQ b IFEQ b",
    ] {
        fails(read(options(), contradiction), ErrorCode::Syntax);
    }
}

#[test]
fn a_word_out_of_place_is_a_syntax_error() {
    for wrong in [
        "toy a WHAT",
        "toy a GET WHAT",
        "toy a COUNT",
        "toy a LIMIT 1",
        // Words are matched before values are converted.
        "toy a EX bad WHAT",
    ] {
        fails(read(options(), wrong), ErrorCode::Syntax);
    }
}

#[test]
fn wrong_values_fail_in_their_order_of_appearance() {
    fails(read(options(), "toy a EX bad COUNT bad"), NOT_INTEGER);
    fails(read(options(), "toy a COUNT bad EX bad"), OUT_OF_RANGE);
}

#[test]
fn an_eager_command_converts_while_it_matches() {
    let eager = |line| read_with(flag::EAGER, options(), line);
    fails(eager("toy a EX bad WHAT"), NOT_INTEGER);
    fails(eager("toy a EX bad EX 6"), NOT_INTEGER);
    fails(eager("toy a WHAT EX bad"), ErrorCode::Syntax);
    is(eager("toy a EX 6"), &["a", "false", "-", "-", "#4 i6", "-"]);
}
