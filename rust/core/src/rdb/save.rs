//! Writes databases into files.
//!
//! `SnapshotFile` is a file that is there whole or not at all: written under a temporary
//! name, forced to disk, renamed, its directory forced to disk, too. `save` writes all
//! databases while everybody waits; `snapshot` does the same in slices.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::libraries::{self, Libraries};
use super::output::Output;
use super::write::{Clocks, write_key};
use super::{Format, opcode};
use crate::keyspace::Database;
use crate::text::checksum::crc64;

/// Bytes that are gathered before they are written.
pub const WRITE_BYTES: usize = 256 << 10;
/// Bytes after which a file is on its way to the disk, so that the end does not have to
/// wait for all of them. Few on Linux: it does not interrupt itself in such work, whoever
/// waits for the core. 4 ms for 32 MB, 0.02 ms for these.
const SYNC_BYTES: u64 = if cfg!(target_os = "linux") {
    256 << 10
} else {
    32 << 20
};

/// How a file is written.
#[derive(Debug, Clone)]
pub struct Options {
    pub format: Format,
    pub compresses: bool,
    pub has_checksum: bool,
    /// Force the file to disk now and then, not only at its end.
    pub syncs_early: bool,
    pub clocks: Clocks,
    pub header: Header,
}

/// What a file says of itself.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub seconds: i64,
    pub memory_bytes: usize,
    /// The file is the base of an append-only file.
    pub is_aof_base: bool,
    /// Further AUX fields.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Libraries of functions, which stand before all keys.
    pub libraries: Libraries,
}

impl Header {
    /// Writes the signature, the AUX fields that all servers write, and the functions.
    pub fn write(&self, output: &mut Output) {
        output.bytes.extend_from_slice(output.format.signature());
        for (key, value) in &self.fields {
            output.aux(key, value);
        }
        output.aux(b"redis-bits", b"64");
        output.aux(b"ctime", self.seconds.to_string().as_bytes());
        output.aux(b"used-mem", self.memory_bytes.to_string().as_bytes());
        output.aux(b"aof-base", if self.is_aof_base { b"1" } else { b"0" });
        libraries::write(&self.libraries, output);
    }
}

/// Writes what introduces the keys of a database.
pub fn write_database(output: &mut Output, number: usize, keys: usize, volatile: usize) {
    output.byte(opcode::SELECT);
    output.length(number as u64);
    output.byte(opcode::RESIZE);
    output.length(keys as u64);
    output.length(volatile as u64);
}

/// Writes all databases that are not empty. Returns the bytes of the file.
pub fn save(databases: &[Database], options: &Options, path: &Path) -> io::Result<u64> {
    let mut file = SnapshotFile::create(path, options)?;
    let mut output = Output::new(options.format, options.compresses);
    options.header.write(&mut output);
    for (number, database) in databases.iter().enumerate() {
        if database.is_empty() {
            continue;
        }
        write_database(&mut output, number, database.len(), database.volatile_len());
        let mut failure = Ok(());
        database.for_each(|entry| {
            if failure.is_err() {
                return;
            }
            let mut walk = write_key(&mut output, entry, options.clocks);
            while walk.as_mut().is_some_and(|walk| walk.step(&mut output)) && failure.is_ok() {
                failure = file.write_if_enough(&mut output);
            }
            if failure.is_ok() {
                failure = file.write_if_enough(&mut output);
            }
        });
        failure?;
    }
    output.byte(opcode::END);
    file.write(&output.bytes)?;
    file.finish()
}

/// See the head of this file. Dropping one that is not finished removes it.
#[derive(Debug)]
pub struct SnapshotFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    checksum: u64,
    has_checksum: bool,
    syncs_early: bool,
    bytes: u64,
    synced: u64,
    is_finished: bool,
}

impl SnapshotFile {
    /// Begins a file that will be called `path`, in whose folder it is written.
    pub fn create(path: &Path, options: &Options) -> io::Result<SnapshotFile> {
        let temporary = temporary_name(path);
        let file = File::create(&temporary)?;
        Ok(SnapshotFile {
            file,
            temporary,
            target: path.to_path_buf(),
            checksum: 0,
            has_checksum: options.has_checksum,
            syncs_early: options.syncs_early,
            bytes: 0,
            synced: 0,
            is_finished: false,
        })
    }

    /// The name while it is being written.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.has_checksum {
            self.checksum = crc64(self.checksum, bytes);
        }
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        if self.syncs_early && self.bytes - self.synced >= SYNC_BYTES {
            sync_early(&self.file, self.synced, self.bytes)?;
            self.synced = self.bytes;
        }
        Ok(())
    }

    fn write_if_enough(&mut self, output: &mut Output) -> io::Result<()> {
        if output.bytes.len() >= WRITE_BYTES {
            self.write(&output.bytes)?;
            output.bytes.clear();
        }
        Ok(())
    }

    /// Writes the checksum, forces all to disk and gives the file its name.
    pub fn finish(mut self) -> io::Result<u64> {
        // A file's checksum is that of all before it; without one it says 0.
        let checksum = self.checksum.to_le_bytes();
        self.file.write_all(&checksum)?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        self.is_finished = true;
        sync_directory(&self.target)?;
        Ok(self.bytes + checksum.len() as u64)
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nobody can do more about it; the next one takes the same name.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Lets the disk begin with a part of a file. The sync at its end tells what went wrong.
#[cfg(target_os = "linux")]
fn sync_early(file: &File, from: u64, to: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let (from, bytes) = (from as libc::off64_t, (to - from) as libc::off64_t);
    let begin = libc::SYNC_FILE_RANGE_WRITE;
    // SAFETY: the descriptor is open, and the call takes nothing else but numbers. Nothing
    // depends on its answer.
    unsafe { libc::sync_file_range(file.as_raw_fd(), from, bytes, begin) };
    Ok(())
}

/// Forces what there is of a file to disk.
#[cfg(not(target_os = "linux"))]
fn sync_early(file: &File, _from: u64, _to: u64) -> io::Result<()> {
    file.sync_data()
}

/// The name of a file that is still being written; no other has it.
fn temporary_name(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!("temp-{}-{number}.rdb", std::process::id()))
}

/// Forces the folder of `path` to disk, so that a rename in it outlives a power cut.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // On Windows a folder cannot be opened, and a rename needs nothing of the kind.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
