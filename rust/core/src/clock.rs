//! The only door to time.
//!
//! Wall time is monotonic time plus a base that is set anew at every `synchronise`,
//! so that one cheap reading serves both a command's duration and its deadlines.
//! Tests move it (`advance`), stop it (`freeze`) or let it follow another clock (`lead`).

#[cfg(not(target_os = "linux"))]
use std::time::Instant;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment of the system's monotonic clock.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Origin(Instant);

#[cfg(not(target_os = "linux"))]
impl Origin {
    fn now() -> Origin {
        Origin(Instant::now())
    }

    #[inline]
    fn elapsed_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// A moment of the system's monotonic clock, in nanoseconds. `Instant` would do, but the
/// clock is read for each command, and this is a third of what that takes around the reading.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Origin(u64);

#[cfg(target_os = "linux")]
impl Origin {
    #[inline]
    fn now() -> Origin {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Origin(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    }

    #[inline]
    fn elapsed_ns(&self) -> u64 {
        Origin::now().0 - self.0
    }
}

/// How wall time goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As the system's does.
    Steady,
    /// Not at all.
    Frozen,
    /// As another clock does, which may jump.
    Led,
}

#[derive(Debug)]
pub struct Clock {
    origin: Origin,
    /// Wall time at `origin`, in nanoseconds since the epoch.
    wall_origin_ns: i64,
    /// What tests added, in milliseconds.
    offset_ms: i64,
    /// Wall time stands still here, in milliseconds since the epoch.
    frozen_ms: Option<i64>,
    /// What the clock that this one follows showed last, in microseconds since the epoch.
    led_us: Option<i64>,
    #[cfg(test)]
    crawl: Crawl,
}

/// Monotonic time of tests that want something to take long: it goes on with each reading.
#[cfg(test)]
#[derive(Debug, Default)]
struct Crawl {
    step_ns: u64,
    passed_ns: std::cell::Cell<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        let mut clock = Self {
            origin: Origin::now(),
            wall_origin_ns: 0,
            offset_ms: 0,
            frozen_ms: None,
            led_us: None,
            #[cfg(test)]
            crawl: Crawl::default(),
        };
        clock.synchronise();
        clock
    }
}

impl Clock {
    /// Nanoseconds since this clock was made; never falls, and `advance` does not move it.
    #[inline]
    pub fn monotonic_ns(&self) -> u64 {
        self.origin.elapsed_ns() + self.crawled_ns()
    }

    #[cfg(not(test))]
    #[inline]
    fn crawled_ns(&self) -> u64 {
        0
    }

    #[cfg(test)]
    fn crawled_ns(&self) -> u64 {
        let passed_ns = self.crawl.passed_ns.get() + self.crawl.step_ns;
        self.crawl.passed_ns.set(passed_ns);
        passed_ns
    }

    /// From now on so much time passes from one monotonic reading to the next.
    #[cfg(test)]
    pub fn crawl(&mut self, step_ns: u64) {
        self.crawl.step_ns = step_ns;
    }

    /// Wall time in microseconds since the epoch at the monotonic reading `at_ns`.
    #[inline]
    pub fn wall_us(&self, at_ns: u64) -> i64 {
        if let Some(frozen) = self.frozen_ms {
            return frozen * 1000;
        }
        let own_us = (self.wall_origin_ns + at_ns as i64) / 1000;
        self.led_us.unwrap_or(own_us) + self.offset_ms * 1000
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

    /// Wall time is this, in microseconds since the epoch, until it is told again.
    pub fn lead(&mut self, us: Option<i64>) {
        self.led_us = us;
    }

    /// Whether wall time is that of another clock: the store is under test.
    #[inline]
    pub fn is_led(&self) -> bool {
        self.led_us.is_some()
    }

    /// How one can tell when wall time will be later.
    pub fn pace(&self) -> Pace {
        match (self.frozen_ms, self.led_us) {
            (Some(_), _) => Pace::Frozen,
            (None, Some(_)) => Pace::Led,
            (None, None) => Pace::Steady,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// Wall time in milliseconds at the beginning of the clock.
    fn wall_ms(clock: &Clock) -> i64 {
        clock.wall_us(0) / 1000
    }

    #[test]
    fn wall_time_follows_the_monotonic_reading() {
        let clock = Clock::default();
        assert_eq!(clock.wall_us(5_000_000) - clock.wall_us(0), 5_000);
        let earlier = clock.monotonic_ns();
        assert!(clock.monotonic_ns() >= earlier);
    }

    #[test]
    fn wall_time_is_the_systems() {
        let mut clock = Clock {
            wall_origin_ns: 0,
            ..Clock::default()
        };
        clock.synchronise();
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let difference = clock.wall_us(clock.monotonic_ns()) - system.as_micros() as i64;
        assert!(difference.abs() < HOUR_MS, "{difference} µs");
    }

    #[test]
    fn tests_can_move_time_both_ways() {
        let mut clock = Clock::default();
        let start = wall_ms(&clock);
        clock.advance(HOUR_MS);
        assert_eq!(wall_ms(&clock), start + HOUR_MS);
        clock.advance(-2 * HOUR_MS);
        assert_eq!(wall_ms(&clock), start - HOUR_MS);
        // What was added stays added.
        clock.synchronise();
        assert!((wall_ms(&clock) - (start - HOUR_MS)).abs() < HOUR_MS / 2);
    }

    #[test]
    fn led_time_is_what_was_told_last_and_what_tests_added() {
        let mut clock = Clock::default();
        assert_eq!(clock.pace(), Pace::Steady);
        clock.lead(Some(1_500));
        clock.synchronise();
        assert_eq!(
            (clock.wall_us(u64::from(u32::MAX)), clock.pace()),
            (1_500, Pace::Led)
        );
        clock.advance(2);
        assert_eq!(clock.wall_us(0), 3_500);
        clock.freeze(Some(7));
        assert_eq!((clock.wall_us(0), clock.pace()), (7_000, Pace::Frozen));
    }

    #[test]
    fn frozen_time_moves_only_when_told() {
        let mut clock = Clock::default();
        let start = wall_ms(&clock);
        clock.freeze(Some(1_000));
        assert_eq!(clock.wall_us(0), clock.wall_us(u64::from(u32::MAX)));
        clock.advance(500);
        assert_eq!(clock.wall_us(0), 1_500_000);
        clock.freeze(None);
        assert_eq!(wall_ms(&clock), start);
    }
}
