//! Waiting for many sockets at once.
//!
//! On Linux we speak epoll ourselves: crate `polling`, which serves everywhere
//! else, makes four system calls more for each wait (a timer and a notifier are
//! armed anew), and a server under load waits once for every few requests.

#[cfg(target_os = "linux")]
mod epoll;
// Compiled on Linux as well, so that the tests there run it.
mod portable;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;

/// What a socket is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    pub readable: bool,
    pub writable: bool,
}

impl Interest {
    pub const READ: Interest = Interest {
        readable: true,
        writable: false,
    };
}

/// A socket that is ready: for reading, or else for writing only. A broken one is
/// ready for reading, which then tells.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    pub key: usize,
    pub readable: bool,
}

/// Ends a wait from any thread.
pub trait Wake: Send + Sync {
    fn wake(&self);
}

/// Keys from here on are the poll's own.
pub const KEYS_END: usize = usize::MAX - 8;

pub enum Poll {
    #[cfg(target_os = "linux")]
    Epoll(epoll::Epoll),
    Portable(portable::Portable),
}

impl Poll {
    pub fn new() -> io::Result<Poll> {
        #[cfg(target_os = "linux")]
        return Ok(Poll::Epoll(epoll::Epoll::new()?));
        #[cfg(not(target_os = "linux"))]
        Self::portable()
    }

    pub fn portable() -> io::Result<Poll> {
        Ok(Poll::Portable(portable::Portable::new()?))
    }

    /// Watches `socket` until `remove`, which must come before the socket is closed.
    pub fn add(&self, socket: &Socket, key: usize, interest: Interest) -> io::Result<()> {
        debug_assert!(key < KEYS_END);
        match self {
            #[cfg(target_os = "linux")]
            Poll::Epoll(epoll) => epoll.add(socket, key, interest),
            Poll::Portable(portable) => portable.add(socket, key, interest),
        }
    }

    pub fn modify(&self, socket: &Socket, key: usize, interest: Interest) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Poll::Epoll(epoll) => epoll.modify(socket, key, interest),
            Poll::Portable(portable) => portable.modify(socket, key, interest),
        }
    }

    pub fn remove(&self, socket: &Socket) {
        match self {
            #[cfg(target_os = "linux")]
            Poll::Epoll(epoll) => epoll.remove(socket),
            Poll::Portable(portable) => portable.remove(socket),
        }
    }

    /// True where a reported socket is watched no longer until `modify` is called.
    pub fn is_oneshot(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Poll::Epoll(_) => false,
            Poll::Portable(portable) => portable.is_oneshot(),
        }
    }

    /// Sleeps until a socket is ready, `wake` is called or the time is over; fills `ready`.
    pub fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Duration) -> io::Result<()> {
        ready.clear();
        let result = match self {
            #[cfg(target_os = "linux")]
            Poll::Epoll(epoll) => epoll.wait(ready, timeout),
            Poll::Portable(portable) => portable.wait(ready, timeout),
        };
        match result {
            // A signal; its flag is looked at in the turn that follows.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    pub fn wake_handle(&self) -> Arc<dyn Wake> {
        match self {
            #[cfg(target_os = "linux")]
            Poll::Epoll(epoll) => epoll.wake_handle(),
            Poll::Portable(portable) => portable.wake_handle(),
        }
    }
}
