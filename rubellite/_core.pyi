"""The typed border: what the compiled core (`rust/py`) offers to Python.

`tests/meta/test_border.py` holds it against the binary: every name, every signature.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from os import PathLike
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar, final, overload

__version__: Final[str]

# Functions

def set_errors(table: dict[str, Any], base: type[Exception], raw: type[Exception]) -> None:
    """Takes over `rubellite.errors`: name → class, the base class and the raw one."""

def note_fork() -> None:
    """To be called in a child after a fork: embedded sessions of before are void there."""

def take_inherited_sockets() -> list[int]:
    """Descriptors of the engines' sockets, for a child after a fork to close."""

def encode_request(
    arguments: tuple[Any, ...], encode: Callable[[Any], bytes] | None = None
) -> bytes:
    """A command as a client sends it; arguments are those of `EmbeddedSession.call`."""

def glob_matches(pattern: bytes, text: bytes, ignore_case: bool = False) -> bool:
    """True if `text` matches the glob `pattern` as Redis reads it."""

def parse_double(text: bytes) -> float | None:
    """Reads a float as the commands do; None for what is none."""

def parse_integer(text: bytes) -> int | None:
    """Reads a 64-bit integer as the commands do; None for what is none."""

def parse_stream_id(text: bytes, missing_seq: int) -> tuple[int, int] | None:
    """Reads the ID of an entry, `ms-seq` or `ms`, which gets `missing_seq`."""

def parse_new_stream_id(text: bytes) -> tuple[int, int | None] | None:
    """As `parse_stream_id`, or `ms-*`, whose number is None; for a new entry."""

def stream_id_text(id: tuple[int, int]) -> bytes:
    """The text of an ID."""

def crc64(bytes: bytes, checksum: int = 0) -> int:
    """The checksum of RDB files and dumps, over `bytes` after those of `checksum`."""

def memory_used() -> int:
    """Bytes that the engine's allocator has given out."""

def memory_purge() -> None:
    """Gives memory that is free but still held back to the system."""

def memory_stats() -> tuple[int, int, int] | None:
    """The allocator's own figures: allocated, active and resident bytes."""

def lcs_length(one: bytes, other: bytes) -> int:
    """Length of the longest common subsequence."""

def lcs_matches(one: bytes, other: bytes) -> list[tuple[int, int, int]]:
    """The stretches of the longest common subsequence, the last one first.

    Each is (start in one, start in other, length).
    """

def hyperloglog_self_test() -> str | None:
    """What is wrong with HyperLogLogs in this build; None: nothing."""

def lcs_table_bytes(one: bytes, other: bytes) -> int:
    """Bytes of the table that LCS is accounted for."""

# Replies

@final
class Status:
    """A status line such as `OK`."""

    def __new__(cls, text: str) -> Self: ...
    @property
    def text(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Special:
    """The type of `NULL_ARRAY` and `NOTHING`; there are no others."""

#: RESP2's null array, RESP3's null.
NULL_ARRAY: Final[Special]
#: No reply, or one that was written already.
NOTHING: Final[Special]

@final
class Pairs:
    """A list of pairs: flat in RESP2, nested in RESP3."""

    def __new__(cls, items: Collection[tuple[Any, Any]]) -> Self: ...

@final
class Members:
    """A set whose members are sent in this order."""

    def __new__(cls, items: Collection[Any]) -> Self: ...

@final
class Push:
    """An out-of-band message; an array in RESP2."""

    def __new__(cls, items: Collection[Any]) -> Self: ...

@final
class Verbatim:
    """Text with a three-letter format; a bulk string in RESP2."""

    def __new__(cls, text: bytes, format: str = "txt") -> Self: ...
    @property
    def text(self) -> bytes:
        """The text without its format."""

@final
class Blob:
    """A big value that is sent from where it lies."""

    def __bytes__(self) -> bytes: ...
    def __len__(self) -> int: ...

@final
class Blocked:
    """The command waits until one of its keys holds a collection of this kind.

    Then its handler runs again. `deadline_ms` is since 1970, None for ever; then the
    client gets a null array. So it does where nothing may wait, or with `denied_null` a
    plain null.

    With `wakes_on_loss` it also wakes when a key holds something else or is gone.
    `request` is the command that runs then, if it is not the one that came.
    """

    def __new__(
        cls,
        keys: Iterable[bytes],
        kind: type[_Collection],
        deadline_ms: int | None = None,
        denied_null: bool = False,
        wakes_on_loss: bool = False,
        request: Iterable[bytes] | None = None,
    ) -> Self: ...
    @staticmethod
    def for_time(deadline_ms: int | None, counts: list[int], is_list: bool) -> Blocked:
        """The client waits for nothing but the deadline, and gets these numbers then.

        A list of them, or the first alone; at once where nothing may wait.
        """

# Collections. A view belongs to its call; `reply_…` writes the command's reply.

_Collection: TypeAlias = Hash | List | Set | SortedSet | Stream
_View = TypeVar("_View", bound=_Collection)

@final
class Hash:
    """The hash at a key; a mapping from fields to values."""

    def __len__(self) -> int: ...
    def __contains__(self, field: bytes, /) -> bool: ...
    def get(self, field: bytes) -> bytes | None:
        """The value of a field, or None."""

    def get_all(self, fields: Iterable[bytes]) -> list[bytes | None]:
        """The values of fields; None for each that is missing."""

    def has_all(self, pairs: Iterable[bytes]) -> bool:
        """Whether each field of a flat sequence of fields and values is there."""

    def has_any(self, pairs: Iterable[bytes]) -> bool:
        """Whether any field of a flat sequence of fields and values is there."""

    def string_length(self, field: bytes) -> int:
        """The length of a value; 0 without field."""

    def deadlines(self, fields: Iterable[bytes]) -> list[int]:
        """The deadlines of fields in milliseconds since 1970.

        -1 without deadline, -2 without field.
        """

    def increment(self, field: bytes, by: int) -> int:
        """Adds to the integer in a field, a missing one being 0; returns the sum.

        Fails with HASH_VALUE_NOT_INTEGER or INCREMENT_OVERFLOW.
        """

    def increment_float(self, field: bytes, by: bytes) -> bytes:
        """Adds a decimal fraction to the number in a field; returns the sum's text.

        Fails with NOT_FLOAT, INCREMENT_NOT_FINITE, HASH_VALUE_NOT_FLOAT or
        INCREMENT_NAN_OR_INFINITY.
        """

    def set_all(
        self,
        pairs: Iterable[bytes],
        expire_at: int | None = None,
        keep_expiry: bool = False,
        counts_first: bool = True,
    ) -> int:
        """Gives fields values, from a flat sequence of both; returns how many are new.

        Their deadlines become `expire_at` (ms since 1970), or go, or stay with
        `keep_expiry`. With `counts_first` too many pairs for the packed form end it, even
        if some are of the same field.
        """

    def set_if_absent(self, field: bytes, value: bytes) -> bool:
        """Gives a field a value unless it has one. True: it had none."""

    def remove_all(self, fields: Iterable[bytes]) -> int:
        """Takes fields out; returns how many were there."""

    def pop_all(self, fields: Iterable[bytes]) -> list[bytes | None]:
        """Takes fields out; returns their values, None for each that is missing."""

    def expire_all(
        self,
        fields: Iterable[bytes],
        at_ms: int,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> list[int]:
        """Gives fields the deadline `at_ms` where the conditions of HEXPIRE allow it.

        One that has passed takes them out. For each: 1 set, 0 refused, 2 gone, -2 no field.
        """

    def persist_all(self, fields: Iterable[bytes]) -> list[int]:
        """Takes the deadlines of fields away.

        For each: 1 gone, -1 there was none, -2 no field.
        """

    def reply_items(self) -> Special:
        """Replies with all fields and their values."""

    def reply_fields(self) -> Special:
        """Replies with all fields."""

    def reply_values(self) -> Special:
        """Replies with all values."""

    def reply_random(self) -> Special:
        """Replies with a field, each equally likely."""

    def reply_sample(self, count: int, with_values: bool = False) -> Special:
        """Replies with `count` different fields, or with `-count`, some perhaps the same.

        Fails with VALUE_OUT_OF_RANGE if those are far too many.
        """

    def reply_scan(
        self, cursor: int, count: int, pattern: bytes | None = None, with_values: bool = True
    ) -> Special:
        """Replies with the next cursor and some fields, with their values if asked."""

@final
class List:
    """The list at a key. Where a method takes an end, it is LEFT or RIGHT."""

    def __len__(self) -> int: ...
    def get(self, index: int) -> bytes | None:
        """The element at `index`, negative ones counted from the end, or None."""

    def positions(
        self, element: bytes, skip: int, from_back: bool, count: int, compare_max: int
    ) -> list[int]:
        """Indexes of elements equal to `element`, in the order found.

        At most `count`, after passing over `skip`, comparing no more than `compare_max`.
        """

    def push(self, end: str, elements: Iterable[bytes]) -> int:
        """Adds elements at an end, one after the other; returns the new length."""

    def set(self, index: int, element: bytes) -> bool:
        """Gives the element at `index` another value. False: there is none."""

    def insert(self, pivot: bytes, after: bool, element: bytes) -> bool:
        """Puts `element` before or after the first that equals `pivot`. False: none does."""

    def remove_equal(self, element: bytes, count: int, end: str) -> int:
        """Removes up to `count` elements equal to `element`, looking from an end."""

    def trim(self, first: int, last: int) -> int:
        """Keeps only what lies from `first` to `last`, both included; counts what went."""

    def reply_pop(
        self, end: str, count: int | None = None, with_key: bool = False
    ) -> tuple[int, Special]:
        """Takes from an end and replies with it; also returns how many.

        One element or, with `count`, an array of up to so many; `with_key`: an array of
        the key and that.
        """

    def reply_move(self, destination: bytes, from_end: str, to_end: str) -> Special:
        """Takes an element from an end to an end of another list, and replies with it."""

@final
class Set:
    """The set at a key."""

    def __len__(self) -> int: ...
    def __contains__(self, member: bytes, /) -> bool: ...
    def contains_all(self, members: Iterable[bytes]) -> list[int]:
        """For each member 1 if it is there, else 0."""

    def deadlines(self, members: Iterable[bytes]) -> list[int]:
        """The deadlines of members in ms since 1970; -1 without deadline, -2 without member."""

    def expire_all(
        self,
        members: Iterable[bytes],
        at_ms: int,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> list[int]:
        """Gives members a deadline.

        For each: 2 that has passed, and it is gone; 1 it has it; 0 a condition does not
        hold; -2 no member.
        """

    def persist_all(self, members: Iterable[bytes]) -> list[int]:
        """Takes deadlines away. For each: 1 gone, -1 there was none, -2 no member."""

    def random(self) -> bytes | None:
        """Any member; None if there is none."""

    def reply_members(self) -> Special:
        """Replies with all members."""

    def reply_random(self, count: int) -> Special:
        """Replies with `count` different members, or with so many of any where it is negative.

        Fails with VALUE_OUT_OF_RANGE for more than a reply can hold.
        """

    def reply_popped(self, count: int) -> Special:
        """Takes `count` random members out and replies with them."""

    def reply_scan(self, cursor: int, count: int, pattern: bytes | None = None) -> Special:
        """One step of SSCAN: replies with the next cursor and the members that match."""

@final
class SortedSet:
    """The sorted set at a key; members in the order of their scores."""

    def __len__(self) -> int: ...
    def score(self, member: bytes) -> float | None:
        """The score of a member, or None."""

    def scores(self, members: Iterable[bytes]) -> list[float | None]:
        """The scores of members; None for each that is missing."""

    def deadlines(self, members: Iterable[bytes]) -> list[int]:
        """The deadlines of members in ms since 1970; -1 without deadline, -2 without member."""

    def expire_all(
        self,
        members: Iterable[bytes],
        at_ms: int,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> list[int]:
        """Gives members a deadline.

        For each: 2 that has passed, and it is gone; 1 it has it; 0 a condition does not
        hold; -2 no member.
        """

    def persist_all(self, members: Iterable[bytes]) -> list[int]:
        """Takes deadlines away. For each: 1 gone, -1 there was none, -2 no member."""

    def rank(self, member: bytes, reverse: bool) -> tuple[int, float] | None:
        """How many entries are before a member (with `reverse` behind it), and its score."""

    def count(self, interval: Interval) -> int:
        """How many entries are in an interval."""

    def reply_range(
        self, interval: Interval, reverse: bool, offset: int, count: int, with_scores: bool
    ) -> Special:
        """Replies with the entries in an interval, from the end with `reverse`.

        `count` of them after the first `offset`; all, if that is negative.
        """

    def part(self, interval: Interval, reverse: bool, offset: int, count: int) -> Made:
        """The entries that `reply_range` would reply with, to be stored."""

    def reply_random(self, count: int, with_scores: bool) -> Special:
        """Replies with `count` different members, or with -`count` that may be the same."""

    def random_member(self) -> bytes | None:
        """A member, each equally likely; None without key."""

    def reply_scan(
        self, cursor: int, count: int, pattern: bytes | None, with_scores: bool
    ) -> Special:
        """Replies with a step of ZSCAN: the next cursor, and members (with their scores)."""

    def increment(self, member: bytes, by: float, conditions: int) -> tuple[float, bool] | None:
        """Adds to the score of a member, 0 if it is new, under conditions (`add_scored`).

        Returns what it is now and whether that is a change; None where they do not hold.
        Fails with SCORE_NOT_A_NUMBER.
        """

    def remove_all(self, members: Iterable[bytes]) -> int:
        """Takes members out; returns how many were there."""

    def remove_range(self, interval: Interval) -> int:
        """Takes the entries in an interval out; returns how many there were."""

    def reply_popped(
        self, count: int, high: bool, layout: Literal["pairs", "nested", "keyed"]
    ) -> int:
        """Takes up to `count` entries with the least scores (`high`: the greatest) out.

        Replies with them, laid out as ZPOPMIN with a count ("pairs"), ZMPOP ("nested") or
        BZPOPMIN ("keyed") do. Returns how many.
        """

    # Where scores are geohashes

    def position(self, member: bytes) -> tuple[float, float] | None:
        """The longitude and latitude of a member; None without it."""

    def distance_m(self, one: bytes, other: bytes) -> float | None:
        """Meters between two members; None if one is missing."""

    def geohashes(self, members: Iterable[bytes]) -> list[bytes | None]:
        """The geohash texts of members; None for each that is missing."""

    def reply_positions(self, members: Iterable[bytes]) -> Special:
        """Replies with the coordinates of members; null for each that is missing."""

    def reply_area(
        self,
        area: Area,
        order: Literal["", "ASC", "DESC"],
        most: int,
        any: bool,
        unit_m: float,
        with_distance: bool,
        with_hash: bool,
        with_place: bool,
    ) -> Special:
        """Replies with the members in an area, `most` of them in `order`.

        With `any` those that are found first. Distances are in units of `unit_m` meters.
        """

    def part_in_area(
        self,
        area: Area,
        order: Literal["", "ASC", "DESC"],
        most: int,
        any: bool,
        distance_unit_m: float | None,
    ) -> Made:
        """The members that `reply_area` would reply with, to be stored.

        With their scores, or their distances in units of `distance_unit_m` meters.
        """

@final
class Area:
    """An area of the Earth that is searched."""

    @staticmethod
    def circle(longitude: float, latitude: float, radius_m: float) -> Area:
        """What is no further than so many meters from a place."""

    @staticmethod
    def rectangle(longitude: float, latitude: float, width_m: float, height_m: float) -> Area:
        """A box so many meters wide and high around a place."""

    @staticmethod
    def polygon(corners: list[tuple[float, float]]) -> Area:
        """A polygon from the longitudes and latitudes of its corners, three at least."""

@final
class Stream:
    """The stream at a key. IDs are pairs, milliseconds and number."""

    def __len__(self) -> int: ...
    def exists(self) -> bool:
        """Whether there is such a key; it may be a stream without entries."""

    def add(
        self,
        id: tuple[int, int | None] | None,
        parts: Iterable[bytes],
        trim: tuple[int | None, tuple[int, int] | None, bool, int, str] | None = None,
    ) -> bytes:
        """Adds an entry of names and values by turns; returns its ID.

        `id` is None for the time's, its number None for the least that is free. `trim` is
        (entries to leave or None, first ID to leave or None, whole blocks only, most
        entries to remove or 0, KEEPREF or DELREF or ACKED).
        """

    def trim(self, trim: tuple[int | None, tuple[int, int] | None, bool, int, str]) -> int:
        """Removes the oldest entries; returns how many."""

    def delete(
        self, ids: list[tuple[int, int]], references: str = "KEEPREF", group: bytes | None = None
    ) -> list[int]:
        """Deletes entries: for each 1, -1 if there was none, 2 if a group still needs it.

        With `group` it acknowledges them there first, and -1 are those not pending.
        """

    def reply_range(
        self, first: tuple[int, int], last: tuple[int, int], limit: int | None, is_reverse: bool
    ) -> Special:
        """Replies with the entries from `first` to `last`, both included."""

    def last_id(self) -> tuple[int, int]:
        """The last ID that an entry got."""

    def top_id(self) -> tuple[int, int] | None:
        """The ID of the last entry; None without entries."""

    def max_deleted_id(self) -> tuple[int, int]:
        """The greatest ID that was deleted."""

    def set_id(
        self,
        last_id: tuple[int, int],
        entries_added: int | None,
        max_deleted: tuple[int, int] | None,
    ) -> None:
        """Sets the last ID and the counters that are given."""

    def facts(self) -> dict[str, Any]:
        """What XINFO STREAM says first, by name."""

    def entries(self, limit: int, from_back: bool = False) -> list[Any]:
        """The first entries, at most so many; with `from_back` the last, the last first."""

    def group_count(self) -> int:
        """How many groups there are."""

    def has_group(self, group: bytes) -> bool:
        """Whether there is a group of this name."""

    def create_group(self, group: bytes, last_id: tuple[int, int], entries_read: int) -> bool:
        """Adds a group, and the stream if there is none. False: it exists."""

    def set_group_id(self, group: bytes, last_id: tuple[int, int], entries_read: int) -> None:
        """Sets how far a group that is there has read."""

    def destroy_group(self, group: bytes) -> bool:
        """Removes a group. False: there is none."""

    def create_consumer(self, group: bytes, consumer: bytes) -> bool:
        """Adds a consumer to a group that is there. False: it exists."""

    def remove_consumer(self, group: bytes, consumer: bytes) -> int | None:
        """Removes a consumer; how many entries it had pending. None: there is none."""

    def acknowledge(self, group: bytes, ids: list[tuple[int, int]]) -> int:
        """Acknowledges pending entries; how many were."""

    def pending_summary(
        self, group: bytes
    ) -> tuple[int, tuple[int, int], tuple[int, int], list[tuple[bytes, int]]] | None:
        """How many are pending, the first and last ID, the consumers that have any."""

    def pending(
        self,
        group: bytes,
        first: tuple[int, int],
        last: tuple[int, int],
        limit: int,
        delivered_ms_max: int,
        consumer: bytes | None,
    ) -> list[tuple[bytes, bytes, int, int]]:
        """Pending entries delivered up to then: ID, consumer, time, deliveries."""

    def reply_claim(
        self,
        group: bytes,
        consumer: bytes,
        ids: list[tuple[int, int]],
        min_idle_ms: int,
        delivered_ms: int,
        deliveries: int | None,
        is_forced: bool,
        only_ids: bool,
        last_id: tuple[int, int] | None,
    ) -> Special:
        """Gives entries to a consumer of a group that is there, and replies with them."""

    def reply_auto_claim(
        self,
        group: bytes,
        consumer: bytes,
        min_idle_ms: int,
        start: tuple[int, int],
        count: int,
        only_ids: bool,
    ) -> Special:
        """Gives what was idle for long to a consumer, and replies with it."""

    def groups(self) -> list[dict[str, Any]]:
        """What XINFO GROUPS says of each group."""

    def consumers(self, group: bytes) -> list[dict[str, Any]]:
        """What XINFO CONSUMERS says, with times instead of how long ago that was."""

    def full_groups(self, limit: int) -> list[dict[str, Any]]:
        """What XINFO STREAM FULL says of the groups; `limit` entries of each list."""

@final
class Interval:
    """What a command asks for of a sorted set: from one rank, score or member to another."""

    @staticmethod
    def of_ranks(start: int, stop: int) -> Interval:
        """From `start` to `stop`, both included, negative ones from the end."""

    @staticmethod
    def of_scores(low: bytes, high: bytes) -> Interval:
        """From `low` to `high`, as in `1`, `(1` and `+inf`. Fails with SCORE_BOUND."""

    @staticmethod
    def of_members(low: bytes, high: bytes) -> Interval:
        """From `low` to `high`, as in `[a`, `(a`, `-` and `+`. Fails with MEMBER_BOUND."""

_Operation: TypeAlias = Literal["union", "intersection", "difference"]
_Aggregate: TypeAlias = Literal["SUM", "MIN", "MAX"]

@final
class ScoredSets:
    """The inputs of a command that combines sorted sets and sets; a set's scores are all 1."""

    def reply_combined(
        self,
        operation: _Operation,
        weights: list[float] | None,
        aggregate: _Aggregate,
        with_scores: bool,
    ) -> Special:
        """Replies with what `operation` makes of them."""

    def combine(
        self, operation: _Operation, weights: list[float] | None, aggregate: _Aggregate
    ) -> Made:
        """What `operation` makes of them, to be stored."""

    def intersection_len(self, limit: int | None) -> int:
        """How many members all of them have; not counted further than `limit`."""

@final
class Made:
    """A collection that is in no database yet; `call.store` puts it there, once."""

    def __len__(self) -> int: ...

# What a handler gets

@final
class Arguments:
    """The arguments that a repeated part of the syntax took: a flat sequence of bytes.

    They are not copied until they are looked at, and belong to their call.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def integer(self, index: int) -> int:
        """The argument at `index` as an integer; fails with NOT_INTEGER."""

    def after(self, index: int) -> Arguments:
        """The arguments from `index` on."""

    def part(self, first: int, count: int) -> Arguments:
        """`count` of them from `first` on, as arguments of their own."""

    def flat(self) -> tuple[bytes, ...]:
        """All of them as a tuple."""

    def groups(self) -> list[tuple[bytes, ...]]:
        """In groups of the syntax's size: `key value [key value ...]` gives pairs."""

_String: TypeAlias = bytes | Blob
_Access: TypeAlias = Literal["write", "look", "touch", "peek"]

@final
class Call:
    """What a handler may do while it runs; its first parameter.

    Void once the command has ended. Where a method can fail with a reply, that is raised.
    """

    # Scripts

    def load_script(self, text: bytes) -> bytes:
        """Takes a script in; its digest."""

    def has_script(self, digest: bytes) -> bool:
        """Whether a script of this digest is known."""

    def script_text(self, digest: bytes) -> bytes | None:
        """The text of a script, or None."""

    def flush_scripts(self) -> None:
        """Forgets all scripts."""

    def kill_script(self, is_function: bool) -> None:
        """Lets the script that runs end as soon as it can, if it has not written.

        Fails with NOT_BUSY, UNKILLABLE or BUSY.
        """

    # Functions

    def load_library(self, source: bytes, replaces: bool) -> bytes:
        """Takes a library of functions in; its name.

        Fails with the errors of FUNCTION LOAD.
        """

    def delete_library(self, name: bytes) -> bool:
        """Forgets a library; False: there is none of this name."""

    def flush_libraries(self) -> None:
        """Forgets all libraries."""

    def dump_libraries(self, format: str, compresses: bool) -> bytes:
        """All libraries as the payload of FUNCTION DUMP."""

    def restore_libraries(
        self, payload: bytes, policy: Literal["append", "replace", "flush"]
    ) -> None:
        """Takes in all libraries of a payload, or none.

        Fails with the errors of FUNCTION RESTORE.
        """

    def libraries(
        self,
    ) -> list[tuple[bytes, bytes, list[tuple[bytes, bytes | None, list[str]]]]]:
        """All libraries: (name, source, functions), a function being (name, description or
        None, names of its flags).
        """

    def refuse_if_busy(self) -> None:
        """Fails with BUSY or BUSY_COMMAND while a script or a command takes long."""

    def running_function(self) -> tuple[bytes, list[bytes], int] | None:
        """The function that runs: name, command, milliseconds so far; or None.

        Fails with BUSY where it is no function that runs.
        """

    def script_facts(self) -> dict[str, int]:
        """What INFO tells of scripts."""

    # The command that runs, and who asks

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970; stands still during a command."""

    @property
    def now_us(self) -> int:
        """Microseconds since 1970; stands still during a command."""

    @property
    def database(self) -> int:
        """The selected database's number."""

    @property
    def database_count(self) -> int:
        """How many databases there are."""

    @property
    def client_id(self) -> int:
        """Who asks (CLIENT ID)."""

    @property
    def protocol(self) -> int:
        """The protocol that the client speaks: 2 or 3."""

    @property
    def command_name(self) -> str:
        """The name of the command that runs, as `config|get`."""

    def request_words(self) -> tuple[bytes, ...]:
        """The words of the command that runs, its name included."""

    @property
    def request_bytes(self) -> int:
        """Bytes of the running command's arguments."""

    @property
    def bulk_bytes_max(self) -> int:
        """`proto-max-bulk-len`."""

    @property
    def counts_accesses(self) -> bool:
        """Whether accesses are counted (an LFU policy); else the time of the last is kept."""

    @property
    def denies_blocking(self) -> bool:
        """True inside EXEC and scripts, where nothing may wait."""

    def random_below(self, limit: int) -> int:
        """A whole number from 0 to below `limit`, each equally likely."""

    def argument(self, index: int) -> bytes:
        """The argument at `index`, counted from the command's name, as the client wrote it."""

    def redact(self, arguments: Arguments, index: int) -> None:
        """Keeps the argument at `index` of `arguments` out of MONITOR and the command logs."""

    # Keys of any type

    def exists(self, key: bytes, access: _Access = "write") -> bool:
        """Whether `key` is there. `access` says what for.

        "write": a command that will not change it, but might have; "peek": it leaves no
        trace, a change will; "look" or "touch".
        """

    def exists_count(self, keys: Arguments, access: _Access) -> int:
        """How many of `keys` are there; one that is named twice counts twice."""

    def exists_any(self, groups: Arguments) -> bool:
        """Whether any of the keys of `groups` is there; stops at the first that is."""

    def exists_all(self, groups: Arguments) -> bool:
        """Whether all keys of `groups` are there; stops at the first that is not."""

    def type_name(self, key: bytes) -> str | None:
        """`string`, `list` …, or None without key."""

    def encoding(self, key: bytes) -> str | None:
        """OBJECT ENCODING, or None without key."""

    def delete(self, key: bytes) -> bool:
        """Removes `key`. True: it was there."""

    def delete_all(self, keys: Arguments) -> int:
        """Removes keys; returns how many were there."""

    def deadline(self, key: bytes, access: _Access = "look") -> int:
        """The deadline in milliseconds since 1970; -1 without deadline, -2 without key."""

    def expire(self, key: bytes, at_ms: int) -> bool:
        """Sets the deadline. False without key.

        One that has passed lets the key expire at once, and the journal gets DEL.
        """

    def persist(self, key: bytes) -> bool:
        """Takes the deadline away. True: there was one."""

    def rename(self, key: bytes, new_key: bytes, only_if_absent: bool = False) -> bool:
        """Renames. False: the new name is taken and `only_if_absent` was asked."""

    def copy(self, source: bytes, destination: bytes, database: int, replace: bool = False) -> bool:
        """Copies a key with its deadline. False: no source, or the destination is taken."""

    def move_key(self, key: bytes, database: int) -> bool:
        """Moves `key` to another database. False: it is not here, or there already."""

    def keys(self, pattern: bytes) -> list[bytes]:
        """Names of all keys that match."""

    def scan(
        self,
        cursor: int,
        count: int,
        pattern: bytes | None = None,
        type_name: bytes | None = None,
    ) -> tuple[int, list[bytes]]:
        """One step of SCAN: the next cursor and keys."""

    def random_key(self) -> bytes | None:
        """Any key, or None in an empty database."""

    def idle_seconds(self, key: bytes) -> int | None:
        """Seconds since the last access, or None without key."""

    def access_frequency(self, key: bytes) -> int | None:
        """The logarithmic access counter, or None without key."""

    def memory_usage(self, key: bytes) -> int | None:
        """Bytes of memory that a key costs, or None without key."""

    def leave_untouched(self) -> None:
        """Reads of this command leave entries' clocks alone."""

    # Strings; all but `get_all` fail with WRONG_TYPE where the key holds something else

    def get(self, key: bytes) -> _String | None:
        """The string at `key`, or None."""

    def peek(self, key: bytes) -> _String | None:
        """As `get`, but leaving no trace."""

    def get_all(self, keys: Arguments) -> list[_String | None]:
        """The strings at `keys`; None for what is missing or no string."""

    def check_string(self, key: bytes) -> None:
        """Fails with WRONG_TYPE if `key` holds something else than a string."""

    def string_length(self, key: bytes) -> int:
        """Length in bytes; 0 without key."""

    def get_range(self, key: bytes, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, both included; negative ones count from the end."""

    def set(
        self, key: bytes, value: _String, expire_at: int | None = None, keep_expiry: bool = False
    ) -> None:
        """Gives `key` a string, whatever it held.

        Its deadline becomes `expire_at` (ms since 1970), or goes, or stays with
        `keep_expiry`.
        """

    def set_all(
        self, pairs: Arguments, expire_at: int | None = None, keep_expiry: bool = False
    ) -> None:
        """Sets every key of the pairs."""

    def append(self, key: bytes, value: bytes) -> int:
        """Appends; returns the new length."""

    def set_range(self, key: bytes, offset: int, value: bytes) -> int:
        """Overwrites from `offset` on, after filling up with zeros; returns the new length."""

    def increment(self, key: bytes, delta: int) -> int:
        """Adds to the number at `key`, a missing one being 0; returns the sum."""

    def increment_float(self, key: bytes, delta: bytes) -> bytes:
        """Adds a decimal fraction to the number at `key`; returns the sum's text."""

    # Bitmaps: strings whose bits have numbers; all fail with WRONG_TYPE for another type

    def get_bit(self, key: bytes, offset: int) -> int:
        """The bit at `offset`; 0 behind the end and without key."""

    def set_bit(self, key: bytes, offset: int, on: bool) -> int:
        """Sets the bit at `offset`, after filling up with zeros; returns what it was."""

    def count_bits(self, key: bytes, start: int, end: int, in_bits: bool) -> int:
        """How many bits are 1 from `start` to `end`, both included, in bytes or in bits."""

    def bit_position(
        self, key: bytes, wanted: bool, start: int, end: int | None, in_bits: bool
    ) -> int | None:
        """The first such bit from `start` to `end`, both included.

        Without `end` the zeros behind the string count.
        """

    def combine_bits(self, word: str, destination: bytes, sources: Arguments) -> int:
        """BITOP: gives `destination` what comes of `sources`; returns its length."""

    def run_fields(
        self, key: bytes, operations: Arguments, read_only: bool = False
    ) -> list[int | None]:
        """BITFIELD's operations; None for each that overflowed."""

    # HyperLogLogs: strings that estimate how many elements they saw; all fail with
    # WRONG_TYPE, NOT_HYPERLOGLOG or CORRUPT_HYPERLOGLOG for another value

    def hyperloglog_add(self, key: bytes, elements: Arguments) -> bool:
        """Adds elements. True: one of them changed it, or there was nothing yet."""

    def hyperloglog_count(self, key: bytes) -> int:
        """The estimated cardinality, which is cached in the string; 0 without key."""

    def hyperloglog_count_union(self, keys: Arguments) -> int:
        """The estimated cardinality of the union."""

    def hyperloglog_merge(self, destination: bytes, sources: Arguments) -> None:
        """Makes `destination` the union of itself and the sources."""

    def hyperloglog_encoding(self, key: bytes) -> str | None:
        """Whether it is "dense" or "sparse"; None without key."""

    def hyperloglog_runs(self, key: bytes) -> str | None:
        """The runs of a sparse one as text; None without key."""

    def hyperloglog_registers(self, key: bytes) -> list[int] | None:
        """All registers; None without key."""

    def hyperloglog_to_dense(self, key: bytes) -> bool:
        """Makes it dense. True: it was sparse."""

    # Arguments that are read late, and waiting

    def integer(self, raw: bytes) -> int:
        """`raw` as an integer, for parameters that are read after the key was looked at.

        Fails with NOT_INTEGER.
        """

    def deadline_after(self, seconds: bytes) -> int | None:
        """When a wait of so many seconds is over, in ms since 1970; None: never.

        Fails with TIMEOUT_NOT_FLOAT, TIMEOUT_NEGATIVE or TIMEOUT_OUT_OF_RANGE.
        """

    # Databases

    def select(self, index: int) -> None:
        """SELECT: the asking client's database from now on."""

    def check_database(self, number: int) -> int:
        """Fails unless there is a database of this number."""

    def database_size(self, database: int | None = None) -> int:
        """How many keys the selected database (or another) has."""

    def flush(self, all: bool) -> int:
        """Empties the selected database, or all; returns how many keys went."""

    def swap_databases(self, one: int, other: int) -> None:
        """SWAPDB: whoever has selected the one sees the other's keys, and the reverse."""

    def table_stats(self, database: int) -> dict[str, Any]:
        """Table shapes of a database: keys, segments, slots and bytes."""

    # The journal, transactions, messages

    def propagate(self, *commands: Iterable[bytes]) -> None:
        """Replaces what the journal gets of this command."""

    def mark_edited(self) -> None:
        """Counts an edit that no structure counted."""

    # Sets, several at a time

    def reply_combined_sets(self, name: str, keys: Iterable[bytes]) -> Special:
        """Replies with the "intersection", "union" or "difference" of the sets at keys.

        Fails with WRONG_TYPE, as the next three do.
        """

    def store_combined_sets(self, name: str, destination: bytes, keys: Iterable[bytes]) -> int:
        """Puts that in the place of whatever is at `destination`; how many members it has."""

    def count_common_members(self, keys: Iterable[bytes], limit: int) -> int:
        """How many members the sets at keys have in common.

        Counts no further than `limit` if that is not 0.
        """

    def move_member(self, source: bytes, destination: bytes, member: bytes) -> bool:
        """Moves a member from one set to another. False: it is not there."""

    @property
    def stream_block_entries(self) -> int:
        """Most entries of a block of a stream; 0: no limit."""

    def reply_streams(
        self, requests: list[tuple[bytes, tuple[int, int]]], limit: int | None
    ) -> bool:
        """Replies with what streams hold behind IDs; False: nothing, no reply."""

    def reply_group_read(
        self,
        group: bytes,
        consumer: bytes,
        requests: list[tuple[bytes, tuple[int, int] | None]],
        limit: int | None,
        no_ack: bool,
    ) -> bool:
        """As `reply_streams`, for a consumer of a group; None: what is new to it."""

    def read(self, key: bytes, kind: type[_View]) -> _View | None:
        """The collection at `key` for reading; None without key. Fails with WRONG_TYPE."""

    def edit(self, key: bytes, kind: type[_View]) -> _View:
        """The collection at `key` for changing it. Fails with WRONG_TYPE.

        It is made by its first insertion; one that is left empty goes with its key.
        """

    def part(self, name: str) -> Any:
        """What the engine was made with under this name."""

    def check_float(self, text: bytes) -> None:
        """Fails unless `text` is a number that can be added: NOT_FLOAT, INCREMENT_NOT_FINITE."""

    def count_expired_fields(self, count: int) -> None:
        """Counts fields for INFO that a deadline took out which had passed when it was set."""

    # Sorted sets

    def add_scored(
        self, key: bytes, arguments: Iterable[bytes], first: int, conditions: int
    ) -> tuple[int, int]:
        """Gives members scores, from pairs of both in `arguments` from `first` on.

        Bits of `conditions`: 1 only new members, 2 only known ones, 4 only greater scores,
        8 only lower ones. Returns how many members are new, and how many have another
        score than before. Fails with NOT_FLOAT before it looks at the key, then with
        WRONG_TYPE.
        """

    def geohashed(self, arguments: Arguments, first: int) -> list[bytes]:
        """Scores and members, as ZADD takes them, from longitudes, latitudes and members.

        They are those in `arguments` from `first` on. Fails with NOT_FLOAT or INVALID_PLACE.
        """

    # SORT; `by` without a `*` does not sort, None sorts by the elements themselves

    def reply_sorted(
        self,
        key: bytes,
        by: bytes | None,
        get: list[bytes],
        limit: tuple[int, int],
        descending: bool,
        alpha: bool,
    ) -> Special:
        """Replies with the elements of a list, set or sorted set in order.

        Or with what the patterns in `get` lead to from each. Fails with WRONG_TYPE or
        SCORES_NOT_FLOAT.
        """

    def list_sorted(
        self,
        key: bytes,
        by: bytes | None,
        get: list[bytes],
        limit: tuple[int, int],
        descending: bool,
        alpha: bool,
    ) -> Made:
        """The same as a list, to be stored."""

    def scored_sets(self, keys: Arguments) -> ScoredSets:
        """The sorted sets and sets at `keys`. Fails with WRONG_TYPE if one is neither."""

    def store(self, key: bytes, made: Made, class_: int, event: str, /) -> int:
        """Puts a collection in the place of whatever `key` held, and sends `event`.

        An empty one removes the key. Returns how many elements it has.
        """

    def unblock(self, client: int, with_error: bool) -> bool:
        """Ends a client's wait for a key, as if its time were up or with UNBLOCKED.

        False: it does not wait.
        """

    def notify(self, class_: int, event: str, key: bytes, /) -> None:
        """Tells subscribers of keyspace notifications that `event` happened to `key`.

        Collections that the command left empty go now, after their event.
        """

    def begin_transaction(self) -> None:
        """MULTI."""

    def discard_transaction(self) -> None:
        """DISCARD."""

    def execute_transaction(self) -> Special:
        """Runs the queued commands as one unit; the reply is written already."""

    def watch(self, keys: Arguments) -> None:
        """Lets the next EXEC fail if one of `keys` changes until then."""

    def unwatch(self) -> None:
        """Forgets what the asking client watches."""

    # Publish/subscribe; a kind of topic is "channel", "pattern" or "shard"

    def subscribe(self, kind: str, names: Arguments) -> Special:
        """Lets the asking client listen; the confirmations are written already."""

    def unsubscribe(self, kind: str, names: Arguments) -> Special:
        """Ends subscriptions, all of a kind without names; confirmations are written already."""

    def topics(self, kind: str, pattern: bytes) -> list[bytes]:
        """Topics that somebody listens to and whose names match `pattern`."""

    def topic_count(self, kind: str) -> int:
        """How many topics of a kind somebody listens to."""

    def listeners(self, kind: str, name: bytes) -> int:
        """How many listen to a topic."""

    # Client-side caching

    def track(
        self, mode: str, skips_own: bool, redirect: int | None, prefixes: list[bytes]
    ) -> None:
        """Tracks the asking client's reads (`mode` "all", "optin", "optout"), or changes of
        keys that begin with `prefixes` ("bcast").
        """

    def stop_tracking(self) -> None:
        """Ends the tracking of the asking client."""

    # Clients

    @overload
    def session(self) -> dict[str, Any]:
        """The facts of the client who asks."""

    @overload
    def session(self, client: int | None) -> dict[str, Any] | None:
        """The facts of a client, or None if there is none of this number."""

    def sessions(self) -> list[dict[str, Any]]:
        """The facts of all clients, oldest first."""

    def set_session(self, name: str, value: object) -> None:
        """Changes the asking client's session; raises KeyError for a name it has not."""

    def reset_session(self) -> None:
        """RESET: the asking client's session becomes as new."""

    def close_client(self, client: int, after_reply: bool = False) -> None:
        """Closes a client, at once or when its output is written."""

    def pause_clients(self, until_ms: int, write_only: bool) -> None:
        """Holds up commands (`write_only`: those that may write) until `until_ms`."""

    def resume_clients(self) -> None:
        """Ends what `pause_clients` began."""

    # Commands as data

    def execute(self, *arguments: bytes | str | int | float | Blob) -> Any:
        """Executes another command as a part of the one that runs; its reply as plain Python.

        Bytes, int, float, None, list, dict; an error reply is raised. What it changes is in
        the same unit of the journal. It does not wait for keys.
        """

    def key_indices(self, arguments: Iterable[bytes]) -> list[int] | None:
        """Indices of the keys among a command's arguments; None: it has none or is wrong."""

    def key_places(self, arguments: Iterable[bytes]) -> list[tuple[int, int]] | None:
        """As `key_indices`, each with the number of the key rule that found it."""

    # The server

    def configure(self, name: str, value: object) -> bool:
        """Gives the engine a setting that it acts on itself; False: not one of those."""

    def statistics(self) -> dict[str, Any]:
        """Counters and gauges of the server."""

    def command_statistics(self) -> list[tuple[str, int, int, int, int]]:
        """Per command: (name, calls, nanoseconds, rejected, failed)."""

    def command_percentiles(self, percentiles: list[float]) -> list[tuple[str, list[int]]]:
        """Nanoseconds at each percentile, for each command that ran."""

    def command_histograms(self) -> list[tuple[str, int, list[tuple[int, int]]]]:
        """Cumulative counts at powers of two microseconds, for each command that ran."""

    def error_statistics(self) -> list[tuple[str, int]]:
        """Error replies by their first word."""

    def reset_statistics(self) -> None:
        """CONFIG RESETSTAT."""

    def command_log(
        self, name: str, count: int
    ) -> list[tuple[int, int, int, list[bytes], str, bytes]]:
        """The newest entries of a command log: "slow", "large-request" or "large-reply".

        Each is (id, seconds, microseconds or bytes, arguments, address, client's name).
        """

    def command_log_length(self, name: str) -> int:
        """How many entries a command log has."""

    def reset_command_log(self, name: str) -> None:
        """Empties a command log."""

    def latency_events(self) -> list[tuple[str, int, int, int, list[tuple[int, int]]]]:
        """Latency events: (name, longest ever in ms, sum in ms, count, [(seconds, ms), …])."""

    def note_latency(self, event: str, elapsed_ns: int) -> None:
        """Tells the latency monitor how long something took."""

    def reset_latency_events(self, names: list[str]) -> int:
        """Forgets latency events, all or those named; returns how many."""

    # What is written to disk

    def save(self, path: str, how: dict[str, Any]) -> int:
        """Writes all data to a file while everybody waits; returns its bytes."""

    def prepare_appending(self, path: str | PathLike[str], policy: str, repeats: bool) -> None:
        """Lets the journal be written to this file from `go_on_appending` on.

        The same command must call that. With `repeats` the present file is given up,
        because an fsync of it failed: what it may lack goes here; else all of it is on
        disk then. Fails with `OSError`, and then all goes on as before.
        """

    def replay(self, path: str | PathLike[str], offset: int) -> int | None:
        """As `Engine.replay`, within a command."""

    def go_on_appending(self) -> None:
        """Does what was prepared; cannot fail."""

    def appended_is_whole(self) -> None:
        """A rewrite has brought back what a failed fsync may have lost."""

    def stop_appending(self) -> None:
        """Ends the append-only file; all of it is on disk afterwards. Fails with `OSError`."""

    def configure_appending(self, policy: str, notes_time: bool, knows_fields: bool) -> None:
        """`appendfsync` and `aof-timestamp-enabled`, for the file that is written to.

        `knows_fields`: those that are to read it know deadlines of fields.
        """

    def sync_appended(self) -> bool:
        """Forces the append-only file to disk now. False: it failed."""

    def appending(self) -> dict[str, Any] | None:
        """Facts about the append-only file that is written to; None without one."""

    def start_snapshot(
        self, path: str, how: dict[str, Any], survives_flush: bool = False, key_delay_us: int = 0
    ) -> None:
        """Begins to write all data, as they are now, to a file while commands go on."""

    def abort_snapshot(self) -> bool:
        """Gives up a snapshot; its file is gone. False: there was none."""

    @property
    def is_saving(self) -> bool:
        """Whether a snapshot is being written."""

    @property
    def may_start_snapshot(self) -> bool:
        """Whether a snapshot that is asked for now begins now, and not a moment later."""

    def snapshot(self) -> dict[str, Any]:
        """Facts about the snapshot that is being written."""

    def snapshot_outcome(
        self,
    ) -> tuple[Literal["written", "failed", "given up"], str, int, int] | None:
        """How the last snapshot ended, once: why it failed, when begun, when ended in ms."""

    @property
    def changes_since_save(self) -> int:
        """How many changes were made since all data were saved."""

    def load(
        self,
        path: str,
        checks_checksum: bool,
        before: str,
        keeps_expired: bool = False,
    ) -> dict[str, Any]:
        """Loads a file; `before` tells what becomes of the data of now.

        Raises OSError where it cannot be read, ValueError where it is damaged.
        """

    def dump(self, key: bytes, format_name: str, compresses: bool) -> bytes | None:
        """DUMP: the value at `key` as bytes, or None without key."""

    def restore(
        self,
        key: bytes,
        words: Arguments,
        index: int,
        expires_at: int | None = None,
        idle_seconds: int | None = None,
        frequency: int | None = None,
    ) -> str:
        """RESTORE: gives `key` the value of the dump that stands at `index` of `words`.

        Answers "made", "told" (made, and the journal has it already), "removed" (it has
        expired already, and an older one went) or "nothing".
        """

    def stop(self, exit_status: int) -> None:
        """Ends the server with this exit status when the running command is done."""

    # DEBUG and MEMORY

    def reply_sample(self, name: str) -> Special | None:
        """Replies with a sample of the protocol's type `name`; None: there is no such type."""

    def digest(self) -> str:
        """DEBUG DIGEST."""

    def digest_values(self, keys: Arguments) -> list[str]:
        """DEBUG DIGEST-VALUE: one digest for each key."""

    def populate(self, count: int, prefix: bytes, value_bytes: int) -> None:
        """DEBUG POPULATE."""

    def object_facts(self, key: bytes) -> dict[str, Any] | None:
        """What DEBUG OBJECT and SDSLEN tell of a key, or None without key."""

    def struct_sizes(self) -> list[tuple[str, int]]:
        """DEBUG STRUCTSIZE."""

    def sleep(self, seconds: float) -> None:
        """Lets the thread sleep as DEBUG SLEEP does: everybody waits."""

    def panic(self) -> None:
        """DEBUG PANIC: a bug in Rust, to show what it costs."""

    def exhaust_memory(self) -> int:
        """DEBUG OOM: what happens when the system has no memory left; does not return."""

    def allocator_report(self) -> bytes | None:
        """The allocator's report in its own words."""

# The engine

@final
class EmbeddedSession:
    """One client inside the process. Safe to use from several threads.

    A call that waits for a key holds up the other calls of the same session.
    """

    def call(self, *arguments: Any) -> Any:
        """Executes a command; its reply as redis-py's parser would make it.

        Arguments are bytes, str (UTF-8), int or float; others are given to `encode`.
        Error replies are raised.
        """

    def get(self, key: bytes | str, /) -> bytes | None:
        """The string at `key`, or None. O(1)."""

    def set(
        self,
        key: bytes | str,
        value: bytes | str | int | float,
        *,
        seconds: float | None = None,
        only_if_absent: bool = False,
        only_if_present: bool = False,
    ) -> bool:
        """Gives `key` a string, for so many seconds or for good. False: a condition failed.

        O(1).
        """

    def functions(self) -> tuple[Callable[[bytes | str], bytes | None], Callable[..., bool]]:
        """`get` and `set` as functions that are called faster than methods."""

    def close(self) -> None:
        """Forgets the client."""

@final
class ReplyReader:
    """Reads replies from bytes that arrive in pieces."""

    def __new__(cls, decodes: bool = False) -> Self: ...
    def feed(self, bytes: bytes) -> None:
        """Takes what has arrived."""

    def take(self) -> tuple[bool, Any]:
        """Whether a whole reply is there, and the reply; an error reply is raised.

        Messages that answer nothing are passed over. Fails with `ValueError` when the
        bytes are no replies.
        """

@final
class Engine:
    """One store: its databases, commands and clients."""

    def __new__(
        cls,
        databases: int,
        commands: list[dict[str, Any]],
        *,
        on_bug: Callable[[BaseException, str], object] | None = None,
        on_cron: Callable[[Call, int, int, int, int], object] | None = None,
        parts: dict[str, object] | None = None,
        on_warning: Callable[[str, str], object] | None = None,
    ) -> Self:
        """An engine of `databases` empty databases with these commands.

        `on_bug` gets what a handler raised that is no reply, and the command's name;
        `on_cron` is called ten times a second with the engine's time in ms, and how many
        commands ran and bytes were read and written until then; `on_warning` is told of
        a "browser" with its address, of a "damaged" key with what is wrong with it, of
        how many events triggers were not told ("left-out"), and of a library of functions
        that is "unloaded" after a panic, with what was wrong.
        """

    def add_commands(self, commands: list[dict[str, Any]]) -> None:
        """Adds commands to those that there are; their names must be new.

        Not from inside a command. Fails with `ValueError`.
        """

    def when_missing(self, hook: Callable[[], None] | None) -> None:
        """Lets `hook` add commands before a call of this process whose command is not there.

        It is called outside of any command. None: all commands are there.
        """

    def add_trigger(
        self,
        function: Callable[[Call, str, bytes], object],
        name: str,
        event: str | None,
        pattern: bytes,
    ) -> None:
        """Lets `function` hear of `event` (None: of any) of keys that match the pattern.

        The log names it so. Not from inside a command.
        """

    def configure(self, name: str, value: object) -> bool:
        """Gives the engine a setting that it acts on itself; False: not one of those."""

    def serve(
        self,
        addresses: list[str],
        port: int | None,
        *,
        backlog: int = 511,
        unix_socket: str | None = None,
        unix_permissions: int = 0,
        on_ready: Callable[[list[str]], object] | None = None,
        on_signal: Callable[[Call, int], bool] | None = None,
        handle_signals: bool = True,
    ) -> int:
        """Serves until stopped; returns the exit status.

        `on_ready` is called once all sockets listen, with their addresses; `on_signal`
        with a `Call` and a signal's number, and answers whether to stop.
        """

    def listen(self, addresses: list[str], port: int | None, backlog: int) -> list[str]:
        """Listens at these addresses instead: new ones are bound, those left out are closed.

        Nothing changes when one cannot be bound. An address that only becomes free by
        closing another (`*` in favour of `127.0.0.1`) cannot. Returns the new ones.
        """

    def stop(self) -> None:
        """Asks a serving loop to end, from any thread."""

    def open_session(self) -> int:
        """A session for a caller inside the process; returns its identifier."""

    def replay(self, path: str | PathLike[str], offset: int) -> int | None:
        """Executes the commands of an increment from `offset` on.

        None, or where the whole part ends if the file ends in the middle. Fails with
        `ValueError` where it is damaged, `OSError` where it cannot be read.
        """

    def append_to(
        self, path: str | PathLike[str], policy: str, notes_time: bool, knows_fields: bool
    ) -> None:
        """Writes the journal to this file from now on; see `Call.configure_appending`."""

    def abort_snapshot(self) -> bool:
        """Gives up a snapshot; no file of it has a name then. False: there was none."""

    def stop_appending(self) -> None:
        """Ends the append-only file; all of it is on disk afterwards."""

    def save(self, path: str | PathLike[str], how: dict[str, Any]) -> int:
        """Writes all data to a file while everybody waits; returns its bytes."""

    def embed(
        self,
        protocol: int = 3,
        database: int = 0,
        decodes: bool = False,
        encode: Callable[[Any], bytes] | None = None,
        elsewhere: Callable[..., Any] | None = None,
    ) -> EmbeddedSession:
        """A client inside the process that speaks as redis-py does.

        In a child after a fork, `elsewhere` makes its calls.
        """

    def listen_unix(self, path: str | PathLike[str], permissions: int) -> None:
        """Lets the serving loop accept from a Unix socket, too."""

    def adopt_unix(self, descriptor: int, path: str | PathLike[str]) -> None:
        """Lets the serving loop accept from a Unix socket that listens already.

        From processes of this user only. The descriptor is the engine's from here on.
        """

    def end_embedded(self) -> None:
        """Ends all clients inside this process, for good; calls that wait fail."""

    def close_session(self, session: int) -> None:
        """Ends an embedded session."""

    def execute(self, session: int, arguments: Iterable[bytes]) -> Any:
        """Runs a command of an embedded session; the reply as Python objects."""

    def advance_clock(self, ms: int) -> None:
        """Moves the store's clock by `ms`, for tests."""

    def tick(self) -> None:
        """What the passing of time asks for, as a serving loop does it, for tests."""

    def freeze_clock(self, ms: int | None = None) -> None:
        """Stops the store's clock at `ms` since 1970, or lets it run again."""

    def follow_clock(self, wall: Callable[[], float] | None) -> None:
        """Lets the store's clock show what `wall` returns, seconds since 1970, or run by itself."""

    def guard_requests(
        self, guard: Callable[[int, list[bytes]], bytes | str | int | None] | None
    ) -> None:
        """Shows each request of a client to `guard`, before it is executed.

        It gets the client's number and the words, and returns None to let it pass, bytes to
        answer with that error line, "drop" or "lose" to close the connection before or
        after executing it, or milliseconds by which its reply is late.
        """

    def record_journal(self) -> None:
        """Keeps the journal from now on, for `take_journal`."""

    def take_journal(self) -> bytes:
        """What the journal got since `record_journal` or the last call, in RESP."""

    def load(self, path: str, checks_checksum: bool, keeps_expired: bool = False) -> dict[str, Any]:
        """Loads an RDB file in the place of all data, before anybody is served."""

    def check(self) -> None:
        """Verifies every invariant of every database; raises on the first that is broken."""

class Killed(BaseException):
    """Raised inside a command or trigger of a user's that SCRIPT KILL ends."""

@final
class RdbReader:
    """Reads an RDB file, item by item.

    Raises OSError where it cannot be read, ValueError where it is damaged.
    """

    def __new__(cls, path: str, now_ms: int) -> Self: ...
    @property
    def size(self) -> int:
        """Bytes of the file."""

    @property
    def signature(self) -> tuple[str, int]:
        """Whose file it is, `redis` or `valkey`, and its version."""

    @property
    def offset(self) -> int:
        """Bytes read so far."""

    def next_item(self, has_values: bool = False) -> tuple[Any, ...]:
        """The next item, as a tuple that begins with what it is.

        ("aux", key, value), ("select", number), ("library", source), ("skipped", what),
        ("end",) and
        ("key", name, type, elements, memory in bytes, deadline or None, value or None).

        Values: bytes; of a list [bytes], of a hash [(field, value, deadline or None)], of a
        set [(member, deadline or None)], of a sorted set [(member, score, deadline or None)],
        of a stream a dict with `entries` [(ID, [name, value, …])], `last_id`,
        `max_deleted_id`, `entries_added` and `groups`, dicts with `name`, `last_id`,
        `entries_read`, `pending` [(ID, delivered in ms, deliveries, consumer)] and
        `consumers` [(name, seen in ms, active in ms)].
        """
