"""XINFO: what a stream, its groups and their consumers are."""

from __future__ import annotations

from typing import Any

from rubellite._core import Arguments, Call, Stream
from rubellite.engine.replies import Reply
from rubellite.errors import NO_GROUP_OF_KEY, NO_SUCH_KEY, WRONG_SUBCOMMAND, text_of
from rubellite.spec.command import command, container
from rubellite.spec.flags import READ

_COUNT_USUAL = 10

container(
    "XINFO",
    "A container for stream introspection commands",
    since="5.0.0",
    group="stream",
)


def _stream(call: Call, key: bytes) -> Stream:
    """The stream at `key`.

    Errors: NO_SUCH_KEY, WRONG_TYPE.
    """
    found = call.read(key, Stream)
    if found is None:
        raise NO_SUCH_KEY
    return found


@command(
    "XINFO STREAM key:RO,access [FULL [COUNT count]]",
    READ,
    since="5.0.0",
    history=(
        ("6.0.0", "Added the `FULL` modifier."),
        (
            "7.0.0",
            "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, "
            "`entries-read` and `lag` fields",
        ),
        ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
    ),
    takes_rest=True,
)
def xinfo_stream(call: Call, key: bytes, words: Arguments) -> Reply:
    """Describe a stream; with FULL also its groups, with `count` entries of each list.

    Errors: NO_SUCH_KEY, WRONG_SUBCOMMAND, NOT_INTEGER, WRONG_TYPE.
    """
    found = _stream(call, key)
    facts = found.facts()
    if not len(words):
        facts["groups"] = found.group_count()
        facts["first-entry"] = next(iter(found.entries(1)), None)
        facts["last-entry"] = next(iter(found.entries(1, from_back=True)), None)
        return facts
    limit = _full_count(call, words)
    facts["entries"] = found.entries(limit)
    facts["groups"] = found.full_groups(limit)
    return facts


def _full_count(call: Call, words: Arguments) -> int:
    """How much `FULL [COUNT count]` asks for; 0 is all.

    Errors: WRONG_SUBCOMMAND, NOT_INTEGER.
    """
    is_known = words[0].upper() == b"FULL" and len(words) in (1, 3)
    if not is_known or (len(words) == 3 and words[1].upper() != b"COUNT"):
        raise WRONG_SUBCOMMAND(text_of(call.argument(1)), "XINFO")
    if len(words) == 1:
        return _COUNT_USUAL
    count = words.integer(2)
    return count if count > 0 else 2**63 - 1 if count == 0 else _COUNT_USUAL


@command(
    "XINFO GROUPS key:RO,access",
    READ,
    since="5.0.0",
    history=(("7.0.0", "Added the `entries-read` and `lag` fields"),),
)
def xinfo_groups(call: Call, key: bytes) -> Reply:
    """Describe the groups of a stream.

    Errors: NO_SUCH_KEY, WRONG_TYPE.
    """
    return _stream(call, key).groups()


@command(
    "XINFO CONSUMERS key:RO,access group",
    READ,
    since="5.0.0",
    tips=("nondeterministic_output",),
    history=(("7.2.0", "Added the `inactive` field, and changed the meaning of `idle`."),),
)
def xinfo_consumers(call: Call, key: bytes, group: bytes) -> Reply:
    """Describe the consumers of a group.

    Errors: NO_SUCH_KEY, NO_GROUP_OF_KEY, WRONG_TYPE.
    """
    found = _stream(call, key)
    if not found.has_group(group):
        raise NO_GROUP_OF_KEY(text_of(group), text_of(key))
    consumers: list[dict[str, Any]] = found.consumers(group)
    for consumer in consumers:
        for name in ("idle", "inactive"):
            if consumer[name] != -1:
                consumer[name] = max(call.now_ms - consumer[name], 0)
    return consumers
