"""CLIENT LIST's line of a client: what is known of it, in Valkey's order and letters."""

from __future__ import annotations

from typing import Any

Facts = dict[str, Any]

#: Letters that a filter may name; some stand for what there is not here (replicas,
#: cluster).
FLAG_LETTERS = "bcdeirtuxABEIMNOPRSTU"
#: Letters of CLIENT CAPA.
CAPABILITY_LETTERS = "r"


def kind(facts: Facts) -> str:
    """`normal` or `pubsub`: the class that limits and the TYPE filter go by."""
    return "pubsub" if subscriptions(facts) else "normal"


def subscriptions(facts: Facts) -> int:
    """How many channels and patterns the client listens to."""
    return sum(facts[name] for name in ("channels", "patterns", "shard_channels"))


def flags(facts: Facts) -> str:
    """The letters of what is special about a client; `N` where nothing is."""
    letters = [
        ("O", facts["is_monitor"]),
        ("P", subscriptions(facts)),
        ("x", facts["queued"] is not None),
        ("b", facts["is_blocked"]),
        ("t", facts["tracking_mode"]),
        ("R", facts["is_redirect_broken"]),
        ("B", facts["tracking_mode"] == "bcast"),
        ("d", facts["is_watch_broken"]),
        ("c", facts["is_closing"]),
        ("U", facts["is_unix_socket"]),
        ("e", facts["no_evict"]),
        ("T", facts["no_touch"]),
    ]
    return "".join(letter for letter, holds in letters if holds) or "N"


def capabilities(facts: Facts) -> str:
    """The letters of what the client said it can do."""
    return "r" if facts["follows_redirects"] else ""


def line(facts: Facts, now_ms: int, own_bytes: int | None = None) -> str:
    """The client's line. `own_bytes`: it asks itself, with arguments of so many bytes."""
    queued = facts["queued"]
    fields = {
        "id": facts["id"],
        "addr": facts["address"],
        "laddr": facts["local_address"],
        "fd": facts["descriptor"],
        "name": facts["name"],
        "age": _seconds(now_ms - facts["created_ms"]),
        "idle": _seconds(now_ms - facts["last_request_ms"]),
        "flags": flags(facts),
        "capa": capabilities(facts),
        "db": facts["database"],
        "sub": facts["channels"],
        "psub": facts["patterns"],
        "ssub": facts["shard_channels"],
        "multi": -1 if queued is None else queued,
        "watch": facts["watched"],
        "qbuf": facts["query_used"],
        "qbuf-free": facts["query_allocated"] - facts["query_used"],
        "argv-mem": facts["waiting_request_bytes"] if own_bytes is None else own_bytes,
        "multi-mem": facts["queue_bytes"],
        "rbs": facts["output_tail_capacity"],
        "rbp": facts["output_tail_capacity"],
        "obl": facts["output_tail"],
        "oll": facts["output_blocks"],
        "omem": facts["output_pending"] - facts["output_tail"],
        "tot-mem": facts["memory_bytes"] + (own_bytes or 0),
        "events": "rw" if facts["output_pending"] else "r",
        "cmd": facts["last_command"] or "NULL",
        "user": facts["user"],
        "redir": facts["tracking_redirect"],
        "resp": facts["protocol"],
        "lib-name": facts["library_name"],
        "lib-ver": facts["library_version"],
        "tot-net-in": facts["bytes_read"],
        "tot-net-out": facts["bytes_written"],
        # The command that asks is not done yet.
        "tot-cmds": facts["commands"] - (own_bytes is not None),
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())


def _seconds(ms: int) -> int:
    return max(0, ms // 1000)
