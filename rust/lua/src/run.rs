//! A script while it runs: what its functions work on, and who may end it.

use rubellite_core::dispatch::borrowed::Borrowed;
use rubellite_core::dispatch::pipeline::{Invocation, RespSink, Runtime};
use rubellite_core::dispatch::spec::CommandTable;
use rubellite_core::dispatch::{Engine, ErrorCode, Failure};
use rubellite_core::service::OutsidePointer;

/// Larger buffers are not kept for the next script.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Buffers that one script leaves to the next.
#[derive(Debug, Default)]
pub struct Buffers {
    pub reply: Vec<u8>,
    pub buffer: Vec<u8>,
    pub arguments: Vec<(u32, u32)>,
}

pub struct Run<'a> {
    pub commands: &'a CommandTable,
    pub engine: &'a mut Engine,
    pub runtime: &'a mut dyn Runtime,
    pub invocation: &'a Invocation<'a>,
    pub name: &'a [u8],
    pub sink: RespSink,
    /// The arguments of the command that is called.
    pub buffer: Vec<u8>,
    pub arguments: Vec<(u32, u32)>,
}

impl Buffers {
    pub fn from_parts(mut sink: RespSink, mut buffer: Vec<u8>, arguments: Vec<(u32, u32)>) -> Self {
        if buffer.capacity() > KEPT_BYTES_MAX {
            buffer = Vec::new();
        }
        Self {
            reply: sink.output.take_bytes(),
            buffer,
            arguments,
        }
    }
}

impl Run<'_> {
    /// Lends the memory of a reply to the next.
    #[inline]
    pub fn take_back(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= KEPT_BYTES_MAX {
            bytes.clear();
            *self.sink.output.tail() = bytes;
        }
    }

    /// Looks at the clock, lets others have their say if the script takes long, and asks
    /// whether it is to end.
    pub fn look(&mut self) -> bool {
        let now_ns = self.engine.clock.monotonic_ns();
        let busy_ms = self.engine.settings.busy_reply_ms;
        let Some(script) = &mut self.engine.script else {
            return true;
        };
        let elapsed_ms = now_ns.saturating_sub(script.started_ns) / 1_000_000;
        if !script.is_busy && busy_ms > 0 && elapsed_ms >= busy_ms {
            script.is_busy = true;
            script.name = self.name.to_vec();
            let request = self.invocation.request;
            script.command = request.iter().map(<[u8]>::to_vec).collect();
            self.runtime.script_is_slow(self.name, elapsed_ms);
        }
        let is_busy = self.engine.script.as_ref().is_some_and(|it| it.is_busy);
        if is_busy && let Some(outside) = self.engine.outside.take() {
            let mut others = Borrowed::new(self.commands, self.engine, self.runtime);
            // SAFETY: who lent the pointer waits for this request to end; taking it made
            // this use the only one.
            unsafe { (*outside).turn(&mut others) };
            // SAFETY: as it was before.
            self.engine.outside = unsafe { OutsidePointer::new(outside) };
        }
        let is_killed = self.engine.script.as_ref().is_none_or(|it| it.is_killed);
        is_killed || self.engine.is_stopping || self.runtime.is_interrupted()
    }

    /// The error of a script that is ended.
    pub fn ending_line(&self) -> Vec<u8> {
        let script = self.engine.script.as_ref();
        let is_function = script.is_some_and(|script| script.is_function);
        let command = if is_function { "FUNCTION" } else { "SCRIPT" };
        let failure = Failure::With(ErrorCode::ScriptKilled, command.to_owned());
        self.engine.errors.line(&failure)
    }
}
