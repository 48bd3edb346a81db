//! Facts about client-side caching: who read a key hears once of its change.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::Stage;
use crate::dispatch::tracking::{Mode, Tracking};
use crate::reply::Protocol;
use crate::service::Service;

#[derive(Debug, Clone)]
enum Step {
    Track(usize, bool),
    Stop(usize),
    Get(usize, char),
    Set(usize, char),
    Leave(usize),
}

const CLIENTS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, key) = (0..CLIENTS, prop::char::range('a', 'd'));
    prop::collection::vec(
        prop_oneof![
            2 => (who.clone(), any::<bool>()).prop_map(|(who, skips)| Step::Track(who, skips)),
            1 => who.clone().prop_map(Step::Stop),
            5 => (who.clone(), key.clone()).prop_map(|(who, key)| Step::Get(who, key)),
            4 => (who.clone(), key).prop_map(|(who, key)| Step::Set(who, key)),
            1 => who.prop_map(Step::Leave),
        ],
        0..80,
    )
}

fn join(stage: &mut Stage) -> u64 {
    let client = stage.join();
    stage.core.engine.session(client).protocol = Protocol::Resp3;
    client
}

proptest! {
    #[test]
    fn readers_hear_once_of_a_change(steps in steps()) {
        let mut stage = Stage::new();
        let mut clients: Vec<u64> = (0..CLIENTS).map(|_| join(&mut stage)).collect();
        // The obvious definition: who reads while it is tracked is told of the next change.
        let mut tracked: BTreeMap<u64, bool> = BTreeMap::new();
        let mut readers: BTreeMap<char, BTreeSet<u64>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Track(who, skips_own) => {
                    let engine = &mut stage.core.engine;
                    engine.run.client = clients[who];
                    engine.track(Tracking { skips_own, ..Tracking::default() });
                    engine.run.client = 0;
                    tracked.insert(clients[who], skips_own);
                }
                Step::Stop(who) => {
                    stage.core.engine.stop_tracking(clients[who]);
                    tracked.remove(&clients[who]);
                }
                Step::Get(who, key) => {
                    stage.say_as(clients[who], &format!("get {key}"));
                    if tracked.contains_key(&clients[who]) {
                        readers.entry(key).or_default().insert(clients[who]);
                    }
                }
                Step::Set(who, key) => {
                    let reply = stage.say_as(clients[who], &format!("set {key} 1"));
                    let push = format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n{key}\r\n");
                    for reader in readers.remove(&key).unwrap_or_default() {
                        let skips_own = tracked.get(&reader).copied();
                        let is_own = reader == clients[who];
                        let is_told = skips_own.is_some_and(|skips_own| !(skips_own && is_own));
                        if is_own {
                            let wanted = if is_told { push.as_str() } else { "" };
                            prop_assert_eq!(&reply, &format!("+OK\r\n{wanted}"));
                        } else if is_told {
                            prop_assert_eq!(stage.heard(reader), push.clone());
                        }
                    }
                }
                Step::Leave(who) => {
                    stage.core.disconnected(clients[who]);
                    tracked.remove(&clients[who]);
                    clients[who] = join(&mut stage);
                }
            }
            prop_assert_eq!(stage.core.engine.tracking.check(), Ok(()));
            for client in &clients {
                prop_assert_eq!(stage.heard(*client), "");
            }
        }
        prop_assert_eq!(stage.core.engine.tracking.client_count(), tracked.len());
        let items: usize = readers.values().map(BTreeSet::len).sum();
        prop_assert_eq!(stage.core.engine.tracking.item_count(), items);
    }
}

#[test]
fn the_table_keeps_to_its_limit() {
    let mut stage = Stage::new();
    stage.core.engine.settings.tracking_keys_max = 10;
    let client = join(&mut stage);
    stage.core.engine.run.client = client;
    stage.core.engine.track(Tracking::default());
    for number in 0..100 {
        stage.say_as(client, &format!("get {number}"));
        assert!(stage.core.engine.tracking.key_count() <= 10);
    }
    stage.core.engine.settings.tracking_keys_max = 3;
    stage.advance(1000);
    stage.core.tick();
    assert_eq!(stage.core.engine.tracking.key_count(), 3);
    assert_eq!(stage.core.engine.tracking.check(), Ok(()));
}

#[test]
fn prefixes_are_told_at_the_end_of_a_turn() {
    let mut stage = Stage::new();
    let (client, other) = (join(&mut stage), join(&mut stage));
    stage.core.engine.run.client = client;
    stage.core.engine.track(Tracking {
        mode: Mode::Broadcast,
        prefixes: vec![b"u:".as_slice().into()],
        ..Tracking::default()
    });
    for line in ["set u:2 1", "set u:1 1", "set v:1 1", "set u:2 2"] {
        stage.say_as(other, line);
    }
    assert_eq!(stage.heard(client), "");
    stage.core.tick();
    assert_eq!(
        stage.heard(client),
        ">2\r\n$10\r\ninvalidate\r\n*2\r\n$3\r\nu:1\r\n$3\r\nu:2\r\n"
    );
    stage.core.tick();
    assert_eq!(stage.heard(client), "");
}
