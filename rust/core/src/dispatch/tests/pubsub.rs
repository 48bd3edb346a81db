//! Facts about subscriptions: both sides agree, whoever comes and goes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Stage;
use crate::dispatch::pipeline::RespSink;
use crate::dispatch::pubsub::Topic;
use crate::service::Service;
use crate::text::glob;

#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize, usize, u8),
    Unsubscribe(usize, usize, u8),
    UnsubscribeAll(usize, usize),
    Leave(usize),
}

const CLIENTS: usize = 4;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, kind, name) = (0..CLIENTS, 0..Topic::ALL.len(), b'a'..b'f');
    prop::collection::vec(
        prop_oneof![
            4 => (who.clone(), kind.clone(), name.clone())
                .prop_map(|(who, kind, name)| Step::Subscribe(who, kind, name)),
            3 => (who.clone(), kind.clone(), name)
                .prop_map(|(who, kind, name)| Step::Unsubscribe(who, kind, name)),
            1 => (who.clone(), kind).prop_map(|(who, kind)| Step::UnsubscribeAll(who, kind)),
            1 => who.prop_map(Step::Leave),
        ],
        0..80,
    )
}

proptest! {
    #[test]
    fn who_listens_is_known_on_both_sides(steps in steps()) {
        let mut stage = Stage::new();
        let mut clients: Vec<u64> = (0..CLIENTS).map(|_| stage.join()).collect();
        // The obvious definition: a set of (who, kind, name).
        let mut model: BTreeSet<(usize, usize, u8)> = BTreeSet::new();
        for step in steps {
            let mut sink = RespSink::default();
            let engine = &mut stage.core.engine;
            match step {
                Step::Subscribe(who, kind, name) => {
                    engine.run.client = clients[who];
                    engine.subscribe(Topic::ALL[kind], &[name], "subscribe", &mut sink);
                    model.insert((who, kind, name));
                }
                Step::Unsubscribe(who, kind, name) => {
                    engine.run.client = clients[who];
                    engine.unsubscribe(Topic::ALL[kind], &[name], "unsubscribe", &mut sink);
                    model.remove(&(who, kind, name));
                }
                Step::UnsubscribeAll(who, kind) => {
                    engine.run.client = clients[who];
                    engine.unsubscribe_all(Topic::ALL[kind], "unsubscribe", &mut sink);
                    model.retain(|(its_who, its_kind, _)| (*its_who, *its_kind) != (who, kind));
                }
                Step::Leave(who) => {
                    stage.core.disconnected(clients[who]);
                    clients[who] = stage.join();
                    model.retain(|(its_who, ..)| *its_who != who);
                }
            }
            let engine = &mut stage.core.engine;
            prop_assert_eq!(engine.check_subscriptions(), Ok(()));
            for (who, client) in clients.iter().enumerate() {
                let is_there = model.range((who, 0, 0)..(who + 1, 0, 0)).next().is_some();
                prop_assert_eq!(engine.session(*client).is_subscribed(), is_there);
            }
        }
        let engine = &mut stage.core.engine;
        for name in b'a'..b'f' {
            let listeners = |kind| model.iter().filter(|it| (it.1, it.2) == (kind, name)).count();
            // No name here is a pattern of more than itself.
            prop_assert_eq!(engine.publish(&[name], b"x"), listeners(0) + listeners(1));
            prop_assert_eq!(engine.publish_in_shard(&[name], b"x"), listeners(2));
        }
        prop_assert_eq!(engine.check_subscriptions(), Ok(()));
    }
}

#[test]
fn a_big_message_is_shared_by_all_who_hear_it() {
    let mut stage = Stage::new();
    let clients: Vec<u64> = (0..10).map(|_| stage.join()).collect();
    for client in &clients {
        let mut sink = RespSink::default();
        stage.core.engine.run.client = *client;
        let engine = &mut stage.core.engine;
        engine.subscribe(Topic::Channel, b"a", "subscribe", &mut sink);
    }
    let message = vec![b'x'; 1 << 20];
    let before = crate::memory::used_bytes();
    assert_eq!(stage.core.engine.publish(b"a", &message), clients.len());
    // Other tests of this process allocate, too, but not ten megabytes.
    assert!(crate::memory::used_bytes() < before + 5 * message.len());
    for client in clients {
        let heard = stage.core.output(client).take_bytes();
        assert!(heard.ends_with(b"xxx\r\n"));
        assert_eq!(
            heard.len(),
            "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1048576\r\n\r\n".len() + message.len()
        );
    }
}

proptest! {
    #[test]
    fn a_channel_finds_the_patterns_that_match_it(
        patterns in prop::collection::btree_set("[ab*?\\\\\\[\\]]{0,4}", 0..12),
        gone in prop::collection::vec(any::<bool>(), 12),
        channels in prop::collection::vec("[ab]{0,4}", 1..6),
    ) {
        let mut stage = Stage::new();
        let client = stage.join();
        let engine = &mut stage.core.engine;
        engine.run.client = client;
        let mut sink = RespSink::default();
        for pattern in &patterns {
            engine.subscribe(Topic::Pattern, pattern.as_bytes(), "psubscribe", &mut sink);
        }
        let mut kept = Vec::new();
        for (pattern, is_gone) in patterns.iter().zip(gone) {
            if is_gone {
                engine.unsubscribe(Topic::Pattern, pattern.as_bytes(), "punsubscribe", &mut sink);
            } else {
                kept.push(pattern);
            }
        }
        prop_assert_eq!(engine.check_subscriptions(), Ok(()));
        for channel in &channels {
            let matches = |pattern: &str| glob::matches(pattern.as_bytes(), channel.as_bytes(), false);
            let matching = kept.iter().filter(|pattern| matches(pattern)).count();
            prop_assert_eq!(engine.publish(channel.as_bytes(), b"x"), matching);
        }
    }
}
