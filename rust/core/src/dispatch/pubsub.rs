//! Who listens to what, and how a message reaches them.
//!
//!     topics[kind]        name → [client, client, client …]
//!     session.listening   name → the client's place in that list
//!
//! Each side leads to the other, so subscribing, leaving and hanging up are O(1) a
//! topic: the last of a list takes the place of who leaves. A message costs one look-up
//! of its channel and one copy for each who hears it; it is encoded once for each
//! protocol, and a big one is shared instead of copied. Patterns are kept by what stands
//! before their first wildcard (`news.*` by `news.`): only those whose beginning is the
//! channel's are matched, at one look-up for each length of such beginnings.
//!
//! Invariants (`check`): every place in a session names that client in that list, no list
//! is empty, and every pattern is kept by its beginning.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::engine::Engine;
use super::pipeline::Sink;
use super::session::{Close, ReplyMode};
use crate::output::{Output, SHARED_BYTES_MIN};
use crate::reply::{Protocol, Reply};
use crate::resp::encode;
use crate::service::ClientId;
use crate::text::glob;

/// The name of a channel or a pattern, shared by all who listen to it.
type Name = Arc<[u8]>;
type ByName<T> = HashMap<Name, T, ahash::RandomState>;

/// What can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Channel,
    Pattern,
    /// A channel of a cluster's shard; PUBLISH and patterns do not reach it.
    Shard,
}

impl Topic {
    pub const ALL: [Topic; 3] = [Topic::Channel, Topic::Pattern, Topic::Shard];
}

/// Subscribers by topic.
#[derive(Debug, Default)]
pub struct Subscriptions {
    topics: [ByName<Vec<ClientId>>; 3],
    patterns: Patterns,
}

/// Patterns by their beginnings.
#[derive(Debug, Default)]
struct Patterns {
    by_beginning: HashMap<Box<[u8]>, Vec<Name>, ahash::RandomState>,
    /// How many beginnings have each length.
    lengths: BTreeMap<usize, usize>,
}

/// What a channel must begin with to match `pattern`.
fn beginning(pattern: &[u8]) -> &[u8] {
    let is_special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    let end = pattern.iter().position(is_special);
    &pattern[..end.unwrap_or(pattern.len())]
}

impl Patterns {
    fn add(&mut self, pattern: &Name) {
        let beginning = beginning(pattern);
        let lengths = &mut self.lengths;
        let entry = self.by_beginning.entry(beginning.into());
        let patterns = entry.or_insert_with(|| {
            *lengths.entry(beginning.len()).or_default() += 1;
            Vec::new()
        });
        patterns.push(Arc::clone(pattern));
    }

    fn remove(&mut self, pattern: &[u8]) {
        let beginning = beginning(pattern);
        let Some(patterns) = self.by_beginning.get_mut(beginning) else {
            return;
        };
        patterns.retain(|kept| **kept != *pattern);
        if patterns.is_empty() {
            self.by_beginning.remove(beginning);
            if let Some(count) = self.lengths.get_mut(&beginning.len()) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&beginning.len());
                }
            }
        }
    }

    /// Patterns that match `channel`.
    fn matching(&self, channel: &[u8]) -> Vec<Name> {
        let mut found = Vec::new();
        for (length, _) in self.lengths.range(..=channel.len()) {
            if let Some(patterns) = self.by_beginning.get(&channel[..*length]) {
                let matching = patterns.iter();
                let matching = matching.filter(|pattern| glob::matches(pattern, channel, false));
                found.extend(matching.cloned());
            }
        }
        found
    }
}

/// What one client listens to.
#[derive(Debug, Default)]
pub struct Listening {
    places: [ByName<usize>; 3],
    name_bytes: usize,
}

/// What a name costs beside its bytes: the count in front of it and the entry in the table.
const NAME_OVERHEAD_BYTES: usize = 48;

impl Listening {
    /// How many topics of a kind.
    pub fn count(&self, topic: Topic) -> usize {
        self.places[topic as usize].len()
    }

    /// How many of a kind as confirmations count them: channels and patterns together.
    fn count_told(&self, topic: Topic) -> usize {
        match topic {
            Topic::Channel | Topic::Pattern => {
                self.count(Topic::Channel) + self.count(Topic::Pattern)
            }
            Topic::Shard => self.count(Topic::Shard),
        }
    }

    fn is_empty(&self) -> bool {
        self.places.iter().all(HashMap::is_empty)
    }

    pub fn memory_bytes(&self) -> usize {
        let names: usize = self.places.iter().map(HashMap::len).sum();
        size_of::<Self>() + self.name_bytes + names * NAME_OVERHEAD_BYTES
    }
}

impl Subscriptions {
    /// How many topics of a kind have a listener.
    pub fn count(&self, topic: Topic) -> usize {
        self.topics[topic as usize].len()
    }

    /// How many listen to a topic.
    pub fn listeners(&self, topic: Topic, name: &[u8]) -> usize {
        self.topics[topic as usize].get(name).map_or(0, Vec::len)
    }

    /// Topics of a kind that have a listener and match `pattern`.
    pub fn matching(&self, topic: Topic, pattern: &[u8]) -> Vec<&[u8]> {
        let names = self.topics[topic as usize].keys().map(|name| &**name);
        names
            .filter(|name| glob::matches(pattern, name, false))
            .collect()
    }
}

/// A push as one protocol has it.
enum Encoded {
    Copied(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Encoded {
    fn new(parts: &[&[u8]], protocol: Protocol) -> Self {
        let mut bytes = Vec::new();
        encode::push_header(&mut bytes, parts.len(), protocol);
        for part in parts {
            encode::bulk(&mut bytes, part);
        }
        if bytes.len() < SHARED_BYTES_MIN {
            Encoded::Copied(bytes)
        } else {
            Encoded::Shared(Arc::new(bytes))
        }
    }

    fn append_to(&self, output: &mut Output) {
        match self {
            Encoded::Copied(bytes) => output.push(bytes),
            Encoded::Shared(bytes) => output.push_shared(Arc::clone(bytes)),
        }
    }
}

impl Engine {
    /// PUBLISH: sends `message` to all who listen to `channel` or a pattern that matches
    /// it; returns how often it was sent.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let parts = [&b"message"[..], channel, message];
        let mut receivers = self.deliver(Topic::Channel, channel, &parts);
        for pattern in self.subscriptions.patterns.matching(channel) {
            let parts = [&b"pmessage"[..], &pattern, channel, message];
            receivers += self.deliver(Topic::Pattern, &pattern, &parts);
        }
        receivers
    }

    /// SPUBLISH: sends `message` to all who listen to the shard's `channel`.
    pub fn publish_in_shard(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let parts = [&b"smessage"[..], channel, message];
        self.deliver(Topic::Shard, channel, &parts)
    }

    /// Hands a push to all who listen to a topic; returns how many.
    fn deliver(&mut self, topic: Topic, name: &[u8], parts: &[&[u8]]) -> usize {
        let Some(clients) = self.subscriptions.topics[topic as usize].get(name) else {
            return 0;
        };
        let count = clients.len();
        let mut encoded: [Option<Encoded>; 2] = [None, None];
        // Limits are looked at when the list of who listens is not in use any more.
        let mut far_behind: SmallVec<[ClientId; 4]> = SmallVec::new();
        for client in clients {
            let Some(session) = self.sessions.get_mut(client) else {
                continue;
            };
            if session.close != Close::No {
                continue;
            }
            if session.output.is_empty() {
                self.dirty_clients.push(*client);
            }
            let protocol = session.protocol;
            encoded[usize::from(protocol == Protocol::Resp3)]
                .get_or_insert_with(|| Encoded::new(parts, protocol))
                .append_to(&mut session.output);
            if session.output.bytes_pending() > OUTPUT_CHECK_BYTES {
                far_behind.push(*client);
            }
        }
        for client in far_behind {
            self.check_output_limit(client);
        }
        count
    }

    /// Lets the running command's client listen to a topic, and tells it so in `sink`.
    pub fn subscribe(&mut self, topic: Topic, name: &[u8], word: &str, sink: &mut dyn Sink) {
        let client = self.run.client;
        let session = self.sessions.get_mut(&client);
        let session = session.expect("the client of a running command has a session");
        let listening = session.listening.get_or_insert_with(Box::default);
        let places = &mut listening.places[topic as usize];
        if !places.contains_key(name) {
            let lists = &mut self.subscriptions.topics[topic as usize];
            let shared = lists.get_key_value(name).map(|(name, _)| Arc::clone(name));
            let shared = shared.unwrap_or_else(|| {
                let new: Name = Arc::from(name);
                if topic == Topic::Pattern {
                    self.subscriptions.patterns.add(&new);
                }
                new
            });
            let clients = lists.entry(Arc::clone(&shared)).or_default();
            places.insert(shared, clients.len());
            clients.push(client);
            listening.name_bytes += name.len();
        }
        let count = listening.count_told(topic);
        self.confirm(word, Some(name), count, sink);
    }

    /// Ends a subscription of the running command's client, if there is one.
    pub fn unsubscribe(&mut self, topic: Topic, name: &[u8], word: &str, sink: &mut dyn Sink) {
        let client = self.run.client;
        self.stop_listening(client, topic, name);
        let count = self.subscriptions_told(topic);
        self.confirm(word, Some(name), count, sink);
    }

    /// Ends all subscriptions of a kind of the running command's client.
    pub fn unsubscribe_all(&mut self, topic: Topic, word: &str, sink: &mut dyn Sink) {
        let client = self.run.client;
        let names = self.names_heard(client, topic);
        for name in &names {
            self.unsubscribe(topic, name, word, sink);
        }
        if names.is_empty() {
            let count = self.subscriptions_told(topic);
            self.confirm(word, None, count, sink);
        }
    }

    /// Ends all subscriptions of a client without a word.
    pub(super) fn forget_subscriptions(&mut self, client: ClientId) {
        for topic in Topic::ALL {
            for name in self.names_heard(client, topic) {
                self.stop_listening(client, topic, &name);
            }
        }
    }

    fn names_heard(&self, client: ClientId, topic: Topic) -> Vec<Name> {
        let session = self.sessions.get(&client);
        let listening = session.and_then(|session| session.listening.as_ref());
        listening.map_or_else(Vec::new, |listening| {
            listening.places[topic as usize].keys().cloned().collect()
        })
    }

    fn subscriptions_told(&mut self, topic: Topic) -> usize {
        let session = self.session(self.run.client);
        let listening = session.listening.as_ref();
        listening.map_or(0, |listening| listening.count_told(topic))
    }

    fn stop_listening(&mut self, client: ClientId, topic: Topic, name: &[u8]) {
        let kind = topic as usize;
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        let Some(listening) = &mut session.listening else {
            return;
        };
        let Some(place) = listening.places[kind].remove(name) else {
            return;
        };
        listening.name_bytes -= name.len();
        if listening.is_empty() {
            session.listening = None;
        }
        let Some(clients) = self.subscriptions.topics[kind].get_mut(name) else {
            return;
        };
        clients.swap_remove(place);
        if let Some(moved) = clients.get(place) {
            let listening = self.sessions.get_mut(moved).map(|it| &mut it.listening);
            if let Some(Some(listening)) = listening
                && let Some(its_place) = listening.places[kind].get_mut(name)
            {
                *its_place = place;
            }
        }
        if clients.is_empty() {
            self.subscriptions.topics[kind].remove(name);
            if topic == Topic::Pattern {
                self.subscriptions.patterns.remove(name);
            }
        }
    }

    /// Tells the running command's client of a subscription. As a push it comes even
    /// where CLIENT REPLY has silenced replies.
    fn confirm(&mut self, word: &str, name: Option<&[u8]>, count: usize, sink: &mut dyn Sink) {
        let client = self.run.client;
        let session = self.session(client);
        let (protocol, is_silenced) = (session.protocol, session.reply_mode != ReplyMode::On);
        let push = Reply::Push(vec![
            Reply::Bulk(word.into()),
            name.map_or(Reply::Null, |name| Reply::Bulk(name.into())),
            Reply::Integer(count as i64),
        ]);
        if is_silenced && sink.resp().is_some() {
            let mut output = Output::default();
            encode::encode(&push, protocol, &mut output);
            // In the place of the reply: before messages that the same client gets meanwhile.
            let spoken = &mut self.session(client).spoken;
            spoken.get_or_insert_default().extend(output.take_bytes());
        } else {
            sink.put(&push, protocol);
        }
    }

    /// Verifies that sessions and lists of listeners agree.
    pub fn check_subscriptions(&self) -> Result<(), String> {
        for topic in Topic::ALL {
            let kind = topic as usize;
            let mut listed = 0;
            for (name, clients) in &self.subscriptions.topics[kind] {
                if clients.is_empty() {
                    return Err(format!("nobody listens to {topic:?} {name:?}"));
                }
                listed += clients.len();
            }
            let mut heard = 0;
            for (client, session) in &self.sessions {
                let Some(listening) = &session.listening else {
                    continue;
                };
                for (name, place) in &listening.places[kind] {
                    let clients = self.subscriptions.topics[kind].get(name);
                    if clients.and_then(|clients| clients.get(*place)) != Some(client) {
                        return Err(format!("{client} is not in its place in {name:?}"));
                    }
                    heard += 1;
                }
            }
            if listed != heard {
                return Err(format!(
                    "{listed} listeners of {topic:?}, but {heard} listen"
                ));
            }
        }
        let Patterns {
            by_beginning,
            lengths,
        } = &self.subscriptions.patterns;
        let kept: usize = by_beginning.values().map(Vec::len).sum();
        let patterns = self.subscriptions.count(Topic::Pattern);
        if kept != patterns || lengths.values().sum::<usize>() != by_beginning.len() {
            return Err(format!(
                "{patterns} patterns, but {kept} by their beginnings"
            ));
        }
        Ok(())
    }
}

/// Outputs below this need no look at their limits.
const OUTPUT_CHECK_BYTES: usize = 1024;
