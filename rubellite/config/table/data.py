"""Parameters of the data: databases, encodings, memory, eviction, expiry, scripts."""

from __future__ import annotations

from rubellite.config.kinds import INT32_MAX, UINT64_MAX, Choice, Integer, Memory
from rubellite.config.setting import (
    ACCEPTED,
    BYTES,
    COUNT,
    COUNT32,
    POSITIVE32,
    SWITCH,
    TEXT,
    WORKS,
    Setting,
)
from rubellite.config.special import EventClasses, Locale

_POLICIES = Choice(
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
)
_CYCLE_PERCENT = Integer(1, 99)
_PERCENT1000 = Integer(0, 1000)

# fmt: off
DATA = (
    Setting("databases", POSITIVE32, "16", WORKS, "Databases that SELECT can choose from.",
            live=False),
    Setting("notify-keyspace-events", EventClasses(), "", WORKS,
            "Classes of events published to subscribers."),
    Setting("locale-collate", Locale(), "", ACCEPTED, "Locale that SORT … ALPHA orders by."),
    Setting("hash-seed", TEXT, "", ACCEPTED, "Seed of the hash function.", live=False,
            sensitive=True),
    Setting("import-mode", SWITCH, "no", ACCEPTED,
            "Keep expired keys while data is imported from elsewhere."),
    Setting("extended-redis-compatibility", SWITCH, "no", ACCEPTED,
            "Say Redis where another name would be said."),
)

ENCODINGS = (
    Setting("hash-max-listpack-entries", COUNT, "512", WORKS,
            "Fields of the largest hash that is stored packed.", "hash-max-ziplist-entries"),
    Setting("hash-max-listpack-value", BYTES, "64", WORKS,
            "Bytes of the longest field or value in a packed hash.", "hash-max-ziplist-value"),
    Setting("list-max-listpack-size", Integer(-INT32_MAX - 1, INT32_MAX), "-2", WORKS,
            "Items, or size class (-1 to -5: 4 to 64 kB), of a packed list.",
            "list-max-ziplist-size"),
    Setting("list-compress-depth", COUNT32, "0", WORKS,
            "Nodes at each end of a large list that stay uncompressed; 0: all."),
    Setting("set-max-intset-entries", COUNT, "512", WORKS,
            "Members of the largest set of integers that is stored packed."),
    Setting("set-max-listpack-entries", COUNT, "128", WORKS,
            "Members of the largest other set that is stored packed."),
    Setting("set-max-listpack-value", COUNT, "64", WORKS,
            "Bytes of the longest member of a packed set."),
    Setting("zset-max-listpack-entries", COUNT, "128", WORKS,
            "Members of the largest sorted set that is stored packed.",
            "zset-max-ziplist-entries"),
    Setting("zset-max-listpack-value", BYTES, "64", WORKS,
            "Bytes of the longest member of a packed sorted set.", "zset-max-ziplist-value"),
    Setting("hll-sparse-max-bytes", BYTES, "3000", WORKS,
            "Bytes of the largest HyperLogLog that is stored sparse."),
    Setting("stream-node-max-bytes", BYTES, "4096", WORKS, "Bytes of a block of a stream."),
    Setting("stream-node-max-entries", COUNT, "100", WORKS, "Entries of a block of a stream."),
    Setting("activerehashing", SWITCH, "yes", ACCEPTED, "Rehash tables while the server is idle."),
    Setting("vset-force-single-threaded-execution", SWITCH, "no", ACCEPTED,
            "Search vector sets in the main thread."),
)

MEMORY = (
    Setting("maxmemory", Memory(0, UINT64_MAX), "0", WORKS,
            "Bytes of data after which keys are evicted or writes refused; 0 for no limit."),
    Setting("maxmemory-policy", _POLICIES, "noeviction", WORKS, "Which keys are evicted."),
    Setting("maxmemory-samples", Integer(1, 64), "5", WORKS,
            "Keys looked at to find one to evict."),
    Setting("maxmemory-eviction-tenacity", Integer(0, 100), "10", WORKS,
            "How long evictions may delay a command: 0 barely, 100 as long as it takes."),
    Setting("lfu-log-factor", COUNT32, "10", WORKS, "How slowly a key's use counter grows."),
    Setting("lfu-decay-time", COUNT32, "1", WORKS, "Minutes after which a use counter shrinks."),
    Setting("active-expire-effort", Integer(1, 10), "1", ACCEPTED,
            "Effort spent on finding expired keys, 1 to 10."),
    Setting("lazyfree-lazy-eviction", SWITCH, "yes", ACCEPTED,
            "Free evicted values in the background."),
    Setting("lazyfree-lazy-expire", SWITCH, "yes", ACCEPTED,
            "Free expired values in the background."),
    Setting("lazyfree-lazy-server-del", SWITCH, "yes", ACCEPTED,
            "Free overwritten values in the background."),
    Setting("lazyfree-lazy-user-del", SWITCH, "yes", ACCEPTED, "Make DEL behave like UNLINK."),
    Setting("lazyfree-lazy-user-flush", SWITCH, "yes", ACCEPTED,
            "Make FLUSHDB and FLUSHALL asynchronous."),
    Setting("lazyexpire-nested-arbitrary-keys", SWITCH, "yes", ACCEPTED,
            "Expire keys that scripts reach without naming them.", hidden=True),
    Setting("activedefrag", SWITCH, "no", WORKS, "Defragment memory while running."),
    Setting("active-defrag-ignore-bytes", Memory(1), "104857600", WORKS,
            "Wasted bytes below which nothing is defragmented."),
    Setting("active-defrag-threshold-lower", _PERCENT1000, "10", WORKS,
            "Percent of waste at which defragmentation begins."),
    Setting("active-defrag-threshold-upper", _PERCENT1000, "100", WORKS,
            "Percent of waste at which it uses its full share of time."),
    Setting("active-defrag-cycle-min", _CYCLE_PERCENT, "1", WORKS,
            "Percent of CPU time for defragmentation, at least."),
    Setting("active-defrag-cycle-max", _CYCLE_PERCENT, "25", WORKS,
            "Percent of CPU time for defragmentation, at most."),
    Setting("active-defrag-cycle-us", Integer(0, 100000), "500", ACCEPTED,
            "Microseconds of one slice of defragmentation."),
    Setting("active-defrag-max-scan-fields", Integer(1, 2**63 - 1), "1000", ACCEPTED,
            "Elements of a collection defragmented at once."),
    Setting("jemalloc-bg-thread", SWITCH, "yes", ACCEPTED,
            "Return memory to the system from a thread."),
)

SCRIPTS = (
    Setting("busy-reply-threshold", COUNT, "5000", WORKS,
            "Milliseconds after which other clients are told that a script is running.",
            "lua-time-limit"),
    Setting("lua-enable-deprecated-api", SWITCH, "no", ACCEPTED,
            "Give scripts functions that are deprecated.", hidden=True, protected=True),
    Setting("lua-enable-insecure-api", SWITCH, "no", ACCEPTED,
            "Give scripts functions that are insecure.", hidden=True, protected=True),
)

SETTINGS = (*DATA, *ENCODINGS, *MEMORY, *SCRIPTS)
