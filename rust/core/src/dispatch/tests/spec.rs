//! Facts about the command table: names, arity and where keys stand.

use super::*;

fn table(names: &[&str]) -> CommandTable {
    let mut table = CommandTable::default();
    for name in names {
        table.add(command(name, 0, -1, vec![]));
    }
    table
}

#[test]
fn commands_are_found_in_any_case() {
    let table = table(&["get", "getset", "zrangebyscore"]);
    assert_eq!(table.find(b"GET"), Some(0));
    assert_eq!(table.find(b"gEtSeT"), Some(1));
    assert_eq!(table.find(b"ZRANGEBYSCORE"), Some(2));
    for absent in ["", "ge", "gets", "getse", "zrangebyscores", "g\0t"] {
        assert_eq!(table.find(absent.as_bytes()), None, "{absent:?}");
    }
    assert_eq!(CommandTable::default().find(b"get"), None);
}

#[test]
fn names_of_one_hash_are_told_apart() {
    // The hash sees eight letters and the length.
    let names = ["zremrangebyrank", "zremrangebylexx", "zremrangebytime"];
    let table = table(&names);
    for (id, name) in names.iter().enumerate() {
        assert_eq!(table.find(name.as_bytes()), Some(id));
        assert_eq!(table.find(name.to_uppercase().as_bytes()), Some(id));
    }
    assert_eq!(table.find(b"zremrangebywhat"), None);
}

#[test]
fn only_letters_have_two_cases() {
    // `[` and `{`, `@` and the grave accent differ in the bit that tells the cases apart.
    let table = table(&["a[", "a{"]);
    assert_eq!(table.find(b"A["), Some(0));
    assert_eq!(table.find(b"A{"), Some(1));
    assert_eq!(table.find(b"a;"), None);
}

#[test]
fn a_table_of_hundreds_finds_each() {
    let names: Vec<String> = (0..700).map(|n| format!("command{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let table = table(&names);
    for (id, name) in names.iter().enumerate() {
        assert_eq!(table.find(name.as_bytes()), Some(id));
    }
    assert_eq!(table.find(b"command700"), None);
}

#[test]
fn subcommands_are_found_in_their_container_only() {
    let table = table(&[
        "config",
        "client",
        "config|get",
        "client|list",
        "config|set",
    ]);
    assert_eq!(table.find_subcommand(0, b"GET"), Some(2));
    assert_eq!(table.find_subcommand(0, b"Set"), Some(4));
    assert_eq!(table.find_subcommand(1, b"list"), Some(3));
    assert_eq!(table.find_subcommand(1, b"get"), None);
    assert_eq!(
        table.find(b"config|get"),
        None,
        "it is no name of a command"
    );
    assert_eq!(table.specs[0].subcommands.len(), 2);
}

#[test]
fn arity_is_exact_or_at_least() {
    let exact = command("toy", 0, 3, vec![]);
    let least = command("toy", 0, -3, vec![]);
    assert_eq!(
        [2, 3, 4].map(|n| exact.arity_allows(n)),
        [false, true, false]
    );
    assert_eq!(
        [2, 3, 4].map(|n| least.arity_allows(n)),
        [false, true, true]
    );
}

fn keys(rules: &[KeyPositions], line: &str) -> Option<Vec<usize>> {
    let spec = CommandSpec {
        keys: rules.to_vec(),
        ..command("toy", 0, -1, vec![])
    };
    spec.key_indices(request(line).as_request())
}

#[test]
fn a_range_of_keys_may_be_counted_from_the_end() {
    let range = |first, last, step| [KeyPositions::Range { first, last, step }];
    assert_eq!(keys(&range(1, 1, 1), "get a"), Some(vec![1]));
    assert_eq!(keys(&range(1, -1, 1), "del a b c"), Some(vec![1, 2, 3]));
    assert_eq!(keys(&range(1, -1, 2), "mset a 1 b 2"), Some(vec![1, 3]));
    assert_eq!(keys(&range(1, -2, 1), "blpop a b 0"), Some(vec![1, 2]));
    assert_eq!(keys(&range(1, 2, 1), "rename a"), None, "one is missing");
}

#[test]
fn a_count_of_keys_is_believed_if_they_are_there() {
    let counted = |step| {
        [KeyPositions::Counted {
            count: 1,
            first: 2,
            step,
        }]
    };
    assert_eq!(keys(&counted(1), "toy 2 a b c"), Some(vec![2, 3]));
    assert_eq!(keys(&counted(2), "toy 2 a 1 b 2"), Some(vec![2, 4]));
    for wrong in ["toy", "toy x a", "toy 0 a", "toy -1 a", "toy 3 a b"] {
        assert_eq!(keys(&counted(1), wrong), None, "{wrong}");
    }
    assert_eq!(keys(&counted(2), "toy 2 a 1 b"), None);
    let most = format!("toy {} a", i64::MAX);
    assert_eq!(keys(&counted(3), &most), None);
}

#[test]
fn keys_may_follow_a_word() {
    let keyword = |token, from, share| [KeyPositions::Keyword { token, from, share }];
    // XREAD: the first half of what follows.
    let streams = keyword("STREAMS", 1, 2);
    let line = "xread COUNT 2 streams a b 0 0";
    assert_eq!(keys(&streams, line), Some(vec![4, 5]));
    assert_eq!(keys(&streams, "xread COUNT 2"), Some(vec![]));
    assert_eq!(keys(&streams, "xread STREAMS"), Some(vec![]));
    // GEORADIUS: one.
    let store = keyword("STORE", 2, 0);
    assert_eq!(keys(&store, "toy a STORE b ALPHA"), Some(vec![3]));
    // MIGRATE: sought from the end, and then all.
    let last = keyword("KEYS", -2, 1);
    let line = "migrate host 1 '' 0 9 KEYS KEYS a b";
    assert_eq!(keys(&last, line), Some(vec![8, 9]));
    assert_eq!(keys(&last, "m"), None);
}

#[test]
fn a_key_may_follow_a_word_that_is_no_value_of_another() {
    let store = [KeyPositions::Option {
        token: "STORE",
        from: 2,
    }];
    let found = |line| keys(&store, line);
    assert_eq!(found("sort a store b ALPHA"), Some(vec![3]));
    assert_eq!(found("sort a STORE b STORE c"), Some(vec![5]));
    assert_eq!(found("sort a GET STORE by STORE STORE d"), Some(vec![7]));
    assert_eq!(found("sort a LIMIT 1 STORE d"), Some(vec![]));
    assert_eq!(found("sort a STORE get STORE c"), Some(vec![3]));
    assert_eq!(found("sort a STORE"), Some(vec![]));
}

#[test]
fn each_key_says_which_rule_found_it() {
    let rules = [
        KeyPositions::Range {
            first: 1,
            last: 1,
            step: 1,
        },
        KeyPositions::Counted {
            count: 2,
            first: 3,
            step: 1,
        },
    ];
    let spec = CommandSpec {
        keys: rules.to_vec(),
        ..command("toy", 0, -1, vec![])
    };
    let places = spec.key_places(request("toy to 2 a b").as_request());
    assert_eq!(places, Some(vec![(1, 0), (3, 1), (4, 1)]));
    // One rule that fails is enough.
    assert_eq!(spec.key_places(request("toy to 3 a b").as_request()), None);
}
