//! Who listens to which channel.

use std::collections::{BTreeMap, HashMap};

use super::engine::Engine;
use crate::reply::{Protocol, Reply};
use crate::resp::encode;
use crate::service::ClientId;
use crate::text::glob;

/// Subscribers by channel and by pattern, in the order in which they came.
#[derive(Debug, Default)]
pub struct Subscriptions {
    pub channels: HashMap<Vec<u8>, Vec<ClientId>, ahash::RandomState>,
    pub patterns: BTreeMap<Vec<u8>, Vec<ClientId>>,
}

impl Engine {
    /// Sends `message` to all who listen to `channel`; returns how many did.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let mut receivers = 0;
        if let Some(clients) = self.subscriptions.channels.get(channel).cloned() {
            let parts = [&b"message"[..], channel, message];
            receivers += self.push_message(&clients, &parts);
        }
        if !self.subscriptions.patterns.is_empty() {
            let matching: Vec<(Vec<u8>, Vec<ClientId>)> = self
                .subscriptions
                .patterns
                .iter()
                .filter(|(pattern, _)| glob::matches(pattern, channel, false))
                .map(|(pattern, clients)| (pattern.clone(), clients.clone()))
                .collect();
            for (pattern, clients) in matching {
                let parts = [&b"pmessage"[..], &pattern, channel, message];
                receivers += self.push_message(&clients, &parts);
            }
        }
        receivers
    }

    /// Encodes a push once for each protocol and hands it to each client.
    fn push_message(&mut self, clients: &[ClientId], parts: &[&[u8]]) -> usize {
        let push = Reply::Push(
            parts
                .iter()
                .map(|part| Reply::Bulk(part.to_vec()))
                .collect(),
        );
        let mut encoded: [Option<Vec<u8>>; 2] = [None, None];
        for client in clients {
            let Some(session) = self.sessions.get(client) else {
                continue;
            };
            let protocol = session.protocol;
            let bytes =
                encoded[usize::from(protocol == Protocol::Resp3)].get_or_insert_with(|| {
                    let mut output = crate::output::Output::default();
                    encode::encode(&push, protocol, &mut output);
                    output.take_bytes()
                });
            let bytes = std::mem::take(bytes);
            self.push_to(*client, &bytes);
            encoded[usize::from(protocol == Protocol::Resp3)] = Some(bytes);
        }
        clients.len()
    }
}
