//! Whether to look for the next requests a little longer before going to sleep.
//!
//! A server that is faster than its clients falls asleep between any two portions of their
//! requests, and is woken by the first request of the next portion. Falling asleep and being
//! woken cost both sides more than the few microseconds that the next portion takes to come.

use std::io;
use std::time::{Duration, Instant};

use super::poll::{Poll, Ready};
use super::waker::Waker;

/// How long to look. Measured with 50 clients without pipelines: a tenth more requests/s for a
/// twentieth less CPU a request; longer looks bring little more, and cost CPU where the
/// requests come in pipelines.
const LOOK: Duration = Duration::from_micros(20);
/// So many requests since the last sleep make looking worth while. A client that waits for
/// each reply before it asks again never gets there: it costs no more than it did.
const EVENTS_MIN: usize = 4;
/// Looks in vain double the number of sleeps without looking, up to this: on a core that the
/// clients need as well, and at a low rate of requests, hardly ever is one made.
const SLEEPS_WITHOUT_MAX: u32 = 1024;

#[derive(Debug, Default)]
pub struct Patience {
    /// Sockets that were ready since the last sleep.
    events: usize,
    /// Sleeps without looking: those to come, and how many the last vain look asked for.
    sleeps_left: u32,
    sleeps_without: u32,
}

impl Patience {
    /// Waits as `Poll::wait` does.
    pub fn wait(
        &mut self,
        poll: &mut Poll,
        ready: &mut Vec<Ready>,
        waker: &Waker,
        timeout: Duration,
    ) -> io::Result<()> {
        if timeout > LOOK && self.may_look() {
            let end = Instant::now() + LOOK;
            loop {
                poll.wait(ready, Duration::ZERO)?;
                if !ready.is_empty() || waker.is_signalled() {
                    self.found(ready.len());
                    return Ok(());
                }
                if Instant::now() >= end {
                    break;
                }
            }
            self.found(0);
        }
        if !timeout.is_zero() {
            self.events = 0;
        }
        poll.wait(ready, timeout)?;
        self.events += ready.len();
        Ok(())
    }

    /// Whether to look before this sleep.
    fn may_look(&mut self) -> bool {
        if self.events < EVENTS_MIN {
            return false;
        }
        let may = self.sleeps_left == 0;
        self.sleeps_left = self.sleeps_left.saturating_sub(1);
        may
    }

    /// What a look has found: from it the next ones learn.
    fn found(&mut self, events: usize) {
        self.events += events;
        if events > 0 {
            self.sleeps_without /= 2;
        } else {
            self.sleeps_without = (self.sleeps_without * 2 + 1).min(SLEEPS_WITHOUT_MAX);
            self.sleeps_left = self.sleeps_without;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(events: usize) -> Patience {
        Patience {
            events,
            ..Patience::default()
        }
    }

    #[test]
    fn it_does_not_look_for_one_client_that_waits_for_each_reply() {
        assert!(!patience(1).may_look());
        assert!(patience(EVENTS_MIN).may_look());
    }

    #[test]
    fn looks_in_vain_become_rare_and_one_that_finds_something_brings_them_back() {
        let mut patience = patience(EVENTS_MIN);
        let mut looks = 0;
        for _ in 0..10_000 {
            if patience.may_look() {
                looks += 1;
                patience.found(0);
            }
        }
        assert!(looks < 25, "{looks}");
        for _ in 0..20 {
            patience.found(1);
        }
        patience.sleeps_left = 0;
        assert!(patience.may_look() && patience.may_look());
    }

    #[test]
    fn a_wake_up_ends_a_look() {
        let mut poll = Poll::new().unwrap();
        let waker = Waker::new(poll.wake_handle());
        for _ in 0..100 {
            let mut patience = patience(EVENTS_MIN);
            waker.begin_turn();
            let from_outside = waker.clone();
            let thread = std::thread::spawn(move || from_outside.wake());
            let began = Instant::now();
            patience
                .wait(&mut poll, &mut Vec::new(), &waker, Duration::from_secs(60))
                .unwrap();
            assert!(began.elapsed() < Duration::from_secs(30));
            thread.join().unwrap();
        }
    }
}
