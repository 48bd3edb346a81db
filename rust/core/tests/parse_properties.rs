//! However bytes are cut into packets, they mean the same requests, and no bytes
//! at all make the parser or the decoder panic.

use proptest::prelude::*;
use rubellite_core::output::Output;
use rubellite_core::reply::{Protocol, Reply};
use rubellite_core::resp::decode::decode;
use rubellite_core::resp::encode::encode;
use rubellite_core::resp::parse::{Parsed, Parser, Partial, ProtocolError};
use rubellite_core::service::InputLimits;

const LIMITS: InputLimits = InputLimits {
    bulk_bytes_max: 1 << 20,
    buffer_bytes_max: 1 << 30,
    is_authenticated: true,
};

type Requests = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Feeds packets as a connection does: what is incomplete is kept and continued.
fn requests(packets: &[&[u8]], limits: &InputLimits) -> Requests {
    requests_with_bodies(packets, limits, usize::MAX)
}

/// The same, where incomplete arguments from some size on get memory of their own.
fn requests_with_bodies(packets: &[&[u8]], limits: &InputLimits, bytes_min: usize) -> Requests {
    let (mut parser, mut partial) = (Parser::default(), None::<Box<Partial>>);
    let (mut kept, mut found) = (Vec::new(), Vec::new());
    for packet in packets {
        let body = partial.as_mut().and_then(|partial| partial.body());
        let taken = body.map_or(0, |body| body.take(packet));
        kept.extend_from_slice(&packet[taken..]);
        if taken > 0 && taken == packet.len() {
            continue;
        }
        let mut done = 0;
        if let Some(partial) = partial.take() {
            parser.resume(*partial);
        }
        while done < kept.len() {
            match parser.next(&kept[done..], limits) {
                Ok(Parsed::Request(bytes)) => {
                    let request = parser.request(&kept[done..]);
                    found.push(request.iter().map(<[u8]>::to_vec).collect());
                    done += bytes;
                    parser.take_bodies();
                }
                Ok(Parsed::Empty(bytes)) => done += bytes,
                Ok(Parsed::Incomplete(wanted)) => {
                    assert!(wanted > kept.len() - done);
                    if let Some(end) = parser.begin_body(&kept[done..], bytes_min) {
                        kept.truncate(done + end);
                    }
                    partial = parser.suspend();
                    break;
                }
                Err(error) => return (found, Some(error)),
            }
        }
        kept.drain(..done);
    }
    (found, None)
}

fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|ends| &bytes[ends[0]..ends[1]])
        .collect()
}

/// Pieces of protocol, right and wrong, so that random bytes reach every state.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".to_vec()),
        Just(b"*1\r\n$1000\r\n".to_vec()),
        Just(b"*3\r\n".to_vec()),
        Just(b"$4\r\nabcd\r\n".to_vec()),
        Just(b"*0\r\n".to_vec()),
        Just(b"*-1\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"ping \"a b\" 'c'\r\n".to_vec()),
        Just(b"$".to_vec()),
        Just(b"+x\r\n%1\r\n_\r\n#t\r\n,1.5\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..600),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn replies() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        "[a-zA-Z ]{0,20}".prop_map(Reply::StatusOwned),
        "[a-zA-Z ]{0,20}".prop_map(|text| Reply::Error(text.into_bytes())),
        any::<i64>().prop_map(Reply::Integer),
        (-1e300..1e300).prop_map(Reply::Double),
        any::<bool>().prop_map(Reply::Boolean),
        Just(Reply::Null),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Reply::Bulk),
        "-?[1-9][0-9]{0,40}".prop_map(Reply::BigNumber),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|text| Reply::Verbatim("txt", text)),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            items.clone().prop_map(Reply::Array),
            items.clone().prop_map(Reply::Set),
            items.prop_map(Reply::Push),
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Reply::Map),
        ]
    })
}

proptest! {
    #[test]
    fn cuts_do_not_change_requests(bytes in pieces(), cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        let whole = requests(&[&bytes], &LIMITS);
        prop_assert_eq!(requests(&cut(&bytes, &cuts), &LIMITS), whole.clone());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(requests(&single, &LIMITS), whole);
    }

    #[test]
    fn arguments_with_memory_of_their_own_are_no_different(
        bytes in pieces(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        bytes_min in 0..8_usize,
    ) {
        let whole = requests(&[&bytes], &LIMITS);
        for packets in [cut(&bytes, &cuts), bytes.chunks(1).collect()] {
            prop_assert_eq!(requests_with_bodies(&packets, &LIMITS, bytes_min), whole.clone());
        }
    }

    #[test]
    fn well_formed_requests_come_out_as_they_went_in(
        wanted in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..5), 0..5)
    ) {
        let mut bytes = Vec::new();
        for request in &wanted {
            bytes.extend(format!("*{}\r\n", request.len()).bytes());
            for argument in request {
                bytes.extend(format!("${}\r\n", argument.len()).bytes());
                bytes.extend_from_slice(argument);
                bytes.extend_from_slice(b"\r\n");
            }
        }
        prop_assert_eq!(requests(&[&bytes], &LIMITS), (wanted, None));
    }

    #[test]
    fn decoding_gives_back_what_was_encoded(reply in replies(), extra in any::<u8>()) {
        let mut out = Output::default();
        encode(&reply, Protocol::Resp3, &mut out);
        let mut bytes = out.take_bytes();
        let length = bytes.len();
        for end in 0..length {
            prop_assert_eq!(decode(&bytes[..end]), Ok(None));
        }
        bytes.push(extra);
        prop_assert_eq!(decode(&bytes), Ok(Some((reply, length))));
    }

    #[test]
    fn garbage_does_not_panic_the_decoder(bytes in pieces()) {
        let _ = decode(&bytes);
    }
}

#[test]
fn announced_lengths_allocate_nothing() {
    assert_eq!(decode(b"*4000000000\r\n"), Ok(None));
    assert!(decode(&b"*1\r\n".repeat(100_000)).is_err());
    assert_eq!(requests(&[b"*2147483647\r\n"], &LIMITS), (vec![], None));
}

#[test]
fn errors_are_those_of_redis() {
    use ProtocolError::*;
    let strangers = InputLimits {
        is_authenticated: false,
        ..LIMITS
    };
    let long_line = |first: u8| [&[first][..], &[b'1'; 70_000]].concat();
    let long_bulk = [b"*1\r\n", &long_line(b'$')[..]].concat();
    let cases: [(&[u8], &InputLimits, ProtocolError); 16] = [
        (b"*x\r\n", &LIMITS, InvalidMultibulkLength),
        (b"*\r\n", &LIMITS, InvalidMultibulkLength),
        (b"*2147483648\r\n", &LIMITS, InvalidMultibulkLength),
        (b"*11\r\n", &strangers, UnauthenticatedMultibulkLength),
        (b"*1\r\n!3\r\n", &LIMITS, ExpectedDollar(b'!')),
        (b"*1\r\n\r\n", &LIMITS, ExpectedDollar(b'\r')),
        (b"*1\r\n$-1\r\n", &LIMITS, InvalidBulkLength),
        (b"*1\r\n$1048577\r\n", &LIMITS, InvalidBulkLength),
        (b"*1\r\n$16385\r\n", &strangers, UnauthenticatedBulkLength),
        (&long_line(b'*'), &LIMITS, TooBigMultibulkCount),
        (&long_bulk, &LIMITS, TooBigBulkCount),
        (&long_line(b'p'), &LIMITS, TooBigInline),
        (b"set \"a\r\n", &LIMITS, UnbalancedQuotes),
        (b"*x\rx", &LIMITS, InvalidCrlf),
        (b"*1\r\n$4\rx", &LIMITS, InvalidCrlf),
        (b"*1\r\n$4\r\nPINGxx", &LIMITS, InvalidCrlf),
    ];
    for (bytes, limits, error) in cases {
        assert_eq!(requests(&[bytes], limits), (vec![], Some(error)));
    }
    assert_eq!(
        ExpectedDollar(b'!').message(),
        b"Protocol error: expected '$', got '!'"
    );
}
