//! The loop that serves all sockets.
//!
//!     sleep (no lock) → turn (engine's lock held):
//!         requests left over · read and execute · accept · tick · write · what can wait
//!
//! A turn costs one wait, and for each client that sent something one read and
//! one write, however many requests the read brought. Replies leave at the end
//! of the turn, after `Service::tick`, so that a journal can go before them.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use socket2::{SockRef, Socket, TcpKeepalive};

use super::connection::{Connection, Fate, Stream, Workbench, is_temporary};
use super::listener::Listener;
use super::patience::Patience;
use super::poll::{Interest, Poll, Ready};
use super::waker::{Demand, Waker};
use crate::service::{ClientId, Host, NetLimits, Outside, OutsidePointer, Peer, Service};

/// Keys of listeners; below are those of connections, which are their slots.
const LISTENER_KEYS: usize = 1 << (usize::BITS - 2);
/// Connections accepted in one turn from one listener.
const ACCEPTS_MAX: usize = 1000;
/// How long not to accept when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub struct EventLoop {
    sockets: Sockets,
    bench: Workbench,
    patience: Patience,
}

/// All that the loop watches, apart from the connection whose requests are executed.
struct Sockets {
    poll: Poll,
    waker: Waker,
    ready: Vec<Ready>,
    listeners: Vec<Listener>,
    accept_again: Option<Instant>,
    /// Empty: free, or its requests are executed and it is lent.
    connections: Vec<Option<Box<Connection>>>,
    free_slots: Vec<usize>,
    slots: AHashMap<ClientId, usize>,
    /// Slots with requests that may be executed without reading.
    runnable: Vec<usize>,
    /// Slots to write to at the end of the turn.
    to_write: Vec<usize>,
    /// For turns while a script takes long.
    bench: Option<Box<Workbench>>,
}

impl EventLoop {
    pub fn new() -> io::Result<EventLoop> {
        Self::with_poll(Poll::new()?)
    }

    /// The loop as it is on systems without epoll, for tests.
    #[doc(hidden)]
    pub fn portable() -> io::Result<EventLoop> {
        Self::with_poll(Poll::portable()?)
    }

    fn with_poll(poll: Poll) -> io::Result<EventLoop> {
        Ok(EventLoop {
            sockets: Sockets {
                waker: Waker::new(poll.wake_handle()),
                poll,
                ready: Vec::new(),
                listeners: Vec::new(),
                accept_again: None,
                connections: Vec::new(),
                free_slots: Vec::new(),
                slots: AHashMap::new(),
                runnable: Vec::new(),
                to_write: Vec::new(),
                bench: None,
            },
            bench: Workbench::new(),
            patience: Patience::default(),
        })
    }

    pub fn waker(&self) -> Waker {
        self.sockets.waker.clone()
    }

    pub fn add_listener(&mut self, listener: Listener) -> io::Result<()> {
        self.sockets.add_listener(listener)
    }

    /// Serves until `Service::is_stopping`; then writes what the sockets take and closes all.
    pub fn run<H: Host>(&mut self, host: &mut H) -> io::Result<()> {
        let mut sleep = Duration::ZERO;
        let mut is_stopping = false;
        let Self {
            sockets,
            bench,
            patience,
        } = self;
        while !is_stopping {
            let mut result = Ok(());
            host.detached(&mut || {
                let Sockets {
                    poll, ready, waker, ..
                } = &mut *sockets;
                result = patience.wait(poll, ready, waker, sleep);
            });
            result?;
            host.with_service(&mut |service| {
                sleep = sockets.turn(service, bench);
                is_stopping = service.is_stopping();
                if is_stopping {
                    sockets.close_all(service, bench);
                }
            });
        }
        Ok(())
    }
}

/// One turn of all other clients while one client's script takes long: it is answered, but
/// nobody waits for it, and nothing happens because time passes.
impl Outside for Sockets {
    fn turn(&mut self, service: &mut dyn Service) {
        let mut bench = self
            .bench
            .take()
            .unwrap_or_else(|| Box::new(Workbench::new()));
        // What the outer turn has not seen yet stays for it.
        let outer = std::mem::take(&mut self.ready);
        let is_ready = self.poll.wait(&mut self.ready, Duration::ZERO).is_ok();
        if is_ready {
            Sockets::turn(self, service, &mut bench);
        }
        self.ready = outer;
        self.bench = Some(bench);
    }
}

impl Sockets {
    fn add_listener(&mut self, listener: Listener) -> io::Result<()> {
        self.poll
            .add(&listener.socket, listener_key(&listener), Interest::READ)?;
        self.listeners.push(listener);
        Ok(())
    }

    /// Returns how long to sleep before the next turn.
    fn turn<S: Service + ?Sized>(&mut self, service: &mut S, bench: &mut Workbench) -> Duration {
        self.waker.begin_turn();
        self.obey_demands();
        let limits = service.net_limits();
        bench.output_bytes_pause = limits.output_bytes_pause;

        self.run_left_over(service, bench);
        let ready = std::mem::take(&mut self.ready);
        for event in ready.iter().filter(|event| event.key < LISTENER_KEYS) {
            self.serve(service, bench, event);
        }
        // Connections last: a slot freed above must not be taken by a newcomer before.
        for event in ready.iter().filter(|event| event.key >= LISTENER_KEYS) {
            self.accept(service, event.key, limits);
        }
        self.ready = ready;
        self.accept_later(None);

        let mut sleep = service.tick();
        self.follow(service);
        self.write_all(service, bench);
        if let Some(pause) = service.after_replies() {
            sleep = sleep.min(pause);
        }
        if let Some(again) = self.accept_again {
            sleep = sleep.min(again.saturating_duration_since(Instant::now()));
        }
        if self.runnable.is_empty() {
            sleep
        } else {
            Duration::ZERO
        }
    }

    fn obey_demands(&mut self) {
        while let Some(demand) = self.waker.next_demand() {
            match demand {
                // It fails only when the system has no memory; then nobody can connect.
                Demand::Add(listener) => drop(self.add_listener(listener)),
                Demand::Remove(id) => {
                    if let Some(index) = self.listeners.iter().position(|one| one.id() == id) {
                        let listener = self.listeners.swap_remove(index);
                        self.poll.remove(&listener.socket);
                    }
                }
            }
        }
    }

    /// Goes on with requests that an earlier turn had no time for, or that waited.
    fn run_left_over<S: Service + ?Sized>(&mut self, service: &mut S, bench: &mut Workbench) {
        for slot in std::mem::take(&mut self.runnable) {
            self.work(service, slot, |connection, service| {
                connection.is_runnable = false;
                connection.run_kept(service, bench)
            });
        }
    }

    fn serve<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        bench: &mut Workbench,
        event: &Ready,
    ) {
        let is_oneshot = self.poll.is_oneshot();
        self.work(service, event.key, |connection, service| {
            if is_oneshot {
                connection.interest = Interest {
                    readable: false,
                    writable: false,
                };
            }
            if event.readable {
                connection.read(service, bench)
            } else {
                Fate::Keep
            }
        });
    }

    /// Works on a connection; all others are lent to the service meanwhile.
    fn work<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        slot: usize,
        work: impl FnOnce(&mut Connection, &mut S) -> Fate,
    ) {
        let Some(mut connection) = self.connections.get_mut(slot).and_then(Option::take) else {
            return;
        };
        let others: *mut (dyn Outside + '_) = self;
        // SAFETY: only the lifetime is forgotten. The pointer is taken back below, before
        // `self` is used again.
        service.lend(unsafe {
            OutsidePointer::new(std::mem::transmute::<
                *mut (dyn Outside + '_),
                *mut (dyn Outside + 'static),
            >(others))
        });
        let fate = catch_unwind(AssertUnwindSafe(|| work(&mut connection, service)));
        service.lend(OutsidePointer::default());
        let fate = fate.unwrap_or_else(|payload| resume_unwind(payload));
        self.connections[slot] = Some(connection);
        self.after_requests(service, slot, fate);
    }

    fn after_requests<S: Service + ?Sized>(&mut self, service: &mut S, slot: usize, fate: Fate) {
        if fate == Fate::Close {
            return self.close(service, slot);
        }
        if let Some(Some(connection)) = self.connections.get(slot)
            && connection.is_runnable
        {
            self.runnable.push(slot);
        }
        self.queue_write(slot);
    }

    fn queue_write(&mut self, slot: usize) {
        if let Some(Some(connection)) = self.connections.get_mut(slot)
            && !connection.is_write_queued
        {
            connection.is_write_queued = true;
            self.to_write.push(slot);
        }
    }

    /// Does what the service asked for during the turn: resume, close, write.
    fn follow<S: Service + ?Sized>(&mut self, service: &mut S) {
        let mut clients = Vec::new();
        service.take_resumed(&mut clients);
        for client in clients.drain(..) {
            if let Some((slot, connection)) = self.find(client) {
                connection.is_paused = false;
                self.make_runnable(slot);
                self.queue_write(slot);
            }
        }
        service.take_dirty(&mut clients);
        for client in clients.drain(..) {
            if let Some((slot, _)) = self.find(client) {
                self.queue_write(slot);
            }
        }
        let mut closing = Vec::new();
        service.take_closing(&mut closing);
        for (client, is_after_reply) in closing {
            match self.find(client) {
                Some((slot, connection)) if is_after_reply => {
                    connection.is_closing = true;
                    self.queue_write(slot);
                }
                Some((slot, _)) => self.close(service, slot),
                // A caller inside the process.
                None => service.disconnected(client),
            }
        }
    }

    fn find(&mut self, client: ClientId) -> Option<(usize, &mut Connection)> {
        let slot = *self.slots.get(&client)?;
        Some((slot, self.connections[slot].as_mut()?))
    }

    fn make_runnable(&mut self, slot: usize) {
        if let Some(connection) = self.connections[slot].as_mut()
            && connection.has_unread()
            && connection.may_run()
            && !connection.is_runnable
        {
            connection.is_runnable = true;
            self.runnable.push(slot);
        }
    }

    fn write_all<S: Service + ?Sized>(&mut self, service: &mut S, bench: &mut Workbench) {
        let mut to_write = std::mem::take(&mut self.to_write);
        for slot in to_write.drain(..) {
            let Some(connection) = self.connections[slot].as_mut() else {
                continue;
            };
            connection.is_write_queued = false;
            let was_throttled = connection.is_throttled;
            if connection.write(service, bench) == Fate::Close {
                self.close(service, slot);
                continue;
            }
            let wanted = connection.interest_wanted();
            if wanted != connection.interest {
                connection.interest = wanted;
                if self.poll.modify(&connection.socket, slot, wanted).is_err() {
                    self.close(service, slot);
                    continue;
                }
            }
            if was_throttled {
                self.make_runnable(slot);
            }
        }
        self.to_write = to_write;
    }

    fn accept<S: Service + ?Sized>(&mut self, service: &mut S, key: usize, limits: NetLimits) {
        let Some(index) = self
            .listeners
            .iter()
            .position(|one| listener_key(one) == key)
        else {
            return;
        };
        for _ in 0..ACCEPTS_MAX {
            match self.listeners[index].socket.accept() {
                Ok((socket, address)) => {
                    // Who may not connect is hung up on without a word.
                    if let Some(peer) = self.listeners[index].peer_of(&socket, &address) {
                        self.welcome(service, socket, peer, limits);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if is_temporary(&error) => break,
                // No descriptors or no memory: the connection stays in the backlog,
                // and the listener would be reported ready at each wait.
                Err(_) => return self.accept_later(Some(ACCEPT_PAUSE)),
            }
        }
        if self.poll.is_oneshot() {
            self.watch_listeners(Interest::READ);
        }
    }

    /// Stops accepting for a while, or goes on when the while is over.
    fn accept_later(&mut self, pause: Option<Duration>) {
        if let Some(pause) = pause {
            self.accept_again = Some(Instant::now() + pause);
            self.watch_listeners(Interest {
                readable: false,
                writable: false,
            });
        } else if self
            .accept_again
            .is_some_and(|again| Instant::now() >= again)
        {
            self.accept_again = None;
            self.watch_listeners(Interest::READ);
        }
    }

    fn watch_listeners(&self, interest: Interest) {
        for listener in &self.listeners {
            // It cannot fail for a socket that is watched already.
            let _ = self
                .poll
                .modify(&listener.socket, listener_key(listener), interest);
        }
    }

    fn welcome<S: Service + ?Sized>(
        &mut self,
        service: &mut S,
        socket: Socket,
        peer: Peer,
        limits: NetLimits,
    ) {
        // A client may be gone already; whatever fails here, the next read tells.
        let _ = socket.set_nonblocking(true);
        if !peer.is_unix_socket {
            let _ = socket.set_tcp_nodelay(true);
            set_keepalive(&socket, limits.keepalive_seconds);
        }
        let client = match service.connected(peer) {
            Ok(client) => client,
            Err(farewell) => {
                let _ = Stream(&socket).write(&farewell);
                return;
            }
        };
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        if self.poll.add(&socket, slot, Interest::READ).is_err() {
            self.free_slots.push(slot);
            return service.disconnected(client);
        }
        self.connections[slot] = Some(Box::new(Connection::new(socket, client)));
        self.slots.insert(client, slot);
    }

    fn close<S: Service + ?Sized>(&mut self, service: &mut S, slot: usize) {
        if let Some(connection) = self.connections[slot].take() {
            self.poll.remove(&connection.socket);
            self.slots.remove(&connection.client);
            self.free_slots.push(slot);
            service.disconnected(connection.client);
        }
    }

    fn close_all<S: Service + ?Sized>(&mut self, service: &mut S, bench: &mut Workbench) {
        for slot in 0..self.connections.len() {
            if let Some(connection) = self.connections[slot].as_mut() {
                connection.write(service, bench);
                self.close(service, slot);
            }
        }
        for listener in self.listeners.drain(..) {
            self.poll.remove(&listener.socket);
        }
    }
}

fn listener_key(listener: &Listener) -> usize {
    LISTENER_KEYS + listener.id() as usize
}

fn set_keepalive(socket: &Socket, seconds: u32) {
    if seconds == 0 {
        return;
    }
    let interval = Duration::from_secs((seconds / 3).max(1).into());
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(seconds.into()))
        .with_interval(interval);
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(3);
    // Without it a vanished client is noticed later, that is all.
    let _ = SockRef::from(socket).set_tcp_keepalive(&keepalive);
}
