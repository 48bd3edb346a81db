"""HyperLogLog: how many different elements were seen, within 1 %, in 12 KB."""

from __future__ import annotations

from rubellite._core import Arguments, Call, Status, hyperloglog_self_test
from rubellite.engine.replies import OK, Reply
from rubellite.errors import (
    HYPERLOGLOG_NOT_SPARSE,
    NO_HYPERLOGLOG,
    SELF_TEST_FAILED,
    UNKNOWN_PFDEBUG,
    text_of,
)
from rubellite.spec.command import command
from rubellite.spec.flags import ADMIN, DENYOOM, FAST, MAY_REPLICATE, READ, WRITE
from rubellite.spec.keys import KeySpec


@command(
    "PFADD key:RW,insert [element ...]",
    WRITE | DENYOOM | FAST,
    since="2.8.9",
    cost="O(1) for each element.",
)
def pfadd(call: Call, key: bytes, elements: Arguments) -> Reply:
    """Add elements; return 1 if the estimate may have changed, or nothing was there.

    Errors: WRONG_TYPE, NOT_HYPERLOGLOG, CORRUPT_HYPERLOGLOG.
    """
    return int(call.hyperloglog_add(key, elements))


@command(
    "PFCOUNT key:RW,access [key ...]",
    READ | MAY_REPLICATE,
    since="2.8.9",
    cost="O(1) for one key; O(N) for N of them, with a large constant.",
)
def pfcount(call: Call, keys: Arguments) -> Reply:
    """Estimate how many different elements were added to any of the keys.

    What is counted for one key is cached in its string.

    Errors: WRONG_TYPE, NOT_HYPERLOGLOG, CORRUPT_HYPERLOGLOG.
    """
    if len(keys) == 1:
        return call.hyperloglog_count(keys[0])
    return call.hyperloglog_count_union(keys)


@command(
    "PFMERGE destkey:RW,access,insert [sourcekey:RO,access ...]",
    WRITE | DENYOOM,
    since="2.8.9",
    # Servers name the sources first.
    keys=[
        KeySpec(("RO", "access"), index=2, last=-1),
        KeySpec(("RW", "access", "insert"), index=1),
    ],
    cost="O(N) for N keys, with a large constant.",
)
def pfmerge(call: Call, destkey: bytes, sourcekeys: Arguments) -> Reply:
    """Make `destkey` the union of itself and the sources.

    Errors: WRONG_TYPE, NOT_HYPERLOGLOG, CORRUPT_HYPERLOGLOG.
    """
    call.hyperloglog_merge(destkey, sourcekeys)
    return OK


@command("PFDEBUG subcommand key:RW,access", WRITE | DENYOOM | ADMIN, since="2.8.9", cost="N/A")
def pfdebug(call: Call, subcommand: bytes, key: bytes) -> Reply:
    """Look inside: GETREG (which makes it dense), DECODE, ENCODING, TODENSE.

    Errors: NO_HYPERLOGLOG, WRONG_TYPE, NOT_HYPERLOGLOG, CORRUPT_HYPERLOGLOG,
    HYPERLOGLOG_NOT_SPARSE, UNKNOWN_PFDEBUG.
    """
    encoding = call.hyperloglog_encoding(key)
    if encoding is None:
        raise NO_HYPERLOGLOG
    word = subcommand.upper()
    if word == b"GETREG":
        call.hyperloglog_to_dense(key)
        return call.hyperloglog_registers(key)
    if word == b"DECODE":
        if encoding != "sparse":
            raise HYPERLOGLOG_NOT_SPARSE
        return call.hyperloglog_runs(key)
    if word == b"ENCODING":
        return Status(encoding)
    if word == b"TODENSE":
        return int(call.hyperloglog_to_dense(key))
    raise UNKNOWN_PFDEBUG(text_of(subcommand))


@command("PFSELFTEST", ADMIN, since="2.8.9", cost="N/A")
def pfselftest(call: Call) -> Reply:
    """Test HyperLogLogs in this build.

    Errors: SELF_TEST_FAILED.
    """
    problem = hyperloglog_self_test()
    if problem is not None:
        raise SELF_TEST_FAILED(problem)
    return OK
