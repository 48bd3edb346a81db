//! The engine: databases, sessions, settings and everything that outlives a command.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::aftermath::Bug;
use super::append_only::NextAof;
use super::blocking::Waiters;
use super::defragment::Defragmentation;
use super::direct::Direct;
use super::error::{ErrorTexts, Failure};
use super::eviction::Eviction;
use super::free::Freer;
use super::gate::Gate;
use super::journal::{Effect, Journal};
use super::pubsub::Subscriptions;
use super::saving::Snapshots;
use super::scripting::{ScriptFacts, ScriptRun};
use super::session::{Close, KeyName, ReplyMode, Session};
use super::settings::Settings;
use super::spec::{CommandId, CommandTable};
use super::statistics::Statistics;
use super::tracking::TrackingTable;
use super::triggers::Triggers;
use crate::aof::Appender;
use crate::clock::Clock;
use crate::keyspace::{Database, HashSeed};
use crate::rdb::libraries::Libraries;
use crate::service::{ClientId, OutsidePointer, Peer};
use crate::types::Detached;

/// Client identifiers are a counter: they need no hashing.
#[derive(Debug, Default, Clone, Copy)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole numbers are hashed here")
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

pub type ByClient<T> = HashMap<ClientId, T, BuildHasherDefault<IdentityHasher>>;

/// What the journal gets of the command that runs.
#[derive(Debug, Default, Clone)]
pub enum Propagation {
    /// The command as it came, if it changed anything.
    #[default]
    AsIs,
    /// These instead.
    Instead(Vec<Effect>),
    Nothing,
}

/// State of the command that runs; saved and restored around nested ones.
#[derive(Debug, Default)]
pub struct Run {
    pub client: ClientId,
    pub command: CommandId,
    pub database: usize,
    /// How many edits the command made; 0: nothing changed, nothing propagates.
    pub edits: u64,
    pub propagation: Propagation,
    /// EXEC or a script: its commands are one unit.
    pub depth: u32,
    /// Inside EXEC or a script nothing blocks.
    pub denies_blocking: bool,
    /// Reads do not touch the clock of entries (CLIENT NO-TOUCH, OBJECT, TYPE …).
    pub no_touch: bool,
    /// Arguments that logs and monitors must not show, by index.
    pub secrets: Vec<usize>,
    /// Whether the command ended in a bug.
    pub bug: Bug,
    /// A command that it executed changed something.
    pub has_executed_edits: bool,
    /// It is a trigger, and no command.
    pub is_trigger: bool,
    /// Which keys it edits, where that is noted (`flag::EXTENSION`).
    pub touched: Option<Vec<KeyName>>,
    /// Collections that an edit left empty; they go after the event that is sent for it.
    pub emptied: Vec<(usize, Box<[u8]>)>,
}

/// Who is held up by CLIENT PAUSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseKind {
    All,
    Write,
}

/// A session above this is freed in the background.
const BIG_SESSION_BYTES: usize = 1 << 20;

/// One store with all its databases and clients.
pub struct Engine {
    pub commands: Arc<CommandTable>,
    pub errors: ErrorTexts,
    pub settings: Settings,
    pub statistics: Statistics,
    pub journal: Journal,
    /// Where the journal goes on disk, if anywhere.
    pub aof: Option<Appender>,
    pub(super) next_aof: Option<NextAof>,
    /// Commands come from a file: nothing expires meanwhile, for the file says what did.
    pub is_replaying: bool,
    pub clock: Clock,
    /// Wall time of the command that runs; it stands still inside it.
    pub now_ms: i64,
    pub now_us: i64,
    /// The last monotonic reading; 0: take a new one before the next command.
    pub(super) last_reading_ns: u64,
    pub databases: Vec<Database>,
    pub seed: HashSeed,
    /// A new collection is made here before it enters the keyspace.
    pub(super) scratch: Detached,
    pub sessions: ByClient<Box<Session>>,
    pub run: Run,
    /// The depth of the EXEC whose queue runs; 0: none.
    pub(super) queue_depth: u32,
    /// A key is damaged: see `aftermath`.
    pub writes_stopped: bool,
    pub(super) effects: Vec<Effect>,
    pub subscriptions: Subscriptions,
    pub tracking: TrackingTable,
    pub triggers: Triggers,
    pub(super) watchers: HashMap<KeyName, Vec<ClientId>>,
    pub waiters: Waiters,
    pub(super) monitors: Vec<ClientId>,
    pub(super) dirty_clients: Vec<ClientId>,
    pub(super) closing_clients: Vec<(ClientId, bool)>,
    pub(super) resumed_clients: Vec<ClientId>,
    pub(super) postponed_clients: Vec<ClientId>,
    /// Whose output is above its soft limit.
    pub(super) soft_limited_clients: BTreeSet<ClientId>,
    pub pause: Option<(i64, PauseKind)>,
    /// The command that runs belongs to this process, which a pause would lock up.
    pub(super) ignores_pause: bool,
    /// Some client has used CLIENT NO-TOUCH; until then nobody looks for it.
    pub has_no_touch: bool,
    pub freer: Freer,
    pub(super) direct: Direct,
    pub gate: Gate,
    pub(super) eviction: Eviction,
    pub defragmentation: Defragmentation,
    pub random: fastrand::Rng,
    pub dirty_since_save: u64,
    pub started_ms: i64,
    pub is_stopping: bool,
    /// Nobody inside this process may become a client any more.
    pub has_ended: bool,
    /// Clients that are known to be other processes of this machine.
    pub other_processes: usize,
    pub exit_status: i32,
    pub loading: bool,
    pub(super) snapshots: Snapshots,
    /// The script that runs, if one does.
    pub script: Option<ScriptRun>,
    pub script_facts: ScriptFacts,
    /// Sources of functions, as files hold them.
    pub libraries: Libraries,
    /// The other clients' sockets, while a request of one runs.
    pub outside: OutsidePointer,
    next_client: ClientId,
    pub(super) last_cron_ms: i64,
    pub(super) cron_runs: u64,
}

impl Engine {
    /// An engine of `database_count` empty databases.
    pub fn new(database_count: usize) -> Self {
        let clock = Clock::default();
        let now_us = clock.wall_us(clock.monotonic_ns());
        let seed = HashSeed::random();
        Self {
            commands: Arc::default(),
            errors: ErrorTexts::default(),
            settings: Settings::default(),
            statistics: Statistics {
                tracks_latency: true,
                ..Statistics::default()
            },
            journal: Journal::default(),
            aof: None,
            next_aof: None,
            is_replaying: false,
            clock,
            now_ms: now_us / 1000,
            now_us,
            last_reading_ns: 0,
            databases: (0..database_count)
                .map(|_| Database::new(seed.clone()))
                .collect(),
            seed,
            scratch: Detached::new(),
            sessions: ByClient::default(),
            run: Run::default(),
            queue_depth: 0,
            writes_stopped: false,
            effects: Vec::new(),
            subscriptions: Subscriptions::default(),
            tracking: TrackingTable::default(),
            triggers: Triggers::default(),
            watchers: HashMap::new(),
            waiters: Waiters::default(),
            monitors: Vec::new(),
            dirty_clients: Vec::new(),
            closing_clients: Vec::new(),
            resumed_clients: Vec::new(),
            postponed_clients: Vec::new(),
            soft_limited_clients: BTreeSet::new(),
            pause: None,
            ignores_pause: false,
            has_no_touch: false,
            freer: Freer::default(),
            direct: Direct::default(),
            gate: Gate::default(),
            eviction: Eviction::default(),
            defragmentation: Defragmentation::default(),
            random: fastrand::Rng::new(),
            dirty_since_save: 0,
            started_ms: now_us / 1000,
            is_stopping: false,
            has_ended: false,
            other_processes: 0,
            exit_status: 0,
            loading: false,
            snapshots: Snapshots::default(),
            script: None,
            script_facts: ScriptFacts::default(),
            libraries: Libraries::default(),
            outside: OutsidePointer::default(),
            next_client: 1,
            last_cron_ms: now_us / 1000,
            cron_runs: 0,
        }
    }

    /// Hands over the commands.
    pub fn set_commands(&mut self, commands: CommandTable) {
        self.statistics
            .commands
            .resize(commands.specs.len(), Default::default());
        self.commands = Arc::new(commands);
    }

    /// Takes a new reading of the clock for work that is not a command.
    pub fn refresh_clock(&mut self) {
        let reading = self.clock.monotonic_ns();
        self.last_reading_ns = reading;
        self.set_now(reading);
    }

    #[inline]
    pub(super) fn set_now(&mut self, reading_ns: u64) {
        self.now_us = self.clock.wall_us(reading_ns);
        self.now_ms = self.now_us / 1000;
    }

    /// A new session; it needs a password when there is one.
    pub fn open_session(&mut self, peer: Peer) -> ClientId {
        let id = self.next_client;
        self.next_client += 1;
        let mut session = Session::new(id, peer, self.now_ms);
        session.is_authenticated = !self.settings.password_required;
        self.sessions.insert(id, Box::new(session));
        id
    }

    /// Whom CLIENT PAUSE holds up now, if anybody.
    pub fn pause_kind(&self) -> Option<PauseKind> {
        let (until_ms, kind) = self.pause?;
        (until_ms > self.now_ms && !self.ignores_pause).then_some(kind)
    }

    /// While clients are paused the data stand still: nothing expires, nothing is evicted.
    #[inline]
    pub fn is_paused(&self) -> bool {
        self.pause.is_some() && self.pause_kind().is_some()
    }

    /// Forgets a session and all that it held.
    pub fn close_session(&mut self, client: ClientId) {
        self.leave(client);
        if let Some(session) = self.sessions.remove(&client)
            && session.memory_bytes() > BIG_SESSION_BYTES
        {
            self.freer.free(session);
        }
    }

    /// Forgets the clients inside this process, for good; those that wait hear of it.
    pub fn end_embedded(&mut self) {
        self.has_ended = true;
        let sessions = self.sessions.values();
        let own: Vec<_> = sessions
            .filter_map(|session| Some((session.id, session.alarm.clone()?)))
            .collect();
        for (client, alarm) in own {
            self.close_session(client);
            alarm.ring();
        }
    }

    /// Takes a client out of all that leads to it.
    fn leave(&mut self, client: ClientId) {
        self.unwatch(client);
        self.forget_subscriptions(client);
        self.abandon_wait(client);
        self.stop_tracking(client);
        self.monitors.retain(|monitor| *monitor != client);
        self.postponed_clients
            .retain(|postponed| *postponed != client);
    }

    /// CLIENT KILL: from now on the client is as good as gone.
    pub fn kill_client(&mut self, client: ClientId) {
        self.leave(client);
        self.close_client(client, false);
    }

    /// A client's session, unless it was killed.
    pub fn live_session(&self, client: ClientId) -> Option<&Session> {
        let session = self.sessions.get(&client)?;
        (session.close != Close::Now).then_some(session)
    }

    /// The session of a client that is known to be there.
    #[inline]
    pub fn session(&mut self, client: ClientId) -> &mut Session {
        self.sessions
            .get_mut(&client)
            .expect("a request's client has a session until it ends")
    }

    /// How many keys at least one client watches.
    pub fn watched_keys(&self) -> usize {
        self.watchers.len()
    }

    /// Closes a client (CLIENT KILL, limits), at once or when its output is written.
    pub fn close_client(&mut self, client: ClientId, after_reply: bool) {
        if let Some(session) = self.sessions.get_mut(&client) {
            session.close = if after_reply {
                Close::AfterReply
            } else {
                Close::Now
            };
            self.closing_clients.push((client, after_reply));
        }
    }

    /// Appends bytes to a client's output outside of its own request.
    pub fn push_to(&mut self, client: ClientId, bytes: &[u8]) {
        if let Some(session) = self.sessions.get_mut(&client)
            && session.close == Close::No
        {
            if session.output.is_empty() {
                self.dirty_clients.push(client);
            }
            session.output.push(bytes);
            session.ring();
            self.check_output_limit(client);
        }
    }

    /// Whether the event loop has something to do for clients (bytes to write, requests
    /// to go on with, connections to close), and whether the append-only file is to get
    /// something.
    pub fn leaves_work(&self) -> (bool, bool) {
        let is_idle = self.dirty_clients.is_empty()
            && self.resumed_clients.is_empty()
            && self.closing_clients.is_empty();
        (!is_idle, self.journal.pending_bytes() > 0)
    }

    /// Closes a client whose output passed its hard limit, or stays above its soft one.
    pub(super) fn check_output_limit(&mut self, client: ClientId) {
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        if session.close != Close::No {
            return;
        }
        // Monitors, too, count as normal clients.
        let (hard, soft, soft_seconds) = if session.is_subscribed() {
            self.settings.output_limit_pubsub
        } else {
            self.settings.output_limit_normal
        };
        let held = session.output.bytes_pending();
        let mut is_over = hard > 0 && held >= hard;
        if soft > 0 && held >= soft {
            self.soft_limited_clients.insert(client);
            let since = *session.soft_limit_since_ms.get_or_insert(self.now_ms);
            is_over |= self.now_ms - since > soft_seconds as i64 * 1000;
        } else {
            session.soft_limit_since_ms = None;
        }
        if is_over {
            session.output.clear();
            self.statistics.counters.output_buffer_limit_disconnections += 1;
            self.close_client(client, false);
        }
    }

    /// The line of a failure, counted as an error reply.
    pub fn error_line(&mut self, failure: &Failure) -> Vec<u8> {
        let line = self.errors.line(failure);
        self.statistics.error_replied(&line);
        line
    }

    /// Selects the database of the running command's client.
    pub fn select(&mut self, index: i64) -> Result<(), Failure> {
        let index = self.database_index(index)?;
        self.run.database = index;
        let client = self.run.client;
        self.session(client).database = index;
        Ok(())
    }

    /// RESET: the running command's client becomes as new.
    pub fn reset_session(&mut self) {
        let client = self.run.client;
        self.set_monitor(client, false);
        self.unwatch(client);
        self.forget_subscriptions(client);
        self.stop_tracking(client);
        self.run.database = 0;
        let needs_password = self.settings.password_required;
        let session = self.session(client);
        session.queue = None;
        session.database = 0;
        session.protocol = Default::default();
        session.name.clear();
        session.user = Arc::from("default");
        session.is_authenticated = !needs_password;
        if session.reply_mode == ReplyMode::Off {
            session.reply_mode = ReplyMode::On;
        }
        session.no_evict = false;
        session.no_touch = false;
    }

    /// Begins or ends MONITOR for a client.
    pub fn set_monitor(&mut self, client: ClientId, is_on: bool) {
        self.monitors.retain(|monitor| *monitor != client);
        if is_on {
            self.monitors.push(client);
        }
        self.session(client).is_monitor = is_on;
    }
}
