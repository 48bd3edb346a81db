//! The other systems (kqueue, event ports, Windows), through crate `polling`:
//! level-triggered where that exists, else one event per `modify`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};
use socket2::Socket;

use super::{Interest, Ready, Wake};

pub struct Portable {
    poller: Arc<Poller>,
    mode: PollMode,
    events: Events,
}

struct WakePoller(Arc<Poller>);

impl Wake for WakePoller {
    fn wake(&self) {
        // A poller that cannot be woken is gone, and its loop with it.
        let _ = self.0.notify();
    }
}

impl Portable {
    pub fn new() -> io::Result<Portable> {
        let poller = Poller::new()?;
        let mode = if poller.supports_level() {
            PollMode::Level
        } else {
            PollMode::Oneshot
        };
        Ok(Portable {
            poller: Arc::new(poller),
            mode,
            events: Events::new(),
        })
    }

    pub fn is_oneshot(&self) -> bool {
        self.mode == PollMode::Oneshot
    }

    pub fn add(&self, socket: &Socket, key: usize, interest: Interest) -> io::Result<()> {
        // SAFETY: `Poll::add` demands that the socket is removed before it is closed;
        // the event loop closes sockets in two places, each preceded by `remove`.
        unsafe {
            self.poller
                .add_with_mode(socket, event(key, interest), self.mode)
        }
    }

    pub fn modify(&self, socket: &Socket, key: usize, interest: Interest) -> io::Result<()> {
        self.poller
            .modify_with_mode(socket, event(key, interest), self.mode)
    }

    pub fn remove(&self, socket: &Socket) {
        // An error means that it was not there any more.
        let _ = self.poller.delete(socket);
    }

    pub fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Duration) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, Some(timeout))?;
        ready.extend(self.events.iter().map(|event| {
            let is_broken = event.is_err() == Some(true) || event.is_interrupt();
            Ready {
                key: event.key,
                readable: event.readable || is_broken,
            }
        }));
        Ok(())
    }

    pub fn wake_handle(&self) -> Arc<dyn Wake> {
        Arc::new(WakePoller(self.poller.clone()))
    }
}

fn event(key: usize, interest: Interest) -> Event {
    Event::new(key, interest.readable, interest.writable)
}
