"""Parameters of what is written to disk, and where."""

from __future__ import annotations

from rubellite.config.kinds import INT32_MAX, Choice, Integer, Text
from rubellite.config.setting import (
    ACCEPTED,
    BYTES,
    COUNT32,
    SWITCH,
    WORKS,
    Setting,
)
from rubellite.config.special import Directory, SavePoints

# fmt: off
SNAPSHOTS = (
    Setting("dir", Directory(), ".", WORKS, "Directory of all files; the server works in it.",
            protected=True),
    Setting("dbfilename", Text(filename="filename"), "dump.rdb", WORKS, "Name of the snapshot.",
            protected=True),
    Setting("save", SavePoints(), "3600 1 300 100 60 10000", WORKS,
            "Seconds and changes after which a snapshot is saved; empty for never."),
    Setting("stop-writes-on-bgsave-error", SWITCH, "yes", WORKS,
            "Refuse writes while snapshots fail."),
    Setting("rdbcompression", SWITCH, "yes", WORKS, "Compress strings in snapshots."),
    Setting("rdbchecksum", SWITCH, "yes", WORKS, "End snapshots with a checksum, and check it.",
            live=False),
    Setting("rdb-format", Choice("redis10", "redis12", "valkey80"), "redis10", WORKS,
            "Format of snapshots and dumps; all servers read redis10."),
    Setting("rdb-del-sync-files", SWITCH, "no", ACCEPTED,
            "Remove snapshots that served replication only."),
    Setting("rdb-save-incremental-fsync", SWITCH, "yes", WORKS,
            "Flush a snapshot to disk every few megabytes."),
    Setting("rdb-version-check", Choice("strict", "relaxed"), "strict", ACCEPTED,
            "Whether a snapshot of an unknown version is loaded as far as it is understood."),
    Setting("rdb-key-save-delay", Integer(-INT32_MAX - 1, INT32_MAX), "0", WORKS,
            "Microseconds to wait after each saved key; for tests.", hidden=True),
    Setting("key-load-delay", Integer(-INT32_MAX - 1, INT32_MAX), "0", ACCEPTED,
            "Microseconds to wait after each loaded key; for tests.", hidden=True),
    Setting("loading-process-events-interval-bytes", Integer(1024, INT32_MAX), "2097152", ACCEPTED,
            "Bytes loaded between two looks at clients.", hidden=True),
    Setting("sanitize-dump-payload", Choice("no", "yes", "clients"), "no", ACCEPTED,
            "Check values from outside deeply; here they always are."),
)

APPEND_ONLY_FILE = (
    Setting("appendonly", SWITCH, "no", WORKS, "Write every change to the append-only file."),
    Setting("appendfilename", Text(filename="filename"), "appendonly.aof", WORKS,
            "Start of the names of the append-only files.", live=False),
    Setting("appenddirname", Text(filename="dirname"), "appendonlydir", WORKS,
            "Directory of the append-only files, inside dir.", live=False),
    Setting("appendfsync", Choice("everysec", "always", "no"), "everysec", WORKS,
            "When the append-only file is forced to disk."),
    Setting("no-appendfsync-on-rewrite", SWITCH, "no", ACCEPTED,
            "Do not force it to disk while a snapshot or rewrite runs."),
    Setting("auto-aof-rewrite-percentage", COUNT32, "100", WORKS,
            "Percent of growth after which the file is rewritten; 0 for never."),
    Setting("auto-aof-rewrite-min-size", BYTES, "67108864", WORKS,
            "Bytes below which it is not rewritten."),
    Setting("aof-load-truncated", SWITCH, "yes", WORKS,
            "Load a file whose end is missing, up to there."),
    Setting("aof-use-rdb-preamble", SWITCH, "yes", ACCEPTED,
            "Begin a rewritten file with a snapshot."),
    Setting("aof-timestamp-enabled", SWITCH, "no", WORKS,
            "Write the time into the file, for recovery to a moment."),
    Setting("aof-rewrite-incremental-fsync", SWITCH, "yes", ACCEPTED,
            "Flush a rewrite to disk every few megabytes."),
    Setting("aof-disable-auto-gc", SWITCH, "no", WORKS,
            "Keep files that a rewrite made superfluous."),
)

SETTINGS = (*SNAPSHOTS, *APPEND_ONLY_FILE)
