//! SIGTERM and SIGINT ask for an orderly end; SIGHUP and SIGPIPE are ignored.
//!
//! A thread of its own receives the signals, so the loop is woken even from a
//! sleep, and a second Ctrl-C ends the process even while a command hangs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::Waker;

/// Which signal asked the process to end.
#[derive(Debug, Clone, Default)]
pub struct ShutdownRequest(Arc<AtomicI32>);

impl ShutdownRequest {
    /// The signal's number, if one came.
    pub fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    pub fn is_requested(&self) -> bool {
        self.signal().is_some()
    }

    /// The shutdown was called off (saving failed): the next signal asks anew.
    pub fn clear(&self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

/// Takes over the process's signals; whoever serves looks at the result in `Service::tick`.
#[cfg(unix)]
pub fn install(waker: Waker) -> io::Result<ShutdownRequest> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};

    let request = ShutdownRequest::default();
    let seen = request.clone();
    // A handler that does nothing counts as ignoring, and is not inherited by programs we start.
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGPIPE])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if !matches!(signal, SIGTERM | SIGINT) {
                    continue;
                }
                if signal == SIGINT && seen.is_requested() {
                    eprintln!("You insist... exiting now.");
                    std::process::exit(1);
                }
                seen.0.store(signal, Ordering::SeqCst);
                waker.wake();
            }
        })?;
    Ok(request)
}

/// Takes over the process's signals; whoever serves looks at the result in `Service::tick`.
///
/// Ctrl-C is the only one there is here, and its second press ends the process by
/// the system's own handler.
#[cfg(not(unix))]
pub fn install(waker: Waker) -> io::Result<ShutdownRequest> {
    use signal_hook::consts::SIGINT;
    use std::sync::atomic::AtomicBool;

    let request = ShutdownRequest::default();
    let (seen, pressed) = (request.clone(), Arc::new(AtomicBool::new(false)));
    // The default comes back for the second press; both are registered before the first can come.
    signal_hook::flag::register_conditional_default(SIGINT, pressed.clone())?;
    signal_hook::flag::register(SIGINT, pressed.clone())?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            while !pressed.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            seen.0.store(SIGINT, Ordering::SeqCst);
            waker.wake();
        })?;
    Ok(request)
}
