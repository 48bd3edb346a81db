"""CLUSTER, READONLY, READWRITE and ASKING, as a server answers that is in no cluster.

Clients ask while they connect, and take the refusal for an answer. As in Valkey, a key's
slot is told all the same, and a connection may say that it only reads.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable

from rubellite._core import Arguments, Call
from rubellite.engine.replies import OK, Reply
from rubellite.errors import CLUSTER_DISABLED
from rubellite.spec.command import TABLE, command, make_container
from rubellite.spec.flags import (
    ADMIN,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NOSCRIPT,
    STALE,
    WRITE,
)

_SLOTS = 16384
_GROUP = "cluster"
_CHANGES = ("nondeterministic_output",)
_ALTERS = ADMIN | STALE | NO_ASYNC_LOADING
_EARLY = LOADING | STALE
_EACH_NODE = "O(N) where N is the number of nodes"
_EACH_SLOT = "O(N) where N is the number of slots"

TABLE.add(
    make_container(
        "CLUSTER",
        "A container for cluster commands",
        since="3.0.0",
        group=_GROUP,
        flags=0,
        cost="Depends on subcommand.",
    )
)


def key_slot(key: bytes) -> int:
    """The slot of a key: of what stands in its first braces, if they hold anything."""
    _, opening, behind = key.partition(b"{")
    tag, closing, _ = behind.partition(b"}")
    return crc_hqx(tag if opening and closing and tag else key, 0) % _SLOTS


@command("CLUSTER KEYSLOT key:string", STALE, since="3.0.0", cost="O(N) bytes", group=_GROUP)
def cluster_keyslot(call: Call, key: bytes) -> Reply:
    """Compute the slot that a key would be in."""
    return key_slot(key)


@command("READONLY", _EARLY | FAST, since="3.0.0", group=_GROUP, categories=("@connection",))
def readonly(call: Call) -> Reply:
    """Allow a replica in a cluster to answer reads; there is none here."""
    return OK


@command("READWRITE", _EARLY | FAST, since="3.0.0", group=_GROUP, categories=("@connection",))
def readwrite(call: Call) -> Reply:
    """Let a replica in a cluster send reads to its primary again; there is none here."""
    return OK


@command("ASKING", FAST, since="3.0.0", group=_GROUP, categories=("@connection",))
def asking(call: Call) -> Reply:
    """Follow the redirection of a slot that moves.

    Errors: CLUSTER_DISABLED.
    """
    raise CLUSTER_DISABLED


def _refused(
    text: str,
    flags: int,
    since: str,
    summary: str,
    *,
    cost: str = "O(1)",
    tips: tuple[str, ...] = (),
    history: tuple[tuple[str, str], ...] = (),
    categories: tuple[str, ...] = (),
    replaced_by: str = "",
    arity: int | None = None,
) -> None:
    """Adds a subcommand that only a node of a cluster could execute."""
    handler = _refusal()
    handler.__doc__ = f"{summary}.\n\nErrors: CLUSTER_DISABLED."
    command(
        text,
        flags,
        since=since,
        cost=cost,
        group=_GROUP,
        tips=tips,
        history=history,
        categories=categories,
        takes_rest=True,
        arity=arity,
        deprecated_since="5.0.0" if replaced_by else "",
        replaced_by=replaced_by,
    )(handler)


def _refusal() -> Callable[[Call, Arguments], Reply]:
    def refuse(call: Call, words: Arguments) -> Reply:
        raise CLUSTER_DISABLED

    return refuse


# What a node says of its cluster.
_refused("CLUSTER HELP", _EARLY, "5.0.0", "Print what the subcommands are for")
_refused("CLUSTER INFO", _EARLY, "3.0.0", "Tell the state of the cluster", tips=_CHANGES)
_refused("CLUSTER MYID", _EARLY, "3.0.0", "Name this node")
_refused("CLUSTER MYSHARDID", _EARLY, "7.2.0", "Name this node's shard", tips=_CHANGES)
_refused(
    "CLUSTER NODES",
    _EARLY,
    "3.0.0",
    "List all nodes with their slots",
    cost=_EACH_NODE,
    tips=_CHANGES,
)
_refused(
    "CLUSTER SLOTS",
    _EARLY,
    "3.0.0",
    "List ranges of slots with their nodes",
    cost=_EACH_NODE,
    tips=_CHANGES,
    history=(
        ("4.0.0", "Added node IDs."),
        ("7.0.0", "Added additional networking metadata field."),
        ("9.1.0", "Added the availability zone to the networking metadata."),
    ),
)
_refused(
    "CLUSTER SHARDS",
    _EARLY,
    "7.0.0",
    "List the shards with their slots and nodes",
    cost=_EACH_NODE,
    tips=_CHANGES,
    history=(("9.1.0", "Added the shard's id and the nodes' availability zones."),),
)
_refused(
    "CLUSTER LINKS",
    STALE,
    "7.0.0",
    "List the connections to other nodes",
    cost=_EACH_NODE,
    tips=_CHANGES,
)
_refused(
    "CLUSTER REPLICAS node-id",
    ADMIN | STALE,
    "5.0.0",
    "List the replicas of a node",
    cost=_EACH_NODE,
    tips=_CHANGES,
)
_refused(
    "CLUSTER SLAVES node-id",
    ADMIN | STALE,
    "3.0.0",
    "List the replicas of a node",
    cost=_EACH_NODE,
    tips=_CHANGES,
    replaced_by="`CLUSTER REPLICAS`",
)
_refused(
    "CLUSTER COUNT-FAILURE-REPORTS node-id",
    ADMIN | STALE,
    "3.0.0",
    "Count the nodes that take a node for failing",
    cost="O(N) where N is the number of reports",
    tips=_CHANGES,
    history=(("9.0.0", "Reports of a node that has failed are not counted."),),
)
_refused("CLUSTER COUNTKEYSINSLOT slot", STALE, "3.0.0", "Count the keys in a slot")
_refused(
    "CLUSTER GETKEYSINSLOT slot count",
    STALE,
    "3.0.0",
    "List keys in a slot",
    cost="O(N) where N is the number of keys",
    tips=_CHANGES,
)
_refused(
    "CLUSTER SLOT-STATS <<SLOTSRANGE start-slot:integer end-slot:integer>|"
    "<ORDERBY metric [LIMIT limit:integer] [ASC|DESC]>>",
    _EARLY,
    "8.0.0",
    "Tell how much slots are used",
    cost="O(N log(N)) where N is the number of slots",
    tips=("nondeterministic_output", "request_policy:all_shards"),
)
_refused(
    "CLUSTER GETSLOTMIGRATIONS",
    _ALTERS,
    "9.0.0",
    "List the moves of slots",
    cost="O(N) where N is the number of moves",
)

# What changes it.
_refused(
    "CLUSTER ADDSLOTS slot [slot ...]",
    _ALTERS,
    "3.0.0",
    "Give this node slots",
    cost=_EACH_SLOT,
)
_refused(
    "CLUSTER ADDSLOTSRANGE start-slot:integer end-slot:integer "
    "[start-slot:integer end-slot:integer ...]",
    _ALTERS,
    "7.0.0",
    "Give this node ranges of slots",
    cost=_EACH_SLOT,
)
_refused(
    "CLUSTER DELSLOTS slot [slot ...]",
    _ALTERS,
    "3.0.0",
    "Take slots from this node",
    cost=_EACH_SLOT,
)
_refused(
    "CLUSTER DELSLOTSRANGE start-slot:integer end-slot:integer "
    "[start-slot:integer end-slot:integer ...]",
    _ALTERS,
    "7.0.0",
    "Take ranges of slots from this node",
    cost=_EACH_SLOT,
)
_refused("CLUSTER FLUSHSLOTS", _ALTERS, "3.0.0", "Take all slots from this node")
_refused(
    "CLUSTER FLUSHSLOT slot [ASYNC|SYNC]",
    WRITE | ADMIN | NO_ASYNC_LOADING,
    "9.0.0",
    "Remove the keys of a slot",
    cost="O(N) where N is the number of keys in the slot",
    categories=("@keyspace",),
)
_refused(
    "CLUSTER SETSLOT slot <<IMPORTING node-id>|<MIGRATING node-id>|<NODE node-id>|STABLE> "
    "[TIMEOUT timeout:integer]",
    _ALTERS,
    "3.0.0",
    "Say where a slot is, or moves",
    history=(("8.0.0", "Added the `TIMEOUT` option."),),
)
_refused(
    "CLUSTER MIGRATESLOTS <SLOTSRANGE start-slot:integer end-slot:integer NODE node-id> "
    "[SLOTSRANGE start-slot:integer end-slot:integer NODE node-id ...]",
    _ALTERS,
    "9.0.0",
    "Move slots to other nodes",
    cost=_EACH_SLOT,
    arity=-4,
)
_refused(
    "CLUSTER CANCELSLOTMIGRATIONS",
    _ALTERS,
    "9.0.0",
    "End the moves of slots",
    cost="O(N) where N is the number of moves",
)
_refused("CLUSTER BUMPEPOCH", _ALTERS, "3.0.0", "Advance the configuration's epoch", tips=_CHANGES)
_refused(
    "CLUSTER SET-CONFIG-EPOCH config-epoch:integer", _ALTERS, "3.0.0", "Set a new node's epoch"
)
_refused("CLUSTER SAVECONFIG", _ALTERS, "3.0.0", "Write the configuration to disk")
_refused(
    "CLUSTER MEET ip port:integer [cluster-bus-port:integer]",
    _ALTERS,
    "3.0.0",
    "Join a node",
    history=(("4.0.0", "Added the optional `cluster_bus_port` argument."),),
)
_refused("CLUSTER FORGET node-id", _ALTERS, "3.0.0", "Leave a node out")
_refused(
    "CLUSTER REPLICATE <node-id|<NO ONE>>",
    _ALTERS,
    "3.0.0",
    "Follow another node, or none",
    history=(("9.0.0", "Added NO ONE."),),
)
_refused("CLUSTER FAILOVER [FORCE|TAKEOVER]", _ALTERS, "3.0.0", "Take over from the primary")
_refused(
    "CLUSTER RESET [HARD|SOFT]",
    ADMIN | STALE | NOSCRIPT,
    "3.0.0",
    "Leave the cluster",
    cost="O(N) where N is the number of nodes; keys may be removed",
)
