//! Elements come back as they were written, take no more than they should, and
//! nothing from outside passes that was not written here.

use proptest::prelude::*;

use super::*;

fn run<const BOTH: bool>(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Scratch::new();
    for text in texts {
        Encoded::new(text).write::<BOTH>(&mut bytes);
    }
    bytes.to_vec()
}

fn size(text: &[u8]) -> usize {
    Encoded::new(text).len()
}

#[test]
fn sizes_are_never_above_those_of_a_listpack() {
    // (text, bytes in a listpack without its back length)
    for (text, listpack) in [
        ("", 1),
        ("0", 1),
        ("127", 1),
        ("128", 2),
        ("-1", 2),
        ("4095", 2),
        ("-4096", 2),
        ("4096", 3),
        ("32767", 3),
        ("8388607", 4),
        ("2147483647", 5),
        ("1700000000000", 9),
        ("-9223372036854775808", 9),
        ("012", 4),
        ("hello", 6),
    ] {
        assert!(size(text.as_bytes()) <= listpack, "{text}");
    }
    assert_eq!(size(b"1700000000000"), 7);
    assert_eq!((size(&[b'x'; 63]), size(&[b'x'; 64])), (64, 66));
    assert_eq!((size(&[b'x'; 4095]), size(&[b'x'; 4096])), (4097, 4101));
}

#[test]
fn a_search_finds_whole_elements_only() {
    let bytes = run::<false>(&[b"a".to_vec(), b"ab".to_vec(), b"".to_vec(), b"5".to_vec()]);
    assert!(Encoded::new(b"a").is_at(&bytes, 0));
    assert!(!Encoded::new(b"ab").is_at(&bytes, 0));
    assert!(Encoded::new(b"ab").is_at(&bytes, 2));
    assert!(Encoded::new(b"").is_at(&bytes, 5));
    assert!(!Encoded::new(b"").is_at(&bytes, 0));
    assert!(Encoded::new(b"5").is_at(&bytes, 6));
}

fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = prop_oneof![
        any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        (0..64_u32, any::<bool>()).prop_map(|(bits, above)| {
            let edge = (1_i64 << bits.min(62)) - i64::from(!above);
            (if above { -edge } else { edge }).to_string().into_bytes()
        }),
        prop::collection::vec(any::<u8>(), 0..80),
        prop_oneof![
            Just(63_usize),
            Just(64),
            Just(125),
            Just(127),
            Just(4095),
            Just(4096)
        ]
        .prop_map(|len| vec![b'x'; len]),
    ];
    prop::collection::vec(text, 0..20)
}

proptest! {
    #[test]
    fn elements_come_back(texts in texts()) {
        let bytes = run::<false>(&texts);
        let back: Vec<_> = Elements::<false>::new(&bytes).map(Element::to_vec).collect();
        prop_assert_eq!(&back, &texts);
        prop_assert_eq!(validate::<false>(&bytes), Ok(texts.len()));
        let bytes = run::<true>(&texts);
        let back: Vec<_> = Elements::<true>::new(&bytes).map(Element::to_vec).collect();
        prop_assert_eq!(&back, &texts);
        let mut back: Vec<_> = Elements::<true>::new(&bytes).rev().map(Element::to_vec).collect();
        back.reverse();
        prop_assert_eq!(&back, &texts);
        prop_assert_eq!(validate::<true>(&bytes), Ok(texts.len()));
    }

    #[test]
    fn what_passes_validation_reads_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(count) = validate::<false>(&bytes) {
            let texts: Vec<_> = Elements::<false>::new(&bytes).map(Element::to_vec).collect();
            prop_assert_eq!(texts.len(), count);
            prop_assert_eq!(run::<false>(&texts), bytes.clone());
        }
        if let Ok(count) = validate::<true>(&bytes) {
            let texts: Vec<_> = Elements::<true>::new(&bytes).map(Element::to_vec).collect();
            prop_assert_eq!(texts.len(), count);
            prop_assert_eq!(run::<true>(&texts), bytes);
        }
    }

    #[test]
    fn splicing_a_vector_is_splicing_a_vector(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        (start, count) in (0..40_usize, 0..20_usize),
        with in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let start = start.min(bytes.len());
        let end = (start + count).min(bytes.len());
        let mut ours = bytes.clone();
        PackedBuffer::splice(&mut ours, start..end, &with);
        let mut theirs = bytes;
        theirs.splice(start..end, with);
        prop_assert_eq!(ours, theirs);
    }
}
