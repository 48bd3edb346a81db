//! Client-side caching: who holds a copy of which key, and telling them when it changes.
//!
//! A client that reads a key in the default mode is remembered until the key changes; it
//! is then told once and forgotten. Names alone count, as in Redis: a key of another
//! database is the same key here. The table holds at most `tracking-table-max-keys`; above
//! that random keys are taken for changed. A client that left or turned tracking off stays
//! in the lists until their keys change; its number is never used again.
//!
//! What the running command's own client must be told follows its reply and its other
//! pushes; what clients in broadcasting mode must be told is collected until the end of
//! the turn, so that each hears once of a key that changes often.

use std::sync::Arc;

use super::engine::Engine;
use super::pipeline::Invocation;
use super::session::Close;
use super::spec::CommandSpec;
use super::tracking_table::Own;
pub use super::tracking_table::TrackingTable;
use crate::reply::Protocol;
use crate::resp::encode;
use crate::service::ClientId;

/// Nobody: the key expired or was evicted.
pub const NOBODY: ClientId = 0;

/// Which of its reads a client wants to be tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    All,
    /// Those behind CLIENT CACHING YES.
    OptIn,
    /// All but those behind CLIENT CACHING NO.
    OptOut,
    /// None: changes of all keys that begin with its prefixes.
    Broadcast,
}

/// How one client is tracked.
#[derive(Debug, Default)]
pub struct Tracking {
    pub mode: Mode,
    /// It does not want to hear of its own changes.
    pub skips_own: bool,
    /// Who is told in its place.
    pub redirect: Option<ClientId>,
    pub is_redirect_broken: bool,
    /// CLIENT CACHING: the next command is an exception.
    pub is_exception: bool,
    /// In broadcasting mode.
    pub prefixes: Vec<Box<[u8]>>,
}

impl Tracking {
    fn remembers_reads(&self) -> bool {
        match self.mode {
            Mode::All => true,
            Mode::OptIn => self.is_exception,
            Mode::OptOut => !self.is_exception,
            Mode::Broadcast => false,
        }
    }

    pub fn memory_bytes(&self) -> usize {
        let prefixes = self.prefixes.iter();
        size_of::<Self>() + prefixes.map(|prefix| prefix.len() + 16).sum::<usize>()
    }
}

/// Keys that are drawn at a time when the table is above its limit.
const EVICTIONS_MAX: usize = 1000;
/// A table of more keys is freed in the background.
const FREED_HERE_MAX: usize = 1000;

/// What changed, as it is told.
enum Changed<'a> {
    /// An array of keys in RESP.
    Keys(&'a [u8]),
    Everything,
}

/// Where clients that speak RESP2 listen for what others are told as pushes.
const CHANNEL: &[u8] = b"__redis__:invalidate";

impl Engine {
    /// CLIENT TRACKING ON: begins, or changes how the running command's client is tracked.
    pub fn track(&mut self, mut tracking: Tracking) {
        let client = self.run.client;
        if let Some(old) = &self.session(client).tracking {
            tracking.is_exception = old.is_exception;
        }
        for prefix in &tracking.prefixes {
            self.tracking.listen(prefix, client);
        }
        self.tracking.clients.insert(client);
        self.session(client).tracking = Some(Box::new(tracking));
    }

    /// Ends the tracking of a client.
    pub fn stop_tracking(&mut self, client: ClientId) {
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        if let Some(tracking) = session.tracking.take() {
            self.tracking.clients.remove(&client);
            for prefix in &tracking.prefixes {
                self.tracking.stop_listening(prefix, client);
            }
        }
    }

    /// Remembers that the running command's client read its keys, if it wants that.
    #[cold]
    pub(super) fn remember_reads(&mut self, spec: &CommandSpec, invocation: &Invocation<'_>) {
        let client = invocation.client;
        let session = self.sessions.get(&client);
        let tracking = session.and_then(|session| session.tracking.as_ref());
        if !tracking.is_some_and(|tracking| tracking.remembers_reads()) {
            return;
        }
        for index in spec.key_indices(invocation.request).unwrap_or_default() {
            self.tracking
                .remember(invocation.request.get(index), client);
        }
        self.limit_tracking_table();
    }

    /// Forgets keys until the table is within its limit, or for now has done enough.
    pub(super) fn limit_tracking_table(&mut self) {
        let keys_max = self.settings.tracking_keys_max;
        for _ in 0..EVICTIONS_MAX {
            let count = self.tracking.keys.len();
            if keys_max == 0 || count <= keys_max {
                return;
            }
            let key = Arc::clone(&self.tracking.keys[self.random.usize(..count)]);
            self.invalidate(&key, NOBODY);
        }
    }

    /// A key changed: tells those who read it, and notes it for those who listen to a prefix.
    #[cold]
    pub(super) fn tracked_key_changed(&mut self, key: &[u8], by: ClientId) {
        if !self.tracking.prefixes.is_empty() {
            self.tracking.note_change(key, by);
        }
        self.invalidate(key, by);
    }

    fn invalidate(&mut self, key: &[u8], by: ClientId) {
        let readers = self.tracking.forget(key);
        if readers.is_empty() {
            return;
        }
        let mut encoded = Vec::new();
        encode::array_header(&mut encoded, 1);
        encode::bulk(&mut encoded, key);
        for client in readers {
            let session = self.sessions.get(&client);
            let tracking = session.and_then(|session| session.tracking.as_ref());
            let is_told = tracking.is_some_and(|tracking| {
                tracking.mode != Mode::Broadcast && !(tracking.skips_own && client == by)
            });
            if !is_told {
                continue;
            }
            if client == self.run.client {
                self.tell_later(client, Some(key));
            } else {
                self.tell(client, &Changed::Keys(&encoded));
            }
        }
    }

    /// A database was emptied: everybody may forget everything.
    pub(super) fn tracked_keys_flushed(&mut self) {
        let running = self.run.client;
        let mut clients: Vec<ClientId> = self.tracking.clients.iter().copied().collect();
        clients.sort_unstable();
        for client in clients {
            if client == running {
                self.tell_later(client, None);
            } else {
                self.tell(client, &Changed::Everything);
            }
        }
        let old = self.tracking.forget_all();
        if old.len() > FREED_HERE_MAX {
            self.freer.free(old);
        }
    }

    /// Tells clients of their own changes, which wait until the command is over.
    pub(super) fn tell_own_changes(&mut self) {
        for own in std::mem::take(&mut self.tracking.own) {
            match own.key {
                None => self.tell_instead(own.client, own.redirect, &Changed::Everything),
                Some(key) => {
                    let mut encoded = Vec::new();
                    encode::array_header(&mut encoded, 1);
                    encode::bulk(&mut encoded, &key);
                    self.tell_instead(own.client, own.redirect, &Changed::Keys(&encoded));
                }
            }
        }
    }

    /// A client's request is done: tells it of its own changes, and forgets the exception
    /// that CLIENT CACHING made for it.
    #[cold]
    pub(super) fn finish_tracked_request(&mut self, client: ClientId) {
        self.tell_own_changes();
        let commands = Arc::clone(&self.commands);
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        let Some(tracking) = &mut session.tracking else {
            return;
        };
        let command = session.last_command.map(|id| &commands.specs[id].name);
        let is_about_clients = command.is_some_and(|name| name.starts_with("client|"));
        if !is_about_clients && session.queue.is_none() {
            tracking.is_exception = false;
        }
    }

    /// Tells clients in broadcasting mode what changed in this turn.
    pub(super) fn broadcast_changes(&mut self) {
        if !std::mem::take(&mut self.tracking.has_changed_prefixes) {
            return;
        }
        let mut messages = Vec::new();
        for prefix in self.tracking.prefixes.values_mut() {
            if !prefix.changed.is_empty() {
                messages.push((prefix.clients.clone(), std::mem::take(&mut prefix.changed)));
            }
        }
        for (clients, changed) in messages {
            let all = encoded_keys(changed.keys());
            for client in clients {
                let session = self.sessions.get(&client);
                let tracking = session.and_then(|session| session.tracking.as_ref());
                let skips_own = tracking.is_some_and(|tracking| tracking.skips_own);
                if !skips_own || !changed.values().any(|by| *by == client) {
                    self.tell(client, &Changed::Keys(&all));
                    continue;
                }
                let others = changed.iter().filter(|(_, by)| **by != client);
                let others: Vec<_> = others.map(|(key, _)| key).collect();
                if !others.is_empty() {
                    let keys = encoded_keys(others.into_iter());
                    self.tell(client, &Changed::Keys(&keys));
                }
            }
        }
    }

    fn tell_later(&mut self, client: ClientId, key: Option<&[u8]>) {
        let tracking = &self.session(client).tracking;
        let redirect = tracking.as_ref().and_then(|tracking| tracking.redirect);
        let key = key.map(Box::from);
        self.tracking.own.push(Own {
            client,
            redirect,
            key,
        });
    }

    /// Sends an invalidation to a tracked client, or to whom it is redirected.
    fn tell(&mut self, client: ClientId, changed: &Changed<'_>) {
        self.tell_instead(client, None, changed);
    }

    /// As `tell`; `redirect` is who is told for a client that is not tracked any more.
    fn tell_instead(
        &mut self,
        client: ClientId,
        redirect: Option<ClientId>,
        changed: &Changed<'_>,
    ) {
        let Some(session) = self.sessions.get(&client) else {
            return;
        };
        let protocol = session.protocol;
        let tracking = session.tracking.as_ref();
        let redirect = tracking.map_or(redirect, |tracking| tracking.redirect);
        let target = redirect.unwrap_or(client);
        let listener = self.sessions.get(&target);
        if listener.is_none_or(|session| session.close != Close::No) {
            self.redirect_broke(client, target, protocol);
            return;
        }
        let session = self.session(target);
        let protocol = session.protocol;
        let mut message = Vec::new();
        match protocol {
            Protocol::Resp3 => {
                encode::push_header(&mut message, 2, protocol);
                encode::bulk(&mut message, b"invalidate");
            }
            Protocol::Resp2 if redirect.is_some() && session.is_subscribed() => {
                encode::push_header(&mut message, 3, protocol);
                encode::bulk(&mut message, b"message");
                encode::bulk(&mut message, CHANNEL);
            }
            // It has no way to hear of it.
            Protocol::Resp2 => return,
        }
        match changed {
            Changed::Keys(encoded) => message.extend_from_slice(encoded),
            Changed::Everything => encode::null(&mut message, protocol),
        }
        self.push_to(target, &message);
    }

    /// Who should be told instead is gone: the client hears that, if it can.
    fn redirect_broke(&mut self, client: ClientId, target: ClientId, protocol: Protocol) {
        if let Some(tracking) = &mut self.session(client).tracking {
            tracking.is_redirect_broken = true;
        }
        if protocol == Protocol::Resp3 {
            let mut message = Vec::new();
            encode::push_header(&mut message, 2, protocol);
            encode::bulk(&mut message, b"tracking-redir-broken");
            encode::integer(&mut message, target as i64);
            self.push_to(client, &message);
        }
    }
}

fn encoded_keys<'a>(keys: impl ExactSizeIterator<Item = &'a Box<[u8]>>) -> Vec<u8> {
    let mut encoded = Vec::new();
    encode::array_header(&mut encoded, keys.len());
    for key in keys {
        encode::bulk(&mut encoded, key);
    }
    encoded
}
