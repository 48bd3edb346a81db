"""MEMORY: what takes how much of it."""

from __future__ import annotations

from rubellite._core import Call, Verbatim, memory_purge
from rubellite.engine.replies import OK, Reply
from rubellite.errors import SYNTAX
from rubellite.server import memory_account, state
from rubellite.server.memory_doctor import diagnose
from rubellite.spec.command import command, container
from rubellite.spec.flags import LOADING, READ

_TIPS = ("nondeterministic_output", "request_policy:all_shards", "response_policy:special")

container("MEMORY", "A container for memory diagnostics commands", since="4.0.0")


@command(
    "MEMORY USAGE key:RO [SAMPLES count]",
    READ,
    since="4.0.0",
    cost="O(1): every structure knows its size.",
    categories=("@read",),
)
def memory_usage(call: Call, key: bytes, samples: int | None) -> Reply:
    """Bytes that a key and its value take; exact, so samples are not needed.

    Errors: SYNTAX.
    """
    if samples is not None and samples < 0:
        raise SYNTAX
    return call.memory_usage(key)


@command("MEMORY STATS", 0, since="4.0.0", tips=_TIPS)
def memory_stats(call: Call) -> Reply:
    """Return what memory is used for."""
    return memory_account.statistics(memory_account.take(call, state.of(call)))


@command("MEMORY DOCTOR", 0, since="4.0.0", tips=_TIPS)
def memory_doctor(call: Call) -> Reply:
    """Say in words what is wrong with the memory, and what helps."""
    own = state.of(call)
    limit, policy = own.config.integer("maxmemory"), own.config.text("maxmemory-policy")
    volatile = sum(with_deadline for _, _, with_deadline, _ in call.statistics()["keyspace"])
    text = diagnose(memory_account.take(call, own), limit, policy, volatile)
    return Verbatim(text.encode())


@command(
    "MEMORY MALLOC-STATS",
    LOADING,
    since="4.0.0",
    cost="Depends on how much memory is allocated, could be slow",
    tips=_TIPS,
)
def memory_malloc_stats(call: Call) -> Reply:
    """Return the allocator's own report."""
    return Verbatim(call.allocator_report() or b"Stats not supported for the current allocator")


@command(
    "MEMORY PURGE",
    LOADING,
    since="4.0.0",
    cost="Depends on how much memory is allocated, could be slow",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
)
def memory_purge_(call: Call) -> Reply:
    """Give free memory back to the system."""
    memory_purge()
    return OK
