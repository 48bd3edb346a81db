"""MEMORY DOCTOR: what is wrong with the memory, in words, with its numbers and what helps."""

from __future__ import annotations

from collections.abc import Iterator

from rubellite.server.memory_account import Account, quotient

#: Less data than this says nothing.
_JUDGED_BYTES_MIN = 5 << 20
#: Waste below this is not worth a word.
_WASTE_BYTES_MIN = 10 << 20
_WASTE_RATIO_MAX = 1.1
_PEAK_RATIO_MAX = 1.5
#: All clients in the mean, or one of them.
_CLIENT_BYTES_MAX = 200 << 10
_LARGE_CLIENT_BYTES = 10 << 20
_SCRIPTS_MAX = 1000
_AOF_BUFFER_BYTES_MAX = 32 << 20


def diagnose(account: Account, limit: int, policy: str, volatile_keys: int) -> str:
    """What is wrong, a paragraph for each problem; `limit` and `policy` are maxmemory's."""
    own = account.used - account.startup
    problems = list(_problems(account, limit, policy, volatile_keys))
    if problems:
        return "".join(f"* {text}\n" for text in problems)
    if own < _JUDGED_BYTES_MIN:
        return (
            f"There is too little data to judge by: {_mb(own)} in use, where "
            f"{_mb(_JUDGED_BYTES_MIN)} are needed.\n"
        )
    return f"No memory problem was found ({_mb(account.used)} in use).\n"


def _problems(account: Account, limit: int, policy: str, volatile_keys: int) -> Iterator[str]:
    """Those that hold; waste is judged only where there are data that it can be a part of."""
    if account.used - account.startup >= _JUDGED_BYTES_MIN:
        yield from _waste(account)
    yield from _clients(account)
    yield from _others(account)
    if limit and account.used > limit * 0.95:
        yield from _limit(account, limit, policy, volatile_keys)


def _waste(account: Account) -> Iterator[str]:
    peak, used = account.peak, account.used
    if peak > used * _PEAK_RATIO_MAX and peak - used > _WASTE_BYTES_MIN:
        yield (
            f"Peak: {_mb(peak)} were in use once, {_mb(used)} are now. The difference may still "
            "belong to the process, so fragmentation looks worse than it is. MEMORY PURGE gives "
            "back what can be given back."
        )
    if _is_waste(account.active, account.allocated):
        yield (
            "Fragmentation: the allocator's pages are "
            f"{quotient(account.active, account.allocated):.2f} times what they hold "
            f"({_mb(account.active - account.allocated)} unused). CONFIG SET activedefrag yes "
            "moves keys together until pages are free; a restart does, too."
        )
    if _is_waste(account.pages, account.active):
        yield (
            f"Held back: the allocator keeps {_mb(account.pages - account.active)} of free "
            "pages. It gives them to the system within some seconds; MEMORY PURGE does so now."
        )
    outside = account.outside_since_start
    if outside > _WASTE_BYTES_MIN and outside > account.pages * (_WASTE_RATIO_MAX - 1):
        yield (
            f"Outside: the process has grown by {_mb(outside)} that are not the store's. They "
            "belong to Python code in the same process (the application, commands of your own), "
            "or to libraries of theirs."
        )


def _is_waste(whole: int, part: int) -> bool:
    return whole - part > _WASTE_BYTES_MIN and whole > part * _WASTE_RATIO_MAX


def _clients(account: Account) -> Iterator[str]:
    helps = (
        "CLIENT LIST shows them by `tot-mem`: what they did not read (`omem`), sent and did not "
        "finish (`qbuf`) or queued (`multi-mem`). client-output-buffer-limit and "
        "maxmemory-clients close them."
    )
    count = account.client_count
    if count and account.clients / count > _CLIENT_BYTES_MAX:
        yield f"Clients: {count} connections hold {_mb(account.clients)}. {helps}"
    elif account.client_max > _LARGE_CLIENT_BYTES:
        yield (
            f"Client: one of {count} connections holds {_mb(account.client_max)} of the "
            f"{_mb(account.clients)} that all take. {helps}"
        )


def _others(account: Account) -> Iterator[str]:
    if account.script_count > _SCRIPTS_MAX:
        yield (
            f"Scripts: {account.script_count} are kept, {_mb(account.scripts)} of text, and "
            f"{_mb(account.eval_interpreter)} of interpreter. They seem to be made while the "
            "application runs: pass what varies in KEYS and ARGV, and drop the old ones with "
            "SCRIPT FLUSH."
        )
    if account.aof_buffer > _AOF_BUFFER_BYTES_MAX:
        yield (
            f"Append-only file: {_mb(account.aof_buffer)} are not surely on disk yet, and are "
            "kept until they are. The disk cannot keep up with what is written."
        )


def _limit(account: Account, limit: int, policy: str, volatile_keys: int) -> Iterator[str]:
    # That a cache is full is what it is for.
    if policy != "noeviction" and (volatile_keys or policy.startswith("allkeys")):
        return
    why = "" if policy == "noeviction" else " and no key has a time to live"
    yield (
        f"Limit: {_mb(account.used)} of maxmemory's {_mb(limit)} are in use, maxmemory-policy is "
        f"{policy}{why}. Writes fail next."
    )


def _mb(count: float) -> str:
    return f"{count / (1 << 20):.1f} MB"
