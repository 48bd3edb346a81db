//! Facts about what is counted and logged.

use super::super::statistics::{CommandLog, Histogram, LatencyMonitor, Statistics};

#[test]
fn percentiles_are_exact_to_six_percent() {
    let mut random = fastrand::Rng::with_seed(7);
    for octaves in [6, 12, 20, 33] {
        let mut values: Vec<u64> = (0..2000)
            .map(|_| {
                let limit = 1 << random.u32(5..=octaves);
                random.u64(16..limit)
            })
            .collect();
        let mut histogram = Histogram::default();
        for value in &values {
            histogram.record(*value);
        }
        values.sort_unstable();
        for percent in [0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            let rank = (values.len() as f64 * percent / 100.0).ceil().max(1.0) as usize;
            let exact = values[rank - 1] as f64;
            let shown = histogram.percentile(percent) as f64;
            assert!(
                (exact..=exact * 1.0625).contains(&shown),
                "p{percent} of {octaves} octaves: {shown} for {exact}"
            );
        }
    }
}

#[test]
fn a_histogram_holds_any_duration() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.percentile(50.0), 0);
    histogram.record(0);
    assert_eq!(histogram.percentile(100.0), 16);
    histogram.record(u64::MAX);
    assert!(histogram.percentile(100.0) >= 1 << 51);
    assert_eq!(histogram.percentile(50.0), 16);
}

#[test]
fn cumulative_counts_rise_to_all_calls() {
    let mut histogram = Histogram::default();
    for microseconds in [0, 1, 3, 3, 50, 900, 70_000] {
        histogram.record(microseconds * 1000);
    }
    let rows = histogram.cumulative_microseconds();
    assert!(rows.is_sorted_by(|one, next| one.0 < next.0 && one.1 < next.1));
    assert_eq!(rows.last(), Some(&(135_266, 7)));
    let until_four: Vec<_> = rows.iter().filter(|row| row.0 <= 4).collect();
    assert_eq!(until_four, [&(1, 2), &(4, 4)]);
}

fn log(entries_max: usize) -> CommandLog {
    let mut log = CommandLog::new(10);
    log.keep(entries_max);
    log
}

fn add(log: &mut CommandLog, arguments: &[Vec<u8>]) {
    let arguments = arguments.iter().map(Vec::as_slice);
    log.add(arguments, 12, 1_000, "127.0.0.1:1", b"me");
}

#[test]
fn a_log_shows_the_first_32_arguments() {
    let words = |count: usize| (0..count).map(|n| n.to_string().into_bytes()).collect();
    let mut log = log(9);
    let few: Vec<Vec<u8>> = words(32);
    add(&mut log, &few);
    assert_eq!(log.entries[0].arguments, few);
    let many: Vec<Vec<u8>> = words(33);
    add(&mut log, &many);
    let shown = &log.entries[0].arguments;
    assert_eq!(shown.len(), 32);
    assert_eq!(shown[..31], many[..31]);
    assert_eq!(shown[31], b"... (2 more arguments)");
}

#[test]
fn a_log_shows_128_bytes_of_an_argument() {
    let mut log = log(9);
    let text = |length| vec![b'x'; length];
    add(&mut log, &[text(128), text(129)]);
    let shown = &log.entries[0].arguments;
    assert_eq!(shown[0], text(128));
    assert_eq!(shown[1], [&text(128)[..], b"... (1 more bytes)"].concat());
}

#[test]
fn a_log_keeps_the_newest_under_rising_numbers() {
    let mut log = log(3);
    (0..5).for_each(|_| add(&mut log, &[]));
    let ids = |log: &CommandLog| log.entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(ids(&log), [4, 3, 2]);
    log.keep(1);
    assert_eq!(ids(&log), [4]);
    log.keep(0);
    add(&mut log, &[]);
    assert!(log.entries.is_empty());
    log.keep(2);
    add(&mut log, &[]);
    assert_eq!(ids(&log), [6]);
}

#[test]
fn a_threshold_is_inclusive_and_can_be_off() {
    let mut log = CommandLog::new(10);
    assert!(!log.wants(9_999));
    assert!(log.wants(10_000));
    assert!(!log.exceeds(9));
    assert!(log.exceeds(10));
    log.threshold = 0;
    assert!(log.wants(0) && log.exceeds(0));
    log.threshold = -1;
    assert!(!log.wants(u64::MAX) && !log.exceeds(usize::MAX));
}

#[test]
fn latency_keeps_the_worst_of_a_second_and_160_seconds() {
    let mut monitor = LatencyMonitor::default();
    assert!(!monitor.wants(1_000_000), "it is off");
    monitor.threshold_milliseconds = 5;
    assert!(monitor.wants(5) && !monitor.wants(4));
    for milliseconds in [7, 9, 8] {
        monitor.add("command", 100, milliseconds);
    }
    monitor.add("fork", 100, 50);
    let series = &monitor.series[0].1;
    assert_eq!(series.samples, [(100, 9)]);
    assert_eq!(
        (
            series.milliseconds_max,
            series.milliseconds_sum,
            series.count
        ),
        (9, 24, 3)
    );
    for second in 101..=300 {
        monitor.add("command", second, 5);
    }
    let series = &monitor.series[0].1;
    assert_eq!(series.samples.len(), 160);
    assert_eq!(series.samples.front(), Some(&(141, 5)));
    assert_eq!((series.milliseconds_max, series.count), (9, 203));
}

#[test]
fn errors_are_counted_by_their_first_word_up_to_a_limit() {
    let mut statistics = Statistics::default();
    statistics.error_replied(b"ERR one thing");
    statistics.error_replied(b"WRONGTYPE");
    statistics.error_replied(b"ERR another");
    assert_eq!(
        statistics.errors,
        [("ERR".to_owned(), 2), ("WRONGTYPE".to_owned(), 1)]
    );
    // Scripts can invent words; memory must not grow with them.
    for number in 0..1000 {
        statistics.error_replied(format!("E{number}").as_bytes());
    }
    assert_eq!(statistics.errors.len(), 128);
    assert_eq!(statistics.counters.error_replies, 1003);
}

#[test]
fn a_reset_forgets_every_count() {
    let mut statistics = Statistics::default();
    statistics.commands.resize(1, Default::default());
    statistics.tracks_latency = true;
    statistics.executed(0, 5_000, true);
    statistics.reset();
    assert_eq!(statistics.counters.commands, 0);
    let row = &statistics.commands[0];
    assert_eq!((row.calls, row.failed, row.nanoseconds), (0, 0, 0));
    assert!(row.histogram.is_none());
}
