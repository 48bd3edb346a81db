//! A snapshot holds the data as they were when it began, whatever happens meanwhile.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::Format;
use super::build::Context;
use super::load::{Options as LoadOptions, load};
use super::output::Output;
use super::save::{Header, Options};
use super::snapshot::{Progress, Snapshot, Task};
use super::tests::describe_with;
use super::write::{Clocks, write_key};
use crate::keyspace::{Database, Expiry, Kind, NewValue};
use crate::seed::HashSeed;
use crate::types::record::Deadline;
use crate::types::{Detached, HashMut, Home, Limits, List, Object};

const DATABASES: usize = 3;

/// A folder of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rubellite-snapshot-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn task(&self) -> Task {
        Task {
            path: self.0.join("dump.rdb"),
            options: Options {
                format: Format::Redis10,
                compresses: true,
                has_checksum: true,
                syncs_early: false,
                clocks: Clocks::None,
                header: Header::default(),
            },
            survives_flush: false,
            key_delay: Duration::ZERO,
        }
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn loaded(&self, seed: &HashSeed) -> Vec<String> {
        let mut back = databases(seed);
        let options = LoadOptions {
            context: Context::new(seed, 0),
            checks_checksum: true,
            keeps_expired: true,
            replaces: false,
            clock: 0,
            counts_accesses: false,
        };
        let file = std::fs::File::open(self.0.join("dump.rdb")).unwrap();
        load(&mut back, file, options, &mut |_, _| {}).unwrap();
        describe(&back)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What databases hold. A list may come back in another form than it was made in.
fn describe(databases: &[Database]) -> Vec<String> {
    describe_with(databases, false)
}

fn databases(seed: &HashSeed) -> Vec<Database> {
    (0..DATABASES)
        .map(|_| Database::new(seed.clone()))
        .collect()
}

#[derive(Debug, Clone)]
enum Step {
    Set(usize, u16, u16),
    SetHash(usize, u16, u16, bool),
    PushList(usize, u16, u16, bool),
    SetField(usize, u16, u16),
    Push(usize, u16),
    Expire(usize, u16, i64),
    Remove(usize, u16),
    Rename(usize, u16, usize, u16),
    Flush(usize),
    Swap(usize, usize),
    Slice(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let database = 0..DATABASES;
    let key = || 0..40_u16;
    let step = prop_oneof![
        6 => (database.clone(), key(), any::<u16>()).prop_map(|(d, k, v)| Step::Set(d, k, v)),
        3 => (database.clone(), key(), any::<u16>(), any::<bool>())
            .prop_map(|(d, k, v, large)| Step::SetHash(d, k, v, large)),
        2 => (database.clone(), key(), any::<u16>(), any::<bool>())
            .prop_map(|(d, k, v, large)| Step::PushList(d, k, v, large)),
        6 => (database.clone(), key(), any::<u16>()).prop_map(|(d, k, v)| Step::SetField(d, k, v)),
        3 => (database.clone(), key()).prop_map(|(d, k)| Step::Push(d, k)),
        2 => (database.clone(), key(), 1..9_i64).prop_map(|(d, k, at)| Step::Expire(d, k, at)),
        4 => (database.clone(), key()).prop_map(|(d, k)| Step::Remove(d, k)),
        2 => (database.clone(), key(), database.clone(), key())
            .prop_map(|(d, k, e, l)| Step::Rename(d, k, e, l)),
        1 => database.clone().prop_map(Step::Flush),
        1 => (database.clone(), database).prop_map(|(d, e)| Step::Swap(d, e)),
        12 => (1..40_u8).prop_map(Step::Slice),
    ];
    prop::collection::vec(step, 0..200)
}

fn name(key: u16) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

/// Changes the data, and tells the snapshot what it has to know, as the engine does.
fn apply(all: &mut [Database], step: &Step, seed: &HashSeed, snapshot: &mut Option<Snapshot>) {
    let limits = Limits::of_hashes(seed);
    match *step {
        Step::Set(database, key, value) => {
            let times = if value % 10 == 9 { 3000 } else { value % 9 };
            let text = format!("value {value}").repeat(times.into());
            let text = NewValue::String(text.as_bytes());
            all[database].set(&name(key), text, Expiry::Keep);
        }
        Step::SetHash(database, key, value, is_large) => {
            let mut hash = Detached::new();
            for field in 0..if is_large { 900 } else { 3 } {
                let field = format!("{value}-{field}");
                HashMut::new(&mut hash, limits, 0).set(
                    field.as_bytes(),
                    b"a value of some length",
                    Deadline::Clear,
                );
            }
            let value = NewValue::of_detached(Kind::Hash, &mut hash);
            all[database].set(&name(key), value, Expiry::None);
        }
        Step::PushList(database, key, value, is_large) => {
            let mut list = List::with_depth(1);
            for index in 0..if is_large { 2000 } else { 2 } {
                list.push_back(format!("{value} {index}").as_bytes());
            }
            let mut made = Detached::new();
            made.become_object(Object::List(list));
            let value = NewValue::of_detached(Kind::List, &mut made);
            all[database].set(&name(key), value, Expiry::None);
        }
        Step::SetField(database, key, value) => {
            if let Some(mut entry) = all[database].find_mut(&name(key))
                && entry.kind() == Kind::Hash
            {
                let mut hash = HashMut::new(&mut entry, limits, 0);
                for field in 0..value % 200 {
                    hash.set(format!("new {field}").as_bytes(), b"x", Deadline::Clear);
                }
            }
        }
        Step::Push(database, key) => {
            if let Some(mut entry) = all[database].find_mut(&name(key))
                && let Some(Object::List(list)) = entry.object_mut()
            {
                list.push_front(b"front");
                list.trim(0..list.len().saturating_sub(100).max(1));
            }
        }
        Step::Expire(database, key, at) => {
            if let Some(mut entry) = all[database].find_mut(&name(key)) {
                entry.set_expiry(if at % 2 == 0 { Some(at) } else { None });
            }
        }
        Step::Remove(database, key) => drop(all[database].remove(&name(key))),
        Step::Rename(database, key, other, other_key) => {
            if let Some(removed) = all[database].remove(&name(key)) {
                all[other].insert_removed(&name(other_key), removed);
            }
        }
        Step::Flush(database) => {
            let old = all[database].take();
            if let Some(snapshot) = snapshot {
                drop(snapshot.adopt(database, old));
            }
        }
        Step::Swap(one, other) => {
            all.swap(one, other);
            if let Some(snapshot) = snapshot {
                snapshot.swap(one, other);
            }
        }
        Step::Slice(_) => {}
    }
}

/// Slices until it is over.
fn finish(snapshot: &mut Snapshot, all: &mut [Database]) -> std::io::Result<u64> {
    loop {
        match snapshot.slice(all, Duration::from_millis(5), false) {
            Progress::Working => {}
            Progress::Waiting => snapshot.wait_for_result(Duration::from_millis(50)),
            Progress::Ended(result) => return result,
            Progress::Recoloured => panic!("it did not fail"),
        }
    }
}

fn are_of_one_colour(all: &[Database]) -> bool {
    all.iter().all(|database| {
        let mut are = true;
        database.for_each(|entry| are &= entry.colour() == database.colour());
        are
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_file_is_the_data_at_the_start(
        before in steps(), meanwhile in steps(), fails_at in prop::option::of(0..100_usize),
    ) {
        let seed = HashSeed::fixed(3);
        let folder = Folder::new();
        let mut all = databases(&seed);
        let mut snapshot = None;
        for step in &before {
            apply(&mut all, step, &seed, &mut snapshot);
        }
        for round in 0..2 {
            let expected = describe(&all);
            snapshot = Some(Snapshot::start(&mut all, &folder.task()).unwrap());
            for (index, step) in meanwhile.iter().enumerate() {
                apply(&mut all, step, &seed, &mut snapshot);
                let Some(running) = &mut snapshot else { continue };
                if round == 0 && fails_at == Some(index) {
                    running.fail(&mut all).unwrap().abort();
                }
                if let Step::Slice(steps) = step {
                    for _ in 0..*steps {
                        running.step_for_test(&mut all);
                    }
                }
            }
            for database in &all {
                database.check().unwrap();
            }
            let mut running = snapshot.take().unwrap();
            if running.is_writing() {
                finish(&mut running, &mut all).unwrap();
                prop_assert_eq!(folder.loaded(&seed), expected);
                prop_assert_eq!(folder.files(), ["dump.rdb"]);
            } else {
                while !matches!(
                    running.slice(&mut all, Duration::from_millis(5), false),
                    Progress::Recoloured
                ) {}
                prop_assert!(folder.files().is_empty());
            }
            prop_assert!(are_of_one_colour(&all));
        }
    }
}

#[test]
fn a_folder_that_is_gone_is_an_error() {
    let seed = HashSeed::fixed(3);
    let folder = Folder::new();
    let mut all = databases(&seed);
    apply(&mut all, &Step::Set(0, 1, 5), &seed, &mut None);
    let mut task = folder.task();
    task.path = folder.0.join("nosuch").join("dump.rdb");
    assert!(Snapshot::start(&mut all, &task).is_err());
    assert!(are_of_one_colour(&all));
    // A folder in the place of the file shows only at the end.
    task.path = folder.0.join("dump.rdb");
    std::fs::create_dir(&task.path).unwrap();
    let mut snapshot = Snapshot::start(&mut all, &task).unwrap();
    assert!(finish(&mut snapshot, &mut all).is_err());
    assert_eq!(folder.files(), ["dump.rdb"]);
    while !matches!(
        snapshot.slice(&mut all, Duration::from_millis(5), false),
        Progress::Recoloured
    ) {}
    assert!(are_of_one_colour(&all));
}

/// What changes while a large key is being written goes through the side file, however
/// much it is.
#[test]
fn much_changes_while_a_large_key_is_written() {
    let seed = HashSeed::fixed(3);
    let folder = Folder::new();
    let mut all = databases(&seed);
    for key in 0..30_000_u32 {
        let text = format!("{key} ").repeat(40);
        let name = format!("small:{key}");
        all[0].set(
            name.as_bytes(),
            NewValue::String(text.as_bytes()),
            Expiry::None,
        );
    }
    apply(&mut all, &Step::PushList(1, 1, 7, true), &seed, &mut None);
    let expected = describe(&all);
    let mut task = folder.task();
    task.options.compresses = false;
    let mut snapshot = Snapshot::start(&mut all, &task).unwrap();
    // The large key is about to change, and so is written first.
    drop(all[1].remove(&name(1)));
    while !snapshot.is_within_a_key() {
        snapshot.step_for_test(&mut all);
    }
    for key in 0..30_000_u32 {
        drop(all[0].remove(format!("small:{key}").as_bytes()));
        if key % 1000 == 0 {
            assert!(snapshot.is_within_a_key());
            snapshot.step_for_test(&mut all);
        }
    }
    finish(&mut snapshot, &mut all).unwrap();
    assert_eq!(folder.loaded(&seed), expected);
    assert_eq!(folder.files(), ["dump.rdb"]);
}

#[test]
fn a_step_of_a_collection_of_large_elements_writes_few_of_them() {
    const ELEMENT_BYTES: usize = 100_000;
    let seed = HashSeed::fixed(3);
    let mut all = databases(&seed);
    let text = vec![b'x'; ELEMENT_BYTES];
    let (mut hash, mut list) = (Detached::new(), List::new());
    let limits = Limits::of_hashes(&seed);
    for number in 0..100_u8 {
        HashMut::new(&mut hash, limits, 0).set(&[number], &text, Deadline::Clear);
        list.push_back(&text);
    }
    let mut made = Detached::new();
    made.become_object(Object::List(list));
    for (key, kind, value) in [("h", Kind::Hash, &mut hash), ("l", Kind::List, &mut made)] {
        let value = NewValue::of_detached(kind, value);
        all[0].set(key.as_bytes(), value, Expiry::None);
        let mut output = Output::new(Format::Redis10, false);
        let entry = all[0].find(key.as_bytes()).unwrap();
        let mut walk = write_key(&mut output, entry, Clocks::None).unwrap();
        let mut before = output.bytes.len();
        while walk.step(&mut output) {
            let written = output.bytes.len() - before;
            assert!(written < 3 * ELEMENT_BYTES, "{key}: {written}");
            before = output.bytes.len();
        }
        assert!(output.bytes.len() > 100 * ELEMENT_BYTES);
    }
}
