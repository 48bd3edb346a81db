//! The table of client-side caching: who read which key, who listens to which prefix.
//!
//!     readers    key → place in `keys`, [client, client …]
//!     keys       [key, key, key …]               to draw one at random
//!     prefixes   prefix → clients, keys changed in this turn
//!
//! Invariants (`check`): each key knows its place; readers ascend; all is counted.
//! Cost: remembering and forgetting a key O(1) and O(readers); a change one look-up for
//! each length of prefixes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::service::ClientId;

/// All keys that somebody read.
pub(super) type AllReaders = HashMap<Arc<[u8]>, Readers, ahash::RandomState>;

/// Who read one key.
#[derive(Debug)]
pub(super) struct Readers {
    /// Of the key in `TrackingTable::keys`.
    place: usize,
    /// In ascending order.
    clients: SmallVec<[ClientId; 2]>,
}

#[derive(Debug, Default)]
pub(super) struct Prefix {
    pub(super) clients: Vec<ClientId>,
    /// Who was the first to change each key in this turn.
    pub(super) changed: BTreeMap<Box<[u8]>, ClientId>,
}

/// All that is tracked.
#[derive(Debug, Default)]
pub struct TrackingTable {
    pub(super) clients: HashSet<ClientId, ahash::RandomState>,
    readers: AllReaders,
    /// The keys of `readers`, to draw one at random.
    pub(super) keys: Vec<Arc<[u8]>>,
    item_count: usize,
    pub(super) prefixes: BTreeMap<Box<[u8]>, Prefix>,
    /// How many prefixes have each length: a key is looked up once for each.
    prefix_lengths: BTreeMap<usize, usize>,
    pub(super) has_changed_prefixes: bool,
    pub(super) own: Vec<Own>,
}

/// What a running command's client must be told when its request is done.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) client: ClientId,
    /// Who is told in its place, should it end tracking before.
    pub(super) redirect: Option<ClientId>,
    /// None: everything changed.
    pub(super) key: Option<Box<[u8]>>,
}

impl TrackingTable {
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    pub fn key_count(&self) -> usize {
        self.readers.len()
    }

    /// Pairs of a key and a client that read it.
    pub fn item_count(&self) -> usize {
        self.item_count
    }

    pub fn prefix_count(&self) -> usize {
        self.prefixes.len()
    }

    /// A change of a key may concern somebody.
    #[inline]
    pub fn is_used(&self) -> bool {
        !(self.readers.is_empty() && self.prefixes.is_empty())
    }

    /// Some client is tracked.
    #[inline]
    pub fn has_clients(&self) -> bool {
        !self.clients.is_empty()
    }

    /// A request may have something to tell, or a client to be reset.
    #[inline]
    pub fn has_business(&self) -> bool {
        self.has_clients() || !self.own.is_empty()
    }

    pub(super) fn remember(&mut self, key: &[u8], client: ClientId) {
        if let Some(readers) = self.readers.get_mut(key) {
            if let Err(at) = readers.clients.binary_search(&client) {
                readers.clients.insert(at, client);
                self.item_count += 1;
            }
            return;
        }
        let key: Arc<[u8]> = Arc::from(key);
        let place = self.keys.len();
        self.keys.push(Arc::clone(&key));
        let clients = SmallVec::from_slice(&[client]);
        self.readers.insert(key, Readers { place, clients });
        self.item_count += 1;
    }

    /// Forgets a key; returns who had read it.
    pub(super) fn forget(&mut self, key: &[u8]) -> SmallVec<[ClientId; 2]> {
        let Some(readers) = self.readers.remove(key) else {
            return SmallVec::new();
        };
        self.keys.swap_remove(readers.place);
        if let Some(moved) = self.keys.get(readers.place)
            && let Some(its_readers) = self.readers.get_mut(moved)
        {
            its_readers.place = readers.place;
        }
        self.item_count -= readers.clients.len();
        readers.clients
    }

    /// Forgets all keys; returns what held them.
    pub(super) fn forget_all(&mut self) -> AllReaders {
        self.keys = Vec::new();
        self.item_count = 0;
        std::mem::take(&mut self.readers)
    }

    pub(super) fn listen(&mut self, prefix: &[u8], client: ClientId) {
        let lengths = &mut self.prefix_lengths;
        let entry = self.prefixes.entry(prefix.into()).or_insert_with(|| {
            *lengths.entry(prefix.len()).or_default() += 1;
            Prefix::default()
        });
        if !entry.clients.contains(&client) {
            entry.clients.push(client);
        }
    }

    pub(super) fn stop_listening(&mut self, prefix: &[u8], client: ClientId) {
        let Some(entry) = self.prefixes.get_mut(prefix) else {
            return;
        };
        entry.clients.retain(|listener| *listener != client);
        if entry.clients.is_empty() {
            self.prefixes.remove(prefix);
            if let Some(count) = self.prefix_lengths.get_mut(&prefix.len()) {
                *count -= 1;
                if *count == 0 {
                    self.prefix_lengths.remove(&prefix.len());
                }
            }
        }
    }

    pub(super) fn note_change(&mut self, key: &[u8], by: ClientId) {
        for length in self
            .prefix_lengths
            .range(..=key.len())
            .map(|(length, _)| *length)
        {
            if let Some(prefix) = self.prefixes.get_mut(&key[..length]) {
                self.has_changed_prefixes = true;
                if !prefix.changed.contains_key(key) {
                    prefix.changed.insert(key.into(), by);
                }
            }
        }
    }

    /// Verifies that keys and places agree and that everything is counted.
    pub fn check(&self) -> Result<(), String> {
        let mut items = 0;
        for (key, readers) in &self.readers {
            if self.keys.get(readers.place) != Some(key) {
                return Err(format!("{key:?} is not in its place"));
            }
            if !readers.clients.is_sorted() || readers.clients.is_empty() {
                return Err(format!("the readers of {key:?} are {:?}", readers.clients));
            }
            items += readers.clients.len();
        }
        if (self.keys.len(), self.item_count) != (self.readers.len(), items) {
            return Err(format!(
                "{} keys, {} items",
                self.keys.len(),
                self.item_count
            ));
        }
        let lengths: usize = self.prefix_lengths.values().sum();
        if lengths != self.prefixes.len() {
            return Err(format!(
                "{lengths} lengths of {} prefixes",
                self.prefixes.len()
            ));
        }
        Ok(())
    }
}
