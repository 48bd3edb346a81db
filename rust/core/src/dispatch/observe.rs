//! Who watches commands go by: the logs, the latency monitor, MONITOR.
//!
//! They are told when a command is done, because only then its handler has said which
//! arguments are secret. The latency monitor hears of the engine's own work, too, in the
//! words of the real servers; while it is off, nobody looks at the clock for it.

use super::engine::Engine;
use super::journal::encoded_bytes;
use super::pipeline::Invocation;
use super::session::ReplyMode;
use super::spec::{CommandSpec, flag};
use super::statistics::LogKind;
use crate::text::quote;

impl Engine {
    /// The slow log and the latency monitor.
    pub(super) fn note_slow(
        &mut self,
        spec: &CommandSpec,
        invocation: &Invocation<'_>,
        elapsed_ns: u64,
    ) {
        let event = if spec.has(flag::FAST) {
            "fast-command"
        } else {
            "command"
        };
        self.note_latency(event, elapsed_ns);
        if self.statistics.slow_log.wants(elapsed_ns) && !spec.has(flag::SKIP_SLOWLOG) {
            self.log_command(LogKind::Slow, invocation, elapsed_ns / 1000);
        }
    }

    /// Tells the latency monitor how long something took.
    pub fn note_latency(&mut self, event: &str, elapsed_ns: u64) {
        let milliseconds = elapsed_ns / 1_000_000;
        if self.statistics.latency.wants(milliseconds) {
            let seconds = self.now_ms / 1000;
            self.statistics.latency.add(event, seconds, milliseconds);
        }
    }

    /// A reading of the clock for `end_latency`, if anybody wants to know.
    #[inline]
    pub(super) fn begin_latency(&self) -> Option<u64> {
        let is_on = self.statistics.latency.threshold_milliseconds > 0;
        is_on.then(|| self.clock.monotonic_ns())
    }

    /// Tells the latency monitor how long something took that began at this reading.
    #[inline]
    pub(super) fn end_latency(&mut self, event: &str, started_ns: Option<u64>) {
        if let Some(started_ns) = started_ns {
            self.note_latency(event, self.clock.monotonic_ns() - started_ns);
        }
    }

    /// The logs of large requests and large replies.
    #[inline]
    pub(super) fn note_large(
        &mut self,
        spec: &CommandSpec,
        invocation: &Invocation<'_>,
        reply_bytes: usize,
    ) {
        let request = invocation.request;
        // What RESP adds to an argument is at most 26 bytes; the exact sum is rarely needed.
        let bytes_max = request.bytes_max() + 26 * (request.len() + 1);
        let logs = &self.statistics;
        if logs.large_requests.exceeds(bytes_max) || logs.large_replies.exceeds(reply_bytes) {
            self.log_large(spec, invocation, reply_bytes);
        }
    }

    #[cold]
    fn log_large(&mut self, spec: &CommandSpec, invocation: &Invocation<'_>, reply_bytes: usize) {
        if spec.has(flag::SKIP_SLOWLOG) {
            return;
        }
        let bytes = encoded_bytes(invocation.request.lengths());
        if self.statistics.large_requests.exceeds(bytes as usize) {
            self.log_command(LogKind::LargeRequest, invocation, bytes);
        }
        if self.statistics.large_replies.exceeds(reply_bytes) {
            self.log_command(LogKind::LargeReply, invocation, reply_bytes as u64);
        }
    }

    /// Adds the command to one of the logs, secrets left out.
    fn log_command(&mut self, kind: LogKind, invocation: &Invocation<'_>, amount: u64) {
        let seconds = self.now_ms / 1000;
        let arguments = self.shown_arguments(invocation);
        let Some(session) = self.sessions.get(&invocation.client) else {
            return;
        };
        self.statistics.log(kind).add(
            arguments.into_iter(),
            amount,
            seconds,
            &session.peer.address,
            &session.name,
        );
    }

    /// The arguments as logs and monitors may show them.
    fn shown_arguments<'r>(&self, invocation: &Invocation<'r>) -> Vec<&'r [u8]> {
        let mut arguments: Vec<&[u8]> = invocation.request.iter().collect();
        for index in &self.run.secrets {
            if let Some(argument) = arguments.get_mut(*index) {
                *argument = b"(redacted)";
            }
        }
        arguments
    }

    /// Tells every monitor of a script's command, before those that it calls.
    pub fn feed_script_to_monitors(&mut self, invocation: &Invocation<'_>) {
        if !self.monitors.is_empty() {
            let script = self.script.take();
            self.feed_monitors(invocation);
            self.script = script;
        }
    }

    /// Tells every monitor of a command.
    pub(super) fn feed_monitors(&mut self, invocation: &Invocation<'_>) {
        let Some(session) = self.sessions.get(&invocation.client) else {
            return;
        };
        let is_scripts = self
            .script
            .as_ref()
            .is_some_and(|script| script.client == invocation.client && !script.is_command);
        let mut line = format!(
            "+{}.{:06} [{} {}]",
            self.now_us / 1_000_000,
            self.now_us % 1_000_000,
            session.database,
            if is_scripts {
                "lua"
            } else {
                &session.peer.address
            }
        )
        .into_bytes();
        for argument in self.shown_arguments(invocation) {
            line.push(b' ');
            quote::quote(argument, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        for monitor in self.monitors.clone() {
            // To a monitor these are replies, which CLIENT REPLY can silence.
            let mode = self.session(monitor).reply_mode;
            if matches!(mode, ReplyMode::On | ReplyMode::SkipNext) {
                self.push_to(monitor, &line);
            }
        }
    }
}
