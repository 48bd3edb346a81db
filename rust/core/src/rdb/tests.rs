//! What is written is read again, in every format and form; damage is told, not met.

use proptest::prelude::*;

use super::build::Context;
use super::load::{Options as LoadOptions, load};
use super::save::{Header, Options, save};
use super::write::Clocks;
use super::{Error, Format};
use crate::keyspace::{Database, Expiry, Kind, NewValue};
use crate::seed::HashSeed;
use crate::types::record::Deadline;
use crate::types::sorted_set::packed as packed_sorted_set;
use crate::types::{Detached, Form, HashMut, Home, Limits, List, Object, SetMut, SortedSet};

const NOW_MS: i64 = 1_700_000_000_000;

fn options(format: Format, compresses: bool) -> Options {
    Options {
        format,
        compresses,
        has_checksum: true,
        syncs_early: false,
        clocks: Clocks::None,
        header: Header::default(),
    }
}

fn load_options(seed: &HashSeed) -> LoadOptions<'_> {
    LoadOptions {
        context: Context::new(seed, NOW_MS),
        checks_checksum: true,
        keeps_expired: false,
        replaces: false,
        clock: 0,
        counts_accesses: false,
    }
}

fn databases(seed: &HashSeed) -> Vec<Database> {
    (0..16).map(|_| Database::new(seed.clone())).collect()
}

fn file_bytes(databases: &[Database], options: &Options) -> Vec<u8> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder =
        std::env::temp_dir().join(format!("rubellite-rdb-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("dump.rdb");
    let bytes = save(databases, options, &path).unwrap();
    let content = std::fs::read(&path).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(bytes, content.len() as u64);
    content
}

/// All that databases hold, in words.
fn describe(databases: &[Database]) -> Vec<String> {
    describe_with(databases, true)
}

/// As `describe`, with or without the names of encodings.
pub fn describe_with(databases: &[Database], has_encodings: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, database) in databases.iter().enumerate() {
        database.check().unwrap();
        database.for_each(|entry| {
            let mut parts = match entry.content() {
                None => Vec::new(),
                Some(content) => crate::rdb::tests::elements(entry.kind(), content),
            };
            if let Ok(bytes) = crate::keyspace::strings::bytes(entry, &mut Default::default()) {
                parts.push(bytes.escape_ascii().to_string());
            }
            lines.push(format!(
                "{number} {} {:?} {} {parts:?}",
                entry.key().escape_ascii(),
                entry.expires_at(),
                if has_encodings {
                    entry.encoding().name(entry.kind())
                } else {
                    ""
                },
            ));
        });
    }
    lines.sort();
    lines
}

pub fn elements(kind: Kind, content: crate::types::Content<'_>) -> Vec<String> {
    use crate::types::{Content, Hash, Set, list::packed::PackedList};
    let mut parts: Vec<String> = match (kind, content) {
        (Kind::Hash, _) => Hash::new(content, 0)
            .items()
            .map(|record| {
                let (key, value) = (record.key.to_vec(), record.value.to_vec());
                format!(
                    "{}={} {:?}",
                    key.escape_ascii(),
                    value.escape_ascii(),
                    record.deadline
                )
            })
            .collect(),
        (Kind::Set, _) => Set::new(content, 0)
            .iter()
            .map(|member| member.to_vec().escape_ascii().to_string())
            .collect(),
        (Kind::SortedSet, Content::Packed(_, bytes)) => {
            packed_sorted_set::PackedSortedSet::new(bytes)
                .iter()
                .map(|(member, score)| format!("{} {score}", member.to_vec().escape_ascii()))
                .collect()
        }
        (_, Content::Packed(_, bytes)) => {
            return PackedList::new(bytes)
                .iter()
                .map(|element| element.to_vec().escape_ascii().to_string())
                .collect();
        }
        (_, Content::Object(Object::SortedSet(set))) => set
            .iter()
            .map(|(member, score)| format!("{} {score}", member.escape_ascii()))
            .collect(),
        (_, Content::Object(Object::List(list))) => {
            let mut texts = Vec::new();
            list.visit(0..list.len(), |e| texts.push(e.escape_ascii().to_string()));
            return texts;
        }
        other => panic!("{other:?}"),
    };
    parts.sort();
    parts
}

fn put(database: &mut Database, key: &str, kind: Kind, mut value: Detached) {
    database.set(
        key.as_bytes(),
        NewValue::of_detached(kind, &mut value),
        Expiry::None,
    );
}

/// A key of every type in every form.
fn everything(seed: &HashSeed) -> Vec<Database> {
    let mut all = databases(seed);
    let database = &mut all[3];
    let texts = [
        "",
        "0",
        "-7",
        "4000",
        "-70000",
        "3000000000",
        "01",
        "hello",
        "a\0b",
    ];
    for (index, text) in texts.iter().enumerate() {
        let expiry = Expiry::At(NOW_MS + 1000);
        database.set(
            format!("s{index}").as_bytes(),
            NewValue::String(text.as_bytes()),
            expiry,
        );
    }
    let long = "abcdefgh".repeat(9000);
    database.set(b"long", NewValue::String(long.as_bytes()), Expiry::None);
    let big = "xyz".repeat(50);
    for (name, count) in [("few", 5), ("many", 2000)] {
        let mut hash = Detached::new();
        let mut timed = Detached::new();
        let mut set = Detached::new();
        let mut numbers = Detached::new();
        let mut timed_set = Detached::new();
        let mut list = List::new();
        let mut sorted = SortedSet::new();
        for index in 0..count {
            let index: i32 = index;
            let field = format!("field{index}");
            let value = (i64::from(index) * 1_234_567).to_string();
            let mut writer = HashMut::new(&mut hash, Limits::of_hashes(seed), 0);
            writer.set(field.as_bytes(), value.as_bytes(), Deadline::Clear);
            let deadline = match index % 3 {
                0 => Deadline::Clear,
                _ => Deadline::At(NOW_MS + 1 + i64::from(index)),
            };
            let mut writer = HashMut::new(&mut timed, Limits::of_hashes(seed), 0);
            writer.set(field.as_bytes(), value.as_bytes(), deadline);
            SetMut::new(&mut set, Limits::of_sets(seed), 0).add(field.as_bytes());
            SetMut::new(&mut numbers, Limits::of_sets(seed), 0).add(value.as_bytes());
            let mut writer = SetMut::new(&mut timed_set, Limits::of_sets(seed), 0);
            writer.add_with(field.as_bytes(), deadline);
            list.push_back(if index == 70 {
                big.as_bytes()
            } else {
                value.as_bytes()
            });
            sorted.insert(field.as_bytes(), f64::from(index % 7) / 4.0);
        }
        put(database, &format!("{name}-hash"), Kind::Hash, hash);
        put(database, &format!("{name}-timed"), Kind::Hash, timed);
        put(database, &format!("{name}-set"), Kind::Set, set);
        put(database, &format!("{name}-numbers"), Kind::Set, numbers);
        put(database, &format!("{name}-timed-set"), Kind::Set, timed_set);
        let mut value = Detached::new();
        if count > 100 {
            value.become_object(Object::List(list));
            put(database, &format!("{name}-list"), Kind::List, value);
            let mut value = Detached::new();
            value.become_object(Object::SortedSet(sorted));
            put(database, &format!("{name}-sorted"), Kind::SortedSet, value);
        } else {
            value.become_packed(Form::Packed, &crate::types::list::packed::from_list(&list));
            put(database, &format!("{name}-list"), Kind::List, value);
            let bytes = packed_sorted_set::from_sorted(sorted.iter());
            let value = Detached::of_packed(Form::Packed, bytes);
            put(database, &format!("{name}-sorted"), Kind::SortedSet, value);
        }
    }
    all[0].set(b"other", NewValue::Int(5), Expiry::None);
    all
}

#[test]
fn everything_comes_back_in_every_format() {
    let seed = HashSeed::fixed(7);
    let all = everything(&seed);
    for format in [Format::Redis10, Format::Redis12, Format::Valkey80] {
        for compresses in [false, true] {
            let bytes = file_bytes(&all, &options(format, compresses));
            let mut back = databases(&seed);
            let report = load(&mut back, &bytes[..], load_options(&seed), &mut |_, _| {}).unwrap();
            assert_eq!(describe(&back), describe(&all), "{format:?} {compresses}");
            assert_eq!(report.keys_loaded as usize, all[3].len() + 1);
            assert_eq!(report.bytes, bytes.len() as u64);
        }
    }
}

#[test]
fn what_has_expired_is_left_out() {
    let seed = HashSeed::fixed(7);
    let all = everything(&seed);
    for format in [Format::Redis10, Format::Redis12, Format::Valkey80] {
        let bytes = file_bytes(&all, &options(format, true));
        let mut late = load_options(&seed);
        late.context.now_ms = NOW_MS + 2_000_000;
        let mut back = databases(&seed);
        let report = load(&mut back, &bytes[..], late, &mut |_, _| {}).unwrap();
        assert_eq!(report.keys_expired, 9, "{format:?}");
        let lines = describe(&back).join("\n");
        assert!(
            lines.contains("field0=") && !lines.contains("Some("),
            "{lines}"
        );
    }
}

#[test]
fn a_file_that_is_cut_off_or_changed_is_refused_with_its_place() {
    let seed = HashSeed::fixed(7);
    let bytes = file_bytes(&everything(&seed), &options(Format::Redis10, true));
    let attempt = |bytes: &[u8]| {
        let mut back = databases(&seed);
        load(&mut back, bytes, load_options(&seed), &mut |_, _| {}).map(|report| report.keys_loaded)
    };
    for cut in [
        0,
        8,
        9,
        50,
        bytes.len() / 2,
        bytes.len() - 9,
        bytes.len() - 1,
    ] {
        let error = attempt(&bytes[..cut]).unwrap_err();
        let Error::Corrupt { offset, .. } = error else {
            panic!("{error}");
        };
        assert!(offset <= cut as u64, "{error}");
    }
    let mut flipped = bytes.clone();
    let last = flipped.len() - 20;
    flipped[last] ^= 1;
    assert!(attempt(&flipped).is_err());
}

/// A file that says `announced` keys follow, and then has these, all of the value "v".
fn announcing(announced: u64, keys: &[&str]) -> Vec<u8> {
    let mut bytes = b"REDIS0010\xfe\x00\xfb\x81".to_vec();
    bytes.extend_from_slice(&announced.to_be_bytes());
    bytes.push(0);
    for key in keys {
        bytes.extend_from_slice(&[0, key.len() as u8]);
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(b"\x01v");
    }
    bytes.push(255);
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

#[test]
fn a_file_that_lies_about_its_keys_leaves_no_empty_table_behind() {
    let seed = HashSeed::fixed(7);
    for announced in [0, 1, 5_000_000, u64::MAX] {
        let mut back = databases(&seed);
        let bytes = announcing(announced, &["a", "b"]);
        let report = load(&mut back, &bytes[..], load_options(&seed), &mut |_, _| {}).unwrap();
        assert_eq!(report.keys_loaded, 2);
        assert_eq!(describe(&back).len(), 2);
        assert!(back[0].overhead_bytes() < 1024, "{announced}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_with_its_place() {
    let seed = HashSeed::fixed(7);
    let names: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
    for (first, second) in [(0, 1), (0, 99), (40, 41), (31, 32)] {
        let mut keys: Vec<&str> = names.iter().map(String::as_str).collect();
        keys[second] = keys[first];
        let mut back = databases(&seed);
        let bytes = announcing(100, &keys);
        let loaded = load(&mut back, &bytes[..], load_options(&seed), &mut |_, _| {});
        let Err(Error::Corrupt { offset, .. }) = loaded else {
            panic!("{loaded:?}");
        };
        // 22 bytes stand before the keys, which take 7 each.
        assert_eq!(offset, 22 + 7 * (second as u64 + 1));
        assert_eq!(describe(&back).len(), second);
    }
}

#[test]
fn a_file_of_a_later_version_is_refused() {
    let seed = HashSeed::fixed(7);
    for signature in [
        "REDIS0013",
        "REDIS0000",
        "VALKEY081",
        "VALKEY011",
        "REDISabcd",
        "NOTHING!!",
    ] {
        let mut back = databases(&seed);
        let result = load(
            &mut back,
            signature.as_bytes(),
            load_options(&seed),
            &mut |_, _| {},
        );
        assert!(result.is_err(), "{signature}");
    }
}

proptest! {
    /// Whatever the damage, the file is read or refused; nothing panics, and what was
    /// loaded is sound.
    #[test]
    fn damage_is_met_calmly(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        format in prop::sample::select(vec![Format::Redis10, Format::Redis12, Format::Valkey80]),
    ) {
        let seed = HashSeed::fixed(7);
        let mut all = everything(&seed);
        // The large ones would take most of the time.
        for name in ["hash", "timed", "set", "numbers", "timed-set", "list", "sorted"] {
            all[3].remove(format!("many-{name}").as_bytes());
        }
        all[3].remove(b"long");
        let mut bytes = file_bytes(&all, &options(format, false));
        for (place, value) in &changes {
            let at = place.index(bytes.len());
            bytes[at] = *value;
        }
        let mut back = databases(&seed);
        let mut careless = load_options(&seed);
        careless.checks_checksum = false;
        let _ = load(&mut back, &bytes[..], careless, &mut |_, _| {});
        describe(&back);
    }
}
