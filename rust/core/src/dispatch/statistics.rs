//! What is counted: per command, per server, the slow log and latency events.

use std::collections::VecDeque;

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
        let value = nanoseconds.max(1 << SUB_BITS);
        let octave = 63 - value.leading_zeros();
        let sub = (value >> (octave - SUB_BITS)) as usize & ((1 << SUB_BITS) - 1);
        let bucket = (((octave - SUB_BITS) as usize) << SUB_BITS | sub).min(BUCKETS - 1);
        self.0[bucket] += 1;
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

    /// Cumulative counts at powers of two microseconds, as LATENCY HISTOGRAM shows them.
    pub fn cumulative_microseconds(&self) -> Vec<(u64, u64)> {
        let mut rows: Vec<(u64, u64)> = Vec::new();
        let mut seen = 0;
        for (bucket, &count) in self.0.iter().enumerate() {
            if count == 0 {
                continue;
            }
            seen += count;
            let edge = (Self::upper_bound(bucket) / 1000)
                .max(1)
                .next_power_of_two();
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
    pub memory_peak_bytes: usize,
    pub memory_peak_time: i64,
    pub unixtime_expired_fields: u64,
}

/// One entry of the slow log.
#[derive(Debug, Clone)]
pub struct SlowEntry {
    pub id: u64,
    pub unix_seconds: i64,
    pub microseconds: u64,
    pub arguments: Vec<Vec<u8>>,
    pub address: String,
    pub client_name: Vec<u8>,
}

const SLOW_ARGUMENTS_MAX: usize = 32;
const SLOW_ARGUMENT_BYTES_MAX: usize = 128;

/// The slow log: the newest entry first.
#[derive(Debug)]
pub struct SlowLog {
    pub entries: VecDeque<SlowEntry>,
    pub entries_max: usize,
    /// Negative: off. 0: everything.
    pub threshold_microseconds: i64,
    next_id: u64,
}

impl Default for SlowLog {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max: 128,
            threshold_microseconds: 10_000,
            next_id: 0,
        }
    }
}

impl SlowLog {
    #[inline]
    pub fn wants(&self, nanoseconds: u64) -> bool {
        self.threshold_microseconds >= 0 && nanoseconds >= self.threshold_microseconds as u64 * 1000
    }

    pub fn add<'a>(
        &mut self,
        arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        microseconds: u64,
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
        self.entries.push_front(SlowEntry {
            id: self.next_id,
            unix_seconds,
            microseconds,
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
#[derive(Debug, Default)]
pub struct Statistics {
    pub commands: Vec<CommandStatistics>,
    pub counters: Counters,
    /// Error replies by their first word.
    pub errors: Vec<(String, u64)>,
    pub slow_log: SlowLog,
    pub latency: LatencyMonitor,
    /// `latency-tracking`.
    pub tracks_latency: bool,
}

const ERROR_KINDS_MAX: usize = 128;

impl Statistics {
    #[inline]
    pub fn executed(&mut self, command: CommandId, nanoseconds: u64, has_failed: bool) {
        self.counters.commands += 1;
        let statistics = &mut self.commands[command];
        statistics.calls += 1;
        statistics.nanoseconds += nanoseconds;
        statistics.failed += u64::from(has_failed);
        if self.tracks_latency {
            statistics
                .histogram
                .get_or_insert_default()
                .record(nanoseconds);
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

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        for statistics in &mut self.commands {
            *statistics = CommandStatistics::default();
        }
        self.counters = Counters {
            memory_peak_bytes: self.counters.memory_peak_bytes,
            memory_peak_time: self.counters.memory_peak_time,
            ..Counters::default()
        };
        self.errors.clear();
    }
}
