//! epoll, level-triggered, with an eventfd to wake it: one system call per wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use socket2::Socket;

use super::{Interest, Ready, Wake};

const WAKE_KEY: u64 = u64::MAX;
/// How many events one wait may report; the others follow at the next.
const EVENTS_MAX: usize = 512;

pub struct Epoll {
    epoll: OwnedFd,
    wake: Arc<WakeEvent>,
}

#[derive(Debug)]
struct WakeEvent(OwnedFd);

impl Wake for WakeEvent {
    fn wake(&self) {
        // It can only fail when the counter is full, and then the loop is awake anyway.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl Epoll {
    pub fn new() -> io::Result<Epoll> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE_KEY), EventFlags::IN)?;
        Ok(Epoll {
            epoll,
            wake: Arc::new(WakeEvent(wake)),
        })
    }

    pub fn add(&self, socket: &Socket, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(key as u64),
            flags(interest),
        )?)
    }

    pub fn modify(&self, socket: &Socket, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            EventData::new_u64(key as u64),
            flags(interest),
        )?)
    }

    pub fn remove(&self, socket: &Socket) {
        // Closing the socket would remove it as well; an error has no consequence.
        let _ = epoll::delete(&self.epoll, socket);
    }

    pub fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Duration) -> io::Result<()> {
        // Whole milliseconds, rounded up, are what plain epoll_pwait understands.
        let milliseconds = timeout.as_micros().div_ceil(1000).min(86_400_000) as i64;
        let timeout = Timespec {
            tv_sec: milliseconds / 1000,
            tv_nsec: milliseconds % 1000 * 1_000_000,
        };
        // On the stack, because an `Event` may hold a pointer and so could not change threads.
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        let (events, _) = epoll::wait(&self.epoll, &mut events, Some(&timeout))?;
        for event in events {
            let (key, flags) = (event.data.u64(), event.flags);
            if key == WAKE_KEY {
                let _ = rustix::io::read(&self.wake.0, &mut [0u8; 8]);
                continue;
            }
            let reading = EventFlags::IN | EventFlags::ERR | EventFlags::HUP;
            ready.push(Ready {
                key: key as usize,
                readable: flags.intersects(reading),
            });
        }
        Ok(())
    }

    pub fn wake_handle(&self) -> Arc<dyn Wake> {
        self.wake.clone()
    }
}

fn flags(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.readable);
    flags.set(EventFlags::OUT, interest.writable);
    flags
}
