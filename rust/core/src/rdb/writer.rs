//! Writes a snapshot's file on a thread of its own, so that no command waits for a disk.
//!
//! The engine hands over bytes of the file in their order, and `Side` bytes that belong
//! behind the large key that is being written: those wait, in memory while they are few,
//! then in a file, until `Join` appends them. How much is under way is counted, for the
//! engine to hold back.
//!
//! Where the two share a core, the thread lets the engine have it between small pieces of
//! work, unless so much is under way that the engine would have to wait for it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::output::Output;
use super::save::{Options, SnapshotFile};

/// More than this of `Side` goes into a file.
const SIDE_BYTES_MAX: usize = 4 << 20;
/// What the thread does before others may have its core.
const PIECE_BYTES: usize = 64 << 10;
/// With more than this under way, the thread keeps its core.
const HURRY_BYTES: usize = 4 << 20;

enum Message {
    Main(Vec<u8>),
    Text(Arc<Vec<u8>>),
    Side(Vec<u8>),
    Join,
    Finish,
}

#[derive(Default)]
struct Shared {
    /// Bytes handed over that are not in a file yet. Not behind the lock: a thread that
    /// lost its core while it held that would keep the engine waiting.
    pending: AtomicUsize,
    /// How it ended: bytes of the file.
    result: Mutex<Option<io::Result<u64>>>,
    changed: Condvar,
    is_given_up: AtomicBool,
}

impl Shared {
    fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Acquire)
    }

    /// Between two pieces of work.
    fn pause(&self) {
        if self.pending.load(Ordering::Relaxed) <= HURRY_BYTES {
            std::thread::yield_now();
        }
    }
}

/// The engine's end of the thread. Dropping it before the end leaves no file.
pub struct Writer {
    sender: Sender<Message>,
    shared: Arc<Shared>,
    /// The file's name until it is finished.
    temporary: PathBuf,
}

impl Writer {
    /// Begins a file that will be called `path`.
    pub fn start(path: &Path, options: &Options) -> io::Result<Writer> {
        let file = SnapshotFile::create(path, options)?;
        let mut output = Output::new(options.format, options.compresses);
        let temporary = file.temporary().to_path_buf();
        let side = Side::new(temporary.with_extension("side"));
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = channel();
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("rubellite-save".into())
            .spawn(move || {
                let result = work(file, side, &mut output, &receiver, &theirs);
                *theirs.result.lock() = Some(result);
                theirs.changed.notify_all();
            })?;
        Ok(Writer {
            sender,
            shared,
            temporary,
        })
    }

    fn send(&self, bytes: usize, message: Message) {
        self.shared.pending.fetch_add(bytes, Ordering::Relaxed);
        // A thread that ended has said why; who asks for the result sees it.
        let _ = self.sender.send(message);
    }

    /// Appends to the file.
    pub fn main(&self, bytes: Vec<u8>) {
        self.send(bytes.len(), Message::Main(bytes));
    }

    /// Appends a string, compressed if the file is.
    pub fn text(&self, text: Arc<Vec<u8>>) {
        self.send(text.len(), Message::Text(text));
    }

    /// Keeps bytes until `join`.
    pub fn side(&self, bytes: Vec<u8>) {
        self.send(bytes.len(), Message::Side(bytes));
    }

    /// Appends what `side` kept.
    pub fn join(&self) {
        self.send(0, Message::Join);
    }

    /// Ends the file; `result` tells when that is done.
    pub fn finish(&self) {
        self.send(0, Message::Finish);
    }

    /// Bytes that are on their way to a file.
    pub fn pending_bytes(&self) -> usize {
        self.shared.pending.load(Ordering::Relaxed)
    }

    /// Waits until less than `bytes` are on their way, but not for long.
    pub fn wait_below(&self, bytes: usize, at_most: Duration) {
        let mut result = self.shared.result.lock();
        if self.pending_bytes() >= bytes && result.is_none() {
            // That it changes in between costs the time to wait, and nothing else.
            self.shared.changed.wait_for(&mut result, at_most);
        }
    }

    /// How it ended, once it did.
    pub fn take_result(&self) -> Option<io::Result<u64>> {
        self.shared.result.lock().take()
    }

    /// Gives up, without waiting for the thread, which the disk may keep busy: it notices,
    /// and cannot rename a file that has no name.
    pub fn abort(self) {
        drop(self);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.is_given_up.store(true, Ordering::Release);
        // Not there: it was finished, or the thread has failed and removed it.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn work(
    mut file: SnapshotFile,
    mut side: Side,
    output: &mut Output,
    receiver: &Receiver<Message>,
    shared: &Shared,
) -> io::Result<u64> {
    while let Ok(message) = receiver.recv()
        && !shared.is_given_up()
    {
        let bytes = match message {
            Message::Main(bytes) => {
                write(&mut file, &bytes, shared)?;
                bytes.len()
            }
            Message::Text(text) => {
                output.text(&text);
                write(&mut file, &output.bytes, shared)?;
                output.bytes = Vec::new();
                text.len()
            }
            Message::Side(bytes) => side.push(bytes)?,
            Message::Join => side.append_to(&mut file, shared)?,
            Message::Finish => return file.finish(),
        };
        shared.pending.fetch_sub(bytes, Ordering::Relaxed);
        shared.changed.notify_all();
        shared.pause();
    }
    Err(io::Error::other("given up"))
}

/// Appends a piece at a time.
fn write(file: &mut SnapshotFile, bytes: &[u8], shared: &Shared) -> io::Result<()> {
    let mut pieces = bytes.chunks(PIECE_BYTES);
    if let Some(first) = pieces.next() {
        file.write(first)?;
    }
    for piece in pieces {
        if shared.is_given_up() {
            return Err(io::Error::other("given up"));
        }
        shared.pause();
        file.write(piece)?;
    }
    Ok(())
}

/// See the head of this file.
struct Side {
    memory: Vec<u8>,
    path: PathBuf,
    file: Option<File>,
}

impl Side {
    fn new(path: PathBuf) -> Side {
        Side {
            memory: Vec::new(),
            path,
            file: None,
        }
    }

    /// Returns how many bytes are no longer in memory.
    fn push(&mut self, bytes: Vec<u8>) -> io::Result<usize> {
        self.memory.extend_from_slice(&bytes);
        if self.memory.len() <= SIDE_BYTES_MAX {
            return Ok(0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.read(true).write(true).create(true).truncate(true);
                let file = options.open(&self.path)?;
                if cfg!(unix) {
                    // It needs no name, and without one cannot outlive the process.
                    fs::remove_file(&self.path)?;
                }
                self.file.insert(file)
            }
        };
        file.write_all(&self.memory)?;
        let written = self.memory.len();
        self.memory.clear();
        Ok(written)
    }

    /// Returns how many bytes were still in memory.
    fn append_to(&mut self, target: &mut SnapshotFile, shared: &Shared) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut buffer = vec![0; PIECE_BYTES];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => write(target, &buffer[..count], shared)?,
                }
            }
            file.seek(SeekFrom::Start(0))?;
            file.set_len(0)?;
        }
        write(target, &self.memory, shared)?;
        let written = self.memory.len();
        self.memory = Vec::new();
        Ok(written)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if self.file.take().is_some() && cfg!(not(unix)) {
            // As with the main file: nobody can do more about it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
