//! Writes a snapshot's file on a thread of its own, so that no command waits for a disk.
//!
//! The engine hands over bytes of the file in their order, and `Side` bytes that belong
//! behind the large key that is being written: those wait, in memory while they are few,
//! then in a file, until `Join` appends them. How much is under way is counted, for the
//! engine to hold back.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::output::Output;
use super::save::{Options, SnapshotFile};

/// More than this of `Side` goes into a file.
const SIDE_BYTES_MAX: usize = 4 << 20;
const COPY_BYTES: usize = 256 << 10;

enum Message {
    Main(Vec<u8>),
    Text(Arc<Vec<u8>>),
    Side(Vec<u8>),
    Join,
    Finish,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes handed over that are not in a file yet.
    pending: usize,
    /// How it ended: bytes of the file.
    result: Option<io::Result<u64>>,
}

/// The engine's end of the thread. Dropping it before the end leaves no file.
pub struct Writer {
    sender: Option<Sender<Message>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins a file that will be called `path`.
    pub fn start(path: &Path, options: &Options) -> io::Result<Writer> {
        let file = SnapshotFile::create(path, options)?;
        let mut output = Output::new(options.format, options.compresses);
        let side = Side::new(file.temporary().with_extension("side"));
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = channel();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("rubellite-save".into())
            .spawn(move || {
                let result = work(file, side, &mut output, &receiver, &theirs);
                theirs.state.lock().result = Some(result);
                theirs.changed.notify_all();
            })?;
        Ok(Writer {
            sender: Some(sender),
            shared,
            thread: Some(thread),
        })
    }

    fn send(&self, bytes: usize, message: Message) {
        self.shared.state.lock().pending += bytes;
        if let Some(sender) = &self.sender {
            // A thread that ended has said why; who asks for the result sees it.
            let _ = sender.send(message);
        }
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
        self.shared.state.lock().pending
    }

    /// Waits until less than `bytes` are on their way, but not for long.
    pub fn wait_below(&self, bytes: usize, at_most: Duration) {
        let mut state = self.shared.state.lock();
        if state.pending >= bytes && state.result.is_none() {
            self.shared.changed.wait_for(&mut state, at_most);
        }
    }

    /// How it ended, once it did.
    pub fn take_result(&self) -> Option<io::Result<u64>> {
        self.shared.state.lock().result.take()
    }

    /// Gives up and waits until the unfinished file is gone.
    pub fn abort(mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, its file is as gone as it can be.
            let _ = thread.join();
        }
    }
}

fn work(
    mut file: SnapshotFile,
    mut side: Side,
    output: &mut Output,
    receiver: &Receiver<Message>,
    shared: &Shared,
) -> io::Result<u64> {
    while let Ok(message) = receiver.recv() {
        let bytes = match message {
            Message::Main(bytes) => {
                file.write(&bytes)?;
                bytes.len()
            }
            Message::Text(text) => {
                output.text(&text);
                file.write(&output.bytes)?;
                output.bytes = Vec::new();
                text.len()
            }
            Message::Side(bytes) => side.push(bytes)?,
            Message::Join => side.append_to(&mut file)?,
            Message::Finish => return file.finish(),
        };
        shared.state.lock().pending -= bytes;
        shared.changed.notify_all();
    }
    Err(io::Error::other("given up"))
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
                self.file.insert(options.open(&self.path)?)
            }
        };
        file.write_all(&self.memory)?;
        let written = self.memory.len();
        self.memory.clear();
        Ok(written)
    }

    /// Returns how many bytes were still in memory.
    fn append_to(&mut self, target: &mut SnapshotFile) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut buffer = vec![0; COPY_BYTES];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => target.write(&buffer[..count])?,
                }
            }
            file.seek(SeekFrom::Start(0))?;
            file.set_len(0)?;
        }
        target.write(&self.memory)?;
        let written = self.memory.len();
        self.memory = Vec::new();
        Ok(written)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // As with the main file: nobody can do more about it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
