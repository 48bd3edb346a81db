//! The only door to time.
//!
//! Wall time is monotonic time plus a base that is set anew at every `synchronise`,
//! so that one cheap reading serves both a command's duration and its deadlines.
//! Tests move it (`advance`) or stop it (`freeze`).

use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    /// Wall time at `origin`, in nanoseconds since the epoch.
    wall_origin_ns: i64,
    /// What tests added, in milliseconds.
    offset_ms: i64,
    /// Wall time stands still here, in milliseconds since the epoch.
    frozen_ms: Option<i64>,
}

impl Default for Clock {
    fn default() -> Self {
        let mut clock = Self {
            origin: Instant::now(),
            wall_origin_ns: 0,
            offset_ms: 0,
            frozen_ms: None,
        };
        clock.synchronise();
        clock
    }
}

impl Clock {
    /// Nanoseconds since this clock was made; never falls and is not moved by tests.
    #[inline]
    pub fn monotonic_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Wall time in microseconds since the epoch at the monotonic reading `at_ns`.
    #[inline]
    pub fn wall_us(&self, at_ns: u64) -> i64 {
        if let Some(frozen) = self.frozen_ms {
            return frozen * 1000;
        }
        (self.wall_origin_ns + at_ns as i64) / 1000 + self.offset_ms * 1000
    }

    /// Follows the system's wall clock, which may have been set.
    pub fn synchronise(&mut self) {
        let elapsed = self.monotonic_ns() as i64;
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as i64);
        self.wall_origin_ns = wall - elapsed;
    }

    /// Moves wall time by `ms`.
    pub fn advance(&mut self, ms: i64) {
        match &mut self.frozen_ms {
            Some(frozen) => *frozen += ms,
            None => self.offset_ms += ms,
        }
    }

    /// Stops wall time at `ms` since the epoch, or lets it run again.
    pub fn freeze(&mut self, ms: Option<i64>) {
        self.frozen_ms = ms;
    }
}
