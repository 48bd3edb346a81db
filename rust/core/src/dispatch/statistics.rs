//! What is counted: per command, per server, the slow log and latency events.

use std::collections::VecDeque;

use super::engine::Engine;
use super::spec::CommandId;

/// Sixteen buckets an octave: a percentile is exact to 6 %.
const SUB_BITS: u32 = 4;
const BUCKETS: usize = 48 << SUB_BITS;

/// Durations in nanoseconds in log-linear buckets (the idea of HdrHistogram).
#[derive(Debug, Clone)]
pub struct Histogram(Box<[u64; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl Histogram {
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.record_times(nanoseconds, 1);
    }

    /// As `record`, for so many calls that took as long.
    #[inline]
    pub fn record_times(&mut self, nanoseconds: u64, calls: u64) {
        let value = nanoseconds.max(1 << SUB_BITS);
        let octave = 63 - value.leading_zeros();
        let sub = (value >> (octave - SUB_BITS)) as usize & ((1 << SUB_BITS) - 1);
        let bucket = (((octave - SUB_BITS) as usize) << SUB_BITS | sub).min(BUCKETS - 1);
        self.0[bucket] += calls;
    }

    fn upper_bound(bucket: usize) -> u64 {
        let octave = (bucket >> SUB_BITS) as u32;
        let sub = (bucket & ((1 << SUB_BITS) - 1)) as u64 + (1 << SUB_BITS);
        ((sub + 1) << octave) - 1
    }

    /// The duration in nanoseconds that `percent` of all calls did not exceed.
    pub fn percentile(&self, percent: f64) -> u64 {
        let total: u64 = self.0.iter().sum();
        let wanted = ((total as f64 * percent / 100.0).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in self.0.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Self::upper_bound(bucket);
            }
        }
        0
    }

    /// Cumulative counts at about powers of two microseconds, as LATENCY HISTOGRAM shows
    /// them: (microseconds, calls that took at most that long), where the count changes.
    pub fn cumulative_microseconds(&self) -> Vec<(u64, u64)> {
        let mut rows: Vec<(u64, u64)> = Vec::new();
        let mut seen = 0;
        for (bucket, &count) in self.0.iter().enumerate() {
            if count == 0 {
                continue;
            }
            seen += count;
            let octave = (bucket >> SUB_BITS) as u32 + SUB_BITS;
            // The servers count in steps of 1/128 and name a step's last nanosecond.
            let power = 1u64 << (octave + 1).max(10);
            let edge = (power + power / 128 - 1) / 1000;
            match rows.last_mut() {
                Some(last) if last.0 == edge => last.1 = seen,
                _ => rows.push((edge, seen)),
            }
        }
        rows
    }
}

/// Counters of one command.
#[derive(Debug, Clone, Default)]
pub struct CommandStatistics {
    pub calls: u64,
    pub nanoseconds: u64,
    /// Refused before execution.
    pub rejected: u64,
    /// Ended in an error.
    pub failed: u64,
    pub histogram: Option<Histogram>,
}

/// Counters of the server, reset by CONFIG RESETSTAT.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    pub connections: u64,
    pub rejected_connections: u64,
    pub commands: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// How often something was read from, and written to, a socket.
    pub reads: u64,
    pub writes: u64,
    pub expired_keys: u64,
    pub expired_fields: u64,
    pub expired_time_cap_reached: u64,
    pub expire_cycle_nanoseconds: u64,
    pub evicted_keys: u64,
    pub evicted_clients: u64,
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub error_replies: u64,
    pub query_buffer_limit_disconnections: u64,
    pub output_buffer_limit_disconnections: u64,
    pub acl_access_denied_auth: u64,
    /// Fsyncs of the append-only file that were not over when the next was due.
    pub delayed_syncs: u64,
}

/// One entry of a command log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    pub id: u64,
    pub unix_seconds: i64,
    /// Microseconds in the slow log, bytes in the others.
    pub amount: u64,
    pub arguments: Vec<Vec<u8>>,
    pub address: String,
    pub client_name: Vec<u8>,
}

const SLOW_ARGUMENTS_MAX: usize = 32;
const SLOW_ARGUMENT_BYTES_MAX: usize = 128;

/// Which of the command logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Commands that took long.
    Slow,
    /// Commands that were long to read.
    LargeRequest,
    /// Commands whose reply was long.
    LargeReply,
}

/// A log of remarkable commands: the newest entry first.
#[derive(Debug)]
pub struct CommandLog {
    pub entries: VecDeque<LogEntry>,
    pub entries_max: usize,
    /// Microseconds in the slow log, bytes in the others. Negative: off. 0: everything.
    pub threshold: i64,
    next_id: u64,
}

impl CommandLog {
    pub fn new(threshold: i64) -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max: 128,
            threshold,
            next_id: 0,
        }
    }

    /// For the slow log: whether a command that took this long belongs into it.
    #[inline]
    pub fn wants(&self, nanoseconds: u64) -> bool {
        self.threshold >= 0 && nanoseconds >= self.threshold as u64 * 1000
    }

    /// For the logs of large commands: whether one of this size belongs into it.
    #[inline]
    pub fn exceeds(&self, bytes: usize) -> bool {
        self.threshold >= 0 && bytes as u64 >= self.threshold as u64
    }

    /// Keeps at most so many entries from now on.
    pub fn keep(&mut self, entries_max: usize) {
        self.entries_max = entries_max;
        self.entries.truncate(entries_max);
    }

    pub fn add<'a>(
        &mut self,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        amount: u64,
        unix_seconds: i64,
        address: &str,
        client_name: &[u8],
    ) {
        let count = arguments.len();
        let shown = if count > SLOW_ARGUMENTS_MAX {
            SLOW_ARGUMENTS_MAX - 1
        } else {
            count
        };
        let mut kept: Vec<Vec<u8>> = arguments
            .take(shown)
            .map(|argument| {
                if argument.len() <= SLOW_ARGUMENT_BYTES_MAX {
                    return argument.to_vec();
                }
                let more = argument.len() - SLOW_ARGUMENT_BYTES_MAX;
                let mut cut = argument[..SLOW_ARGUMENT_BYTES_MAX].to_vec();
                cut.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
                cut
            })
            .collect();
        if shown < count {
            kept.push(format!("... ({} more arguments)", count - shown).into_bytes());
        }
        self.entries.push_front(LogEntry {
            id: self.next_id,
            unix_seconds,
            amount,
            arguments: kept,
            address: address.to_owned(),
            client_name: client_name.to_vec(),
        });
        self.next_id += 1;
        self.entries.truncate(self.entries_max);
    }
}

const LATENCY_SAMPLES_MAX: usize = 160;

/// Samples of one latency event: (unix seconds, milliseconds).
#[derive(Debug, Clone, Default)]
pub struct LatencySeries {
    pub samples: VecDeque<(i64, u64)>,
    pub milliseconds_max: u64,
    /// Of all events, those included that no sample shows any more.
    pub milliseconds_sum: u64,
    pub count: u64,
}

/// Events slower than `latency-monitor-threshold`.
#[derive(Debug, Default)]
pub struct LatencyMonitor {
    /// 0: off.
    pub threshold_milliseconds: u64,
    pub series: Vec<(String, LatencySeries)>,
}

impl LatencyMonitor {
    #[inline]
    pub fn wants(&self, milliseconds: u64) -> bool {
        self.threshold_milliseconds > 0 && milliseconds >= self.threshold_milliseconds
    }

    pub fn add(&mut self, event: &str, unix_seconds: i64, milliseconds: u64) {
        let position = self
            .series
            .iter()
            .position(|(name, _)| name == event)
            .unwrap_or_else(|| {
                self.series
                    .push((event.to_owned(), LatencySeries::default()));
                self.series.len() - 1
            });
        let series = &mut self.series[position].1;
        series.milliseconds_max = series.milliseconds_max.max(milliseconds);
        series.milliseconds_sum += milliseconds;
        series.count += 1;
        // Of several in one second the worst counts.
        match series.samples.back_mut() {
            Some(last) if last.0 == unix_seconds => last.1 = last.1.max(milliseconds),
            _ => {
                if series.samples.len() == LATENCY_SAMPLES_MAX {
                    series.samples.pop_front();
                }
                series.samples.push_back((unix_seconds, milliseconds));
            }
        }
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Statistics {
    pub commands: Vec<CommandStatistics>,
    pub counters: Counters,
    /// Error replies by their first word.
    pub errors: Vec<(String, u64)>,
    pub slow_log: CommandLog,
    pub large_requests: CommandLog,
    pub large_replies: CommandLog,
    pub latency: LatencyMonitor,
    /// `latency-tracking`.
    pub tracks_latency: bool,
}

impl Default for Statistics {
    fn default() -> Self {
        const LARGE_BYTES: i64 = 1 << 20;
        Self {
            commands: Vec::new(),
            counters: Counters::default(),
            errors: Vec::new(),
            slow_log: CommandLog::new(10_000),
            large_requests: CommandLog::new(LARGE_BYTES),
            large_replies: CommandLog::new(LARGE_BYTES),
            latency: LatencyMonitor::default(),
            tracks_latency: false,
        }
    }
}

const ERROR_KINDS_MAX: usize = 128;

impl Statistics {
    pub fn log(&mut self, kind: LogKind) -> &mut CommandLog {
        match kind {
            LogKind::Slow => &mut self.slow_log,
            LogKind::LargeRequest => &mut self.large_requests,
            LogKind::LargeReply => &mut self.large_replies,
        }
    }

    #[inline]
    pub fn executed(&mut self, command: CommandId, nanoseconds: u64, has_failed: bool) {
        self.executed_times(command, nanoseconds, has_failed, 1);
    }

    /// As `executed`, for so many calls that took as long and ended alike.
    #[inline]
    pub fn executed_times(
        &mut self,
        command: CommandId,
        nanoseconds: u64,
        has_failed: bool,
        calls: u64,
    ) {
        self.counters.commands += calls;
        let statistics = &mut self.commands[command];
        statistics.calls += calls;
        statistics.nanoseconds += nanoseconds * calls;
        statistics.failed += u64::from(has_failed) * calls;
        if self.tracks_latency {
            statistics
                .histogram
                .get_or_insert_default()
                .record_times(nanoseconds, calls);
        }
    }

    /// Counts an error reply by its first word.
    pub fn error_replied(&mut self, line: &[u8]) {
        self.counters.error_replies += 1;
        let end = line
            .iter()
            .position(|byte| *byte == b' ')
            .unwrap_or(line.len());
        let kind = String::from_utf8_lossy(&line[..end]);
        if let Some((_, count)) = self.errors.iter_mut().find(|(name, _)| *name == kind) {
            *count += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.push((kind.into_owned(), 1));
        }
    }

    /// What CONFIG RESETSTAT resets here.
    pub fn reset(&mut self) {
        for statistics in &mut self.commands {
            *statistics = CommandStatistics::default();
        }
        self.counters = Counters::default();
        self.errors.clear();
    }
}

impl Engine {
    /// CONFIG RESETSTAT.
    pub fn reset_statistics(&mut self) {
        self.statistics.reset();
        self.eviction.forget_time();
        self.defragmentation.forget_work();
        self.freer.forget_freed();
    }
}
