"""Every error text that a client can see, in one table.

Each name is an exception class: `raise WRONG_TYPE` in a handler becomes the reply
`-WRONGTYPE Operation against …`. A text with `{}` takes its details: `raise BUSY("SCRIPT")`.
The engine's own errors come from the same table: it is handed to the core at start-up.
"""

from __future__ import annotations

from typing import ClassVar


class ReplyError(Exception):
    """An error reply; `str()` is the line without the leading `-`."""

    code: ClassVar[str] = "ERR"
    text: ClassVar[str] = "ERR"

    def __init__(self, *details: object) -> None:
        super().__init__(self.text.format(*details) if details else self.text)


class RawError(ReplyError):
    """An error whose whole line is given by who raises it."""

    def __init__(self, line: str) -> None:
        Exception.__init__(self, line)


class OutcomeUnknown(Exception):  # noqa: N818 - what it says is not that a call failed
    """The process that held the store ended during a call, which may have been executed.

    It is not made again by itself; who makes it again may have it executed twice.
    """

    def __init__(self, command: str) -> None:
        super().__init__(
            f"the process that held the store ended during {command}, which may have been executed"
        )
        self.command = command

    def __reduce__(self) -> tuple[type[OutcomeUnknown], tuple[str]]:
        return type(self), (self.command,)


class SubscriptionGap(Exception):  # noqa: N818 - nothing failed that could be done again
    """The process that held the store ended: messages since then are lost.

    The subscription goes on with those that come from now on.
    """

    def __init__(self) -> None:
        super().__init__(
            "the process that held the store ended: messages of before the new subscription are "
            "lost"
        )


class HeldElsewhereError(Exception):
    """What was asked for needs the engine in this process, and another one has it."""


#: All errors by name.
TABLE: dict[str, type[ReplyError]] = {}


def _reply(name: str, text: str) -> type[ReplyError]:
    error = type(name, (ReplyError,), {"code": text.split(" ", 1)[0], "text": text})
    error.__module__ = __name__
    TABLE[name] = error
    return error


# Arguments
SYNTAX = _reply("SYNTAX", "ERR syntax error")
WRONG_ARITY = _reply("WRONG_ARITY", "ERR wrong number of arguments for '{}' command")
NOT_INTEGER = _reply("NOT_INTEGER", "ERR value is not an integer or out of range")
NOT_FLOAT = _reply("NOT_FLOAT", "ERR value is not a valid float")
VALUE_OUT_OF_RANGE = _reply("VALUE_OUT_OF_RANGE", "ERR value is out of range")
VALUE_OUT_OF_RANGE_POSITIVE = _reply(
    "VALUE_OUT_OF_RANGE_POSITIVE", "ERR value is out of range, must be positive"
)
INVALID_CURSOR = _reply("INVALID_CURSOR", "ERR invalid cursor")
NUMKEYS_NOT_POSITIVE = _reply("NUMKEYS_NOT_POSITIVE", "ERR numkeys should be greater than 0")
TOO_MANY_KEYS = _reply("TOO_MANY_KEYS", "ERR Number of keys can't be greater than number of args")
UNKNOWN_COMMAND = _reply("UNKNOWN_COMMAND", "ERR unknown command '{}'")
UNKNOWN_SUBCOMMAND = _reply("UNKNOWN_SUBCOMMAND", "ERR unknown subcommand '{}'. Try {} HELP.")
INVALID_EXPIRE = _reply("INVALID_EXPIRE", "ERR invalid expire time in '{}' command")
UNSUPPORTED_OPTION = _reply("UNSUPPORTED_OPTION", "ERR Unsupported option {}")
DATABASE_OUT_OF_RANGE = _reply("DATABASE_OUT_OF_RANGE", "ERR DB index is out of range")
OUT_OF_INT32 = _reply(
    "OUT_OF_INT32",
    "ERR value is out of range, value must between -2147483648 and 2147483647",
)

OUT_OF_SYMMETRIC_INT64 = _reply(
    "OUT_OF_SYMMETRIC_INT64",
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
)
COUNT_NOT_POSITIVE = _reply("COUNT_NOT_POSITIVE", "ERR count should be greater than 0")
INVALID_FIRST_DATABASE = _reply("INVALID_FIRST_DATABASE", "ERR invalid first DB index")
INVALID_SECOND_DATABASE = _reply("INVALID_SECOND_DATABASE", "ERR invalid second DB index")

# Keys and values
WRONG_TYPE = _reply(
    "WRONG_TYPE", "WRONGTYPE Operation against a key holding the wrong kind of value"
)
NO_SUCH_KEY = _reply("NO_SUCH_KEY", "ERR no such key")
INCREMENT_OVERFLOW = _reply("INCREMENT_OVERFLOW", "ERR increment or decrement would overflow")
DECREMENT_OVERFLOW = _reply("DECREMENT_OVERFLOW", "ERR decrement would overflow")
INCREMENT_NAN_OR_INFINITY = _reply(
    "INCREMENT_NAN_OR_INFINITY", "ERR increment would produce NaN or Infinity"
)
STRING_TOO_LONG = _reply(
    "STRING_TOO_LONG", "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)
OFFSET_OUT_OF_RANGE = _reply("OFFSET_OUT_OF_RANGE", "ERR offset is out of range")
BIT_OFFSET = _reply("BIT_OFFSET", "ERR bit offset is not an integer or out of range")
BIT_VALUE = _reply("BIT_VALUE", "ERR bit is not an integer or out of range")
BIT_ARGUMENT = _reply("BIT_ARGUMENT", "ERR The bit argument must be 1 or 0.")
BITOP_NOT = _reply("BITOP_NOT", "ERR BITOP NOT must be called with a single source key.")
BITOP_SOURCES = _reply(
    "BITOP_SOURCES", "ERR BITOP {} must be called with at least two source keys."
)
BITFIELD_TYPE = _reply(
    "BITFIELD_TYPE",
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
    "i64 is.",
)
BITFIELD_OVERFLOW = _reply("BITFIELD_OVERFLOW", "ERR Invalid OVERFLOW type specified")
BITFIELD_READ_ONLY = _reply(
    "BITFIELD_READ_ONLY", "ERR BITFIELD_RO only supports the GET subcommand"
)
NOT_HYPERLOGLOG = _reply(
    "NOT_HYPERLOGLOG", "WRONGTYPE Key is not a valid HyperLogLog string value."
)
CORRUPT_HYPERLOGLOG = _reply("CORRUPT_HYPERLOGLOG", "INVALIDOBJ Corrupted HLL object detected")
NO_HYPERLOGLOG = _reply("NO_HYPERLOGLOG", "ERR The specified key does not exist")
HYPERLOGLOG_NOT_SPARSE = _reply("HYPERLOGLOG_NOT_SPARSE", "ERR HLL encoding is not sparse")
UNKNOWN_PFDEBUG = _reply("UNKNOWN_PFDEBUG", "ERR Unknown PFDEBUG subcommand '{}'")
SELF_TEST_FAILED = _reply("SELF_TEST_FAILED", "TESTFAILED {}")
SOURCE_AND_DESTINATION_SAME = _reply(
    "SOURCE_AND_DESTINATION_SAME", "ERR source and destination objects are the same"
)
LCS_LENGTH_AND_INDEXES = _reply(
    "LCS_LENGTH_AND_INDEXES",
    "ERR If you want both the length and indexes, please just use IDX.",
)
LCS_TOO_BIG = _reply(
    "LCS_TOO_BIG",
    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
)
INVALID_NUMKEYS = _reply("INVALID_NUMKEYS", "ERR invalid numkeys value or out of range")
LCS_NOT_STRINGS = _reply("LCS_NOT_STRINGS", "ERR The specified keys must contain string values")
EXPIRE_CONDITIONS = _reply(
    "EXPIRE_CONDITIONS", "ERR NX and XX, GT or LT options at the same time are not compatible"
)
EXPIRE_COMPARISONS = _reply(
    "EXPIRE_COMPARISONS", "ERR GT and LT options at the same time are not compatible"
)

# Saving, dumping, restoring
SAVING_ALREADY = _reply("SAVING_ALREADY", "ERR Background save already in progress")
NOTHING_TO_CANCEL = _reply(
    "NOTHING_TO_CANCEL", "ERR Background saving is currently not in progress or scheduled"
)
SAVE_FAILED = _reply("SAVE_FAILED", "ERR Saving failed; the server's log holds the reason")
RELOAD_OPTIONS = _reply(
    "RELOAD_OPTIONS",
    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
)
RELOAD_FAILED = _reply("RELOAD_FAILED", "ERR Error trying to load the RDB dump, check server logs.")
LOADAOF_FAILED = _reply(
    "LOADAOF_FAILED", "ERR Error trying to load the AOF files, check server logs."
)
BUSY_KEY = _reply("BUSY_KEY", "BUSYKEY Target key name already exists.")
INVALID_TIME_TO_LIVE = _reply("INVALID_TIME_TO_LIVE", "ERR Invalid TTL value, must be >= 0")
INVALID_IDLE_TIME = _reply("INVALID_IDLE_TIME", "ERR Invalid IDLETIME value, must be >= 0")
INVALID_FREQUENCY = _reply("INVALID_FREQUENCY", "ERR Invalid FREQ value, must be >= 0 and <= 255")
WRONG_DUMP = _reply("WRONG_DUMP", "ERR DUMP payload version or checksum are wrong")
BAD_DUMP = _reply("BAD_DUMP", "ERR Bad data format")
UNSUPPORTED_DUMP = _reply("UNSUPPORTED_DUMP", "ERR This value cannot be restored here: {}")

# Sets
NUMMEMBERS = _reply(
    "NUMMEMBERS",
    "ERR nummembers should be greater than 0 and match the provided number of members",
)
LIMIT_NEGATIVE = _reply("LIMIT_NEGATIVE", "ERR LIMIT can't be negative")
RANDOM_COUNT_OUT_OF_RANGE = _reply(
    "RANDOM_COUNT_OUT_OF_RANGE",
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
)

# Lists
INDEX_OUT_OF_RANGE = _reply("INDEX_OUT_OF_RANGE", "ERR index out of range")
RANK_ZERO = _reply(
    "RANK_ZERO",
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
    "negative to start from the end of the list",
)
COUNT_NEGATIVE = _reply("COUNT_NEGATIVE", "ERR COUNT can't be negative")
MAXLEN_NEGATIVE = _reply("MAXLEN_NEGATIVE", "ERR MAXLEN can't be negative")

# Commands that wait
TIMEOUT_NOT_FLOAT = _reply("TIMEOUT_NOT_FLOAT", "ERR timeout is not a float or out of range")
TIMEOUT_NEGATIVE = _reply("TIMEOUT_NEGATIVE", "ERR timeout is negative")
TIMEOUT_OUT_OF_RANGE = _reply("TIMEOUT_OUT_OF_RANGE", "ERR timeout is out of range")

# About the server
NOT_A_COMMAND = _reply("NOT_A_COMMAND", "ERR Invalid command specified")
COMMAND_WITHOUT_KEYS = _reply("COMMAND_WITHOUT_KEYS", "ERR The command has no key arguments")
COMMAND_ARITY = _reply("COMMAND_ARITY", "ERR Invalid number of arguments specified for command")
COMMAND_ARGUMENTS = _reply("COMMAND_ARGUMENTS", "ERR Invalid arguments specified for command")
NO_SHUTDOWN = _reply("NO_SHUTDOWN", "ERR No shutdown in progress.")
SHUTDOWN_FAILED = _reply("SHUTDOWN_FAILED", "ERR Errors trying to SHUTDOWN. Check logs.")

UNKNOWN_TYPE = _reply("UNKNOWN_TYPE", "ERR unknown type name '{}'")
NOVALUES_OUTSIDE_HSCAN = _reply(
    "NOVALUES_OUTSIDE_HSCAN", "ERR NOVALUES option can only be used in HSCAN"
)
NOSCORES_OUTSIDE_ZSCAN = _reply(
    "NOSCORES_OUTSIDE_ZSCAN", "ERR NOSCORES option can only be used in ZSCAN"
)
FREQUENCY_NOT_TRACKED = _reply(
    "FREQUENCY_NOT_TRACKED",
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
    "that when switching between policies at runtime LRU and LFU data will take some time to "
    "adjust.",
)
IDLE_TIME_NOT_TRACKED = _reply(
    "IDLE_TIME_NOT_TRACKED",
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
    "switching between policies at runtime LRU and LFU data will take some time to adjust.",
)

# Connection
AUTH_REQUIRED = _reply("AUTH_REQUIRED", "NOAUTH Authentication required.")
WRONG_PASSWORD = _reply(
    "WRONG_PASSWORD", "WRONGPASS invalid username-password pair or user is disabled."
)
AUTH_WITHOUT_PASSWORD = _reply(
    "AUTH_WITHOUT_PASSWORD",
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?",
)
CLIENT_NAME_CHARACTERS = _reply(
    "CLIENT_NAME_CHARACTERS",
    "ERR Client names cannot contain spaces, newlines or special characters.",
)
PROTOCOL_NOT_INTEGER = _reply(
    "PROTOCOL_NOT_INTEGER", "ERR Protocol version is not an integer or out of range"
)
HELLO_OPTION = _reply("HELLO_OPTION", "ERR Syntax error in HELLO option '{}'")
HELLO_NEEDS_AUTH = _reply(
    "HELLO_NEEDS_AUTH",
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
    "protocol version at the same time",
)
UNSUPPORTED_PROTOCOL = _reply("UNSUPPORTED_PROTOCOL", "NOPROTO unsupported protocol version")
MAX_CLIENTS = _reply("MAX_CLIENTS", "ERR max number of clients reached")
PROTECTED_MODE = _reply(
    "PROTECTED_MODE",
    "DENIED Rubellite is running in protected mode because protected mode is enabled and no "
    "password is set for the default user. In this mode connections are only accepted from the "
    "loopback interface. To connect from other hosts, set a password (requirepass), or bind to "
    "loopback only, or turn protected mode off with CONFIG SET protected-mode no from a client "
    "on this machine, if the server cannot be reached from the Internet.",
)
MONITOR_KEYSPACE = _reply("MONITOR_KEYSPACE", "ERR Replica can't interact with the keyspace")
NO_SUCH_CLIENT = _reply("NO_SUCH_CLIENT", "ERR No such client")
NOT_ALLOWED_WHEN_SUBSCRIBED = _reply(
    "NOT_ALLOWED_WHEN_SUBSCRIBED",
    "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
    "allowed in this context",
)
SHARD_SUBSCRIBE_DENIED = _reply(
    "SHARD_SUBSCRIBE_DENIED", "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"
)

# Clients
UNKNOWN_CLIENT_TYPE = _reply("UNKNOWN_CLIENT_TYPE", "ERR Unknown client type '{}'")
CLIENT_ID_NOT_POSITIVE = _reply("CLIENT_ID_NOT_POSITIVE", "ERR client-id should be greater than 0")
NO_SUCH_USER = _reply("NO_SUCH_USER", "ERR No such user '{}'")
FILTER_NOT_INTEGER = _reply("FILTER_NOT_INTEGER", "ERR {} is not an integer or out of range")
FILTER_NOT_POSITIVE = _reply("FILTER_NOT_POSITIVE", "ERR {} should be greater than 0")
FILTER_DATABASE = _reply("FILTER_DATABASE", "ERR DB number should be between 0 and {}")
FILTER_LETTERS = _reply("FILTER_LETTERS", "ERR Unknown {} found in the provided filter: {}")
CLIENT_INFO_CHARACTERS = _reply(
    "CLIENT_INFO_CHARACTERS",
    "ERR {} cannot contain spaces, newlines or special characters.",
)
CLIENT_INFO_OPTION = _reply("CLIENT_INFO_OPTION", "ERR Unrecognized option '{}'")
PAUSE_NOT_INTEGER = _reply("PAUSE_NOT_INTEGER", "ERR timeout is not an integer or out of range")
PAUSE_MODE = _reply("PAUSE_MODE", "ERR CLIENT PAUSE mode must be WRITE or ALL")

# Hashes
HASH_VALUE_NOT_INTEGER = _reply("HASH_VALUE_NOT_INTEGER", "ERR hash value is not an integer")
HASH_VALUE_NOT_FLOAT = _reply("HASH_VALUE_NOT_FLOAT", "ERR hash value is not a float")
INCREMENT_NOT_FINITE = _reply("INCREMENT_NOT_FINITE", "ERR value is NaN or Infinity")
NUMFIELDS = _reply(
    "NUMFIELDS", "ERR numfields should be greater than 0 and match the provided number of fields"
)

# Waiting
REWRITING_ALREADY = _reply(
    "REWRITING_ALREADY", "ERR Background append only file rewriting already in progress"
)
REWRITE_RUNNING = _reply(
    "REWRITE_RUNNING",
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in "
    "order to schedule a BGSAVE whenever possible.",
)
REWRITE_FAILED = _reply(
    "REWRITE_FAILED",
    "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
    "information.",
)
NUMLOCAL_OUT_OF_RANGE = _reply(
    "NUMLOCAL_OUT_OF_RANGE", "ERR value is out of range, value must between 0 and 1"
)
WAITAOF_WITHOUT_AOF = _reply(
    "WAITAOF_WITHOUT_AOF",
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
)
AOF_FAILED = _reply("AOF_FAILED", "MISCONF Errors writing to the AOF file: {}")
UNBLOCKED = _reply("UNBLOCKED", "UNBLOCKED client unblocked via CLIENT UNBLOCK")
UNBLOCK_REASON = _reply("UNBLOCK_REASON", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
CACHING_WITHOUT_TRACKING = _reply(
    "CACHING_WITHOUT_TRACKING",
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
    "OPTOUT mode enabled",
)
CACHING_NOT_OPTIN = _reply(
    "CACHING_NOT_OPTIN",
    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
)
CACHING_NOT_OPTOUT = _reply(
    "CACHING_NOT_OPTOUT",
    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
)
REDIRECT_TO_NOBODY = _reply(
    "REDIRECT_TO_NOBODY", "ERR The client ID you want redirect to does not exist"
)
REDIRECT_TWICE = _reply("REDIRECT_TWICE", "ERR A client can only redirect to a single other client")
PREFIX_WITHOUT_BROADCAST = _reply(
    "PREFIX_WITHOUT_BROADCAST", "ERR PREFIX option requires BCAST mode to be enabled"
)
PREFIX_OVERLAPS_EXISTING = _reply(
    "PREFIX_OVERLAPS_EXISTING",
    "ERR Prefix '{}' overlaps with an existing prefix '{}'. Prefixes for a single client must "
    "not overlap.",
)
PREFIX_OVERLAPS_PROVIDED = _reply(
    "PREFIX_OVERLAPS_PROVIDED",
    "ERR Prefix '{}' overlaps with another provided prefix '{}'. Prefixes for a single client "
    "must not overlap.",
)
TRACKING_BOTH_OPTS = _reply(
    "TRACKING_BOTH_OPTS", "ERR You can't specify both OPTIN mode and OPTOUT mode"
)
TRACKING_BROADCAST_OPTS = _reply(
    "TRACKING_BROADCAST_OPTS", "ERR OPTIN and OPTOUT are not compatible with BCAST"
)
TRACKING_SWITCH_BROADCAST = _reply(
    "TRACKING_SWITCH_BROADCAST",
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
    "re-enabling it with a different mode.",
)
TRACKING_SWITCH_OPTS = _reply(
    "TRACKING_SWITCH_OPTS",
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
    "re-enabling it with a different mode.",
)
NOT_IN_IMPORT_MODE = _reply("NOT_IN_IMPORT_MODE", "ERR Server is not in import mode")
MONITOR_DENIED = _reply("MONITOR_DENIED", "ERR MONITOR isn't allowed for DENY BLOCKING client")

# SORT
SCORES_NOT_FLOAT = _reply(
    "SCORES_NOT_FLOAT", "ERR One or more scores can't be converted into double"
)

# Sorted sets and geo
SCORE_NOT_A_NUMBER = _reply("SCORE_NOT_A_NUMBER", "ERR resulting score is not a number (NaN)")
SCORE_BOUND = _reply("SCORE_BOUND", "ERR min or max is not a float")
MEMBER_BOUND = _reply("MEMBER_BOUND", "ERR min or max not valid string range item")
ADD_NEW_AND_KNOWN = _reply(
    "ADD_NEW_AND_KNOWN", "ERR XX and NX options at the same time are not compatible"
)
ADD_COMPARISONS = _reply(
    "ADD_COMPARISONS", "ERR GT, LT, and/or NX options at the same time are not compatible"
)
ADD_ONE_INCREMENT = _reply(
    "ADD_ONE_INCREMENT", "ERR INCR option supports a single increment-element pair"
)
LIMIT_NEEDS_BY = _reply(
    "LIMIT_NEEDS_BY",
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
)
SCORES_NOT_BY_MEMBER = _reply(
    "SCORES_NOT_BY_MEMBER",
    "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
)
INPUT_KEY_NEEDED = _reply("INPUT_KEY_NEEDED", "ERR at least 1 input key is needed for '{}' command")
INVALID_PLACE = _reply("INVALID_PLACE", "ERR invalid longitude,latitude pair {}")
MEMBER_MISSING = _reply("MEMBER_MISSING", "ERR member {} does not exist")
UNIT = _reply("UNIT", "ERR unsupported unit provided. please use M, KM, FT, MI")
RADIUS_NOT_NUMBER = _reply("RADIUS_NOT_NUMBER", "ERR need numeric radius")
RADIUS_NEGATIVE = _reply("RADIUS_NEGATIVE", "ERR radius cannot be negative")
BOX_WIDTH = _reply("BOX_WIDTH", "ERR need numeric width")
BOX_HEIGHT = _reply("BOX_HEIGHT", "ERR need numeric height")
BOX_NEGATIVE = _reply("BOX_NEGATIVE", "ERR height or width cannot be negative")
POLYGON_NUMBER = _reply("POLYGON_NUMBER", "ERR invalid number of vertices")
POLYGON_CORNERS = _reply("POLYGON_CORNERS", "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices")
GEO_COUNT = _reply("GEO_COUNT", "ERR COUNT must be > 0")
ANY_NEEDS_COUNT = _reply("ANY_NEEDS_COUNT", "ERR the ANY argument requires COUNT argument")
CENTER_NEEDED = _reply(
    "CENTER_NEEDED", "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {}"
)
SHAPE_NEEDED = _reply(
    "SHAPE_NEEDED", "ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for {}"
)
STORE_WITHOUT_DETAILS = _reply(
    "STORE_WITHOUT_DETAILS",
    "ERR {} is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
)
WEIGHT_NOT_FLOAT = _reply("WEIGHT_NOT_FLOAT", "ERR weight value is not a float")

# Streams
STREAM_ID = _reply("STREAM_ID", "ERR Invalid stream ID specified as stream command argument")
STREAM_ID_ZERO = _reply("STREAM_ID_ZERO", "ERR The ID specified in XADD must be greater than 0-0")
STREAM_ID_TOO_SMALL = _reply(
    "STREAM_ID_TOO_SMALL",
    "ERR The ID specified in XADD is equal or smaller than the target stream top item",
)
STREAM_EXHAUSTED = _reply(
    "STREAM_EXHAUSTED",
    "ERR The stream has exhausted the last possible ID, unable to add more items",
)
STREAM_ENTRY_TOO_LARGE = _reply("STREAM_ENTRY_TOO_LARGE", "ERR Elements are too large to be stored")
INTERVAL_START = _reply("INTERVAL_START", "ERR invalid start ID for the interval")
INTERVAL_END = _reply("INTERVAL_END", "ERR invalid end ID for the interval")
TWO_TRIMS = _reply(
    "TWO_TRIMS",
    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
)
TRIM_LENGTH_NEGATIVE = _reply("TRIM_LENGTH_NEGATIVE", "ERR The MAXLEN argument must be >= 0.")
TRIM_LIMIT_NEGATIVE = _reply("TRIM_LIMIT_NEGATIVE", "ERR The LIMIT argument must be >= 0.")
TRIM_LIMIT_ALONE = _reply(
    "TRIM_LIMIT_ALONE",
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
)
TRIM_LIMIT_EXACT = _reply(
    "TRIM_LIMIT_EXACT",
    "ERR syntax error, LIMIT cannot be used without the special ~ option",
)
TRIM_MISSING = _reply(
    "TRIM_MISSING", "ERR syntax error, XTRIM must be called with MAXLEN or MINID options"
)
ENTRIES_ADDED_NEGATIVE = _reply("ENTRIES_ADDED_NEGATIVE", "ERR entries_added must be positive")
ENTRIES_ADDED_TOO_SMALL = _reply(
    "ENTRIES_ADDED_TOO_SMALL",
    "ERR The entries_added specified in XSETID is smaller than the target stream length",
)
SET_ID_BELOW_GIVEN_DELETED = _reply(
    "SET_ID_BELOW_GIVEN_DELETED",
    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
)
SET_ID_BELOW_DELETED = _reply(
    "SET_ID_BELOW_DELETED",
    "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
)
SET_ID_BELOW_TOP = _reply(
    "SET_ID_BELOW_TOP",
    "ERR The ID specified in XSETID is smaller than the target stream top item",
)
UNBALANCED_STREAMS = _reply(
    "UNBALANCED_STREAMS",
    "ERR Unbalanced '{}' list of streams: for each stream key an ID or '{}' must be specified.",
)
ONLY_IN_XREADGROUP = _reply(
    "ONLY_IN_XREADGROUP",
    "ERR The {} option is only supported by XREADGROUP. You called XREAD instead.",
)
NEW_ONLY_IN_XREADGROUP = _reply(
    "NEW_ONLY_IN_XREADGROUP",
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
    "<consumer> option.",
)
GROUP_MISSING = _reply("GROUP_MISSING", "ERR Missing GROUP option for XREADGROUP")
ID_MEANINGLESS = _reply(
    "ID_MEANINGLESS",
    "ERR The {} ID is meaningless in the context of XREADGROUP: you want to read the history of "
    "this consumer by specifying a proper ID, or use the > ID to get new messages. The {} ID "
    "would just return an empty result set.",
)
NO_GROUP = _reply("NO_GROUP", "NOGROUP No such key '{}' or consumer group '{}'")
NO_GROUP_TO_READ = _reply(
    "NO_GROUP_TO_READ",
    "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
)
NO_GROUP_OF_KEY = _reply("NO_GROUP_OF_KEY", "NOGROUP No such consumer group '{}' for key name '{}'")
GROUP_EXISTS = _reply("GROUP_EXISTS", "BUSYGROUP Consumer Group name already exists")
STREAM_NEEDED = _reply(
    "STREAM_NEEDED",
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to "
    "use the MKSTREAM option to create an empty stream automatically.",
)
ENTRIES_READ_NEGATIVE = _reply(
    "ENTRIES_READ_NEGATIVE", "ERR value for ENTRIESREAD must be positive or -1"
)
MIN_IDLE_TIME = _reply("MIN_IDLE_TIME", "ERR Invalid min-idle-time argument for {}")
CLAIM_OPTION_VALUE = _reply("CLAIM_OPTION_VALUE", "ERR Invalid {} option argument for XCLAIM")
CLAIM_OPTION = _reply("CLAIM_OPTION", "ERR Unrecognized XCLAIM option '{}'")
CLAIM_COUNT = _reply("CLAIM_COUNT", "ERR COUNT must be > 0")
NUMIDS_NOT_POSITIVE = _reply("NUMIDS_NOT_POSITIVE", "ERR Number of IDs must be a positive integer")
NUMIDS_MISMATCH = _reply(
    "NUMIDS_MISMATCH", "ERR The `numids` parameter must match the number of arguments"
)

# Logs, latency and DEBUG
LOG_COUNT = _reply("LOG_COUNT", "ERR count should be greater than or equal to -1")
LOG_TYPE = _reply(
    "LOG_TYPE", "ERR type should be one of the following: slow, large-request, large-reply"
)
WRONG_SUBCOMMAND = _reply(
    "WRONG_SUBCOMMAND",
    "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
)
NO_LATENCY_SAMPLES = _reply("NO_LATENCY_SAMPLES", "ERR No samples available for event '{}'")
DEBUG_NOT_ALLOWED = _reply(
    "DEBUG_NOT_ALLOWED",
    'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you '
    "can run it from a local connection, otherwise you need to set this option in the "
    "configuration file, and then restart the server.",
)
DEBUG_PROTOCOL_TYPE = _reply(
    "DEBUG_PROTOCOL_TYPE",
    "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|"
    "null|array|set|map|attrib|push|verbatim|true|false",
)
RESP2_NOT_SUPPORTED = _reply("RESP2_NOT_SUPPORTED", "ERR RESP2 is not supported by this command")
QUICKLIST_THRESHOLD = _reply(
    "QUICKLIST_THRESHOLD",
    "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
)
NO_SUCH_DATABASE = _reply("NO_SUCH_DATABASE", "ERR Out of range database")
NOT_A_HASH_TABLE = _reply(
    "NOT_A_HASH_TABLE",
    "ERR The value stored at the specified key is not represented using an hash table",
)
NOT_A_LISTPACK = _reply("NOT_A_LISTPACK", "ERR Not a listpack encoded object.")
NOT_A_QUICKLIST = _reply("NOT_A_QUICKLIST", "ERR Not a quicklist encoded object.")
NOT_A_RAW_STRING = _reply("NOT_A_RAW_STRING", "ERR Not an sds encoded string.")

# Transactions
NESTED_MULTI = _reply("NESTED_MULTI", "ERR MULTI calls can not be nested")
EXEC_WITHOUT_MULTI = _reply("EXEC_WITHOUT_MULTI", "ERR EXEC without MULTI")
DISCARD_WITHOUT_MULTI = _reply("DISCARD_WITHOUT_MULTI", "ERR DISCARD without MULTI")
WATCH_INSIDE_MULTI = _reply("WATCH_INSIDE_MULTI", "ERR WATCH inside MULTI is not allowed")
EXEC_ABORTED = _reply("EXEC_ABORTED", "EXECABORT Transaction discarded because of previous errors.")
NOT_ALLOWED_IN_MULTI = _reply(
    "NOT_ALLOWED_IN_MULTI", "ERR Command '{}' not allowed inside a transaction"
)

# The server's state
OUT_OF_MEMORY = _reply("OUT_OF_MEMORY", "OOM command not allowed when used memory > 'maxmemory'.")
BUSY = _reply(
    "BUSY",
    "BUSY Redis is busy running a script. You can only call {} KILL or SHUTDOWN NOSAVE.",
)
BUSY_COMMAND = _reply(
    "BUSY_COMMAND",
    "BUSY Redis is busy running a command in Python. You can only call SCRIPT KILL or SHUTDOWN "
    "NOSAVE.",
)
COMMAND_KILLED = _reply("COMMAND_KILLED", "ERR Command '{}' killed by user with SCRIPT KILL.")
INTERRUPTED = _reply("INTERRUPTED", "ERR '{}' was interrupted by the process that runs it")
NEEDS_CONNECTION = _reply(
    "NEEDS_CONNECTION", "ERR {} needs a connection of its own: use redis() of the store"
)
SAVING_FAILS = _reply(
    "SAVING_FAILS",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is "
    "configured to report errors during writes if RDB snapshotting fails "
    "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error.",
)
LOADING = _reply("LOADING", "LOADING Redis is loading the dataset in memory")
READ_ONLY_REPLICA = _reply(
    "READ_ONLY_REPLICA", "READONLY You can't write against a read only replica."
)
INTERNAL_ERROR = _reply(
    "INTERNAL_ERROR", "ERR Internal error in '{}'; the server's log holds the details"
)
COMMAND_FAILED = _reply("COMMAND_FAILED", "ERR Failure in {}")
EXECUTE_REFUSED = _reply("EXECUTE_REFUSED", "ERR '{}' cannot be executed by another command")
EXECUTE_READ_ONLY = _reply(
    "EXECUTE_READ_ONLY", "ERR '{}' writes, but the command that executes it is not flagged WRITE"
)
EXECUTE_TOO_DEEP = _reply("EXECUTE_TOO_DEEP", "ERR Commands execute each other too deeply")
WRITES_STOPPED = _reply(
    "WRITES_STOPPED",
    "MISCONF A bug of ours may have damaged a key, so nothing is written any more. "
    "Please check the Rubellite logs for details about the key.",
)


# Clusters
CLUSTER_DISABLED = _reply("CLUSTER_DISABLED", "ERR This instance has cluster support disabled")


# Scripts
NO_SCRIPT = _reply("NO_SCRIPT", "NOSCRIPT No matching script.")
KEYS_NEGATIVE = _reply("KEYS_NEGATIVE", "ERR Number of keys can't be negative")
SCRIPT_BROKEN = _reply("SCRIPT_BROKEN", "ERR Error compiling script (new function): {}")
SCRIPT_ENGINE = _reply("SCRIPT_ENGINE", "ERR Could not find scripting engine '{}'")
SHEBANG_INVALID = _reply("SHEBANG_INVALID", "ERR Invalid script shebang")
SHEBANG_OPTION = _reply("SHEBANG_OPTION", "ERR Unknown lua shebang option: {}")
SHEBANG_FLAG = _reply("SHEBANG_FLAG", "ERR Unexpected flag in script shebang: {}")
SCRIPT_MAY_WRITE_RO = _reply(
    "SCRIPT_MAY_WRITE_RO", "ERR Can not execute a script with write flag using *_ro command."
)
SCRIPT_UNKNOWN = _reply("SCRIPT_UNKNOWN", "ERR Unknown command called from script")
SCRIPT_ARITY = _reply("SCRIPT_ARITY", "ERR Wrong number of args calling command from script")
SCRIPT_REFUSED = _reply("SCRIPT_REFUSED", "ERR This Redis command is not allowed from script")
SCRIPT_READS = _reply("SCRIPT_READS", "ERR Write commands are not allowed from read-only scripts.")
SCRIPT_KILLED = _reply("SCRIPT_KILLED", "ERR Script killed by user with {} KILL.")
SCRIPT_FLUSH_MODE = _reply("SCRIPT_FLUSH_MODE", "ERR SCRIPT FLUSH only support SYNC|ASYNC option")
SCRIPT_DEBUG_MODE = _reply("SCRIPT_DEBUG_MODE", "ERR Use SCRIPT DEBUG YES/SYNC/NO")
SCRIPT_DEBUGGER = _reply("SCRIPT_DEBUGGER", "ERR There is no debugger for scripts")
FUNCTION_MISSING = _reply("FUNCTION_MISSING", "ERR Function not found")
FUNCTION_KEYS = _reply("FUNCTION_KEYS", "ERR Bad number of keys provided")
FUNCTION_NAME = _reply(
    "FUNCTION_NAME",
    "ERR Function names can only contain letters, numbers, or underscores(_) and must be at "
    "least one character long",
)
FUNCTION_TWICE = _reply("FUNCTION_TWICE", "ERR Function already exists in the library")
FUNCTION_EXISTS = _reply("FUNCTION_EXISTS", "ERR Function {} already exists")
FUNCTION_FLUSH_MODE = _reply(
    "FUNCTION_FLUSH_MODE", "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
)
FUNCTION_LOAD_OPTION = _reply("FUNCTION_LOAD_OPTION", "ERR Unknown option given: {}")
FUNCTION_LIST_ARGUMENT = _reply("FUNCTION_LIST_ARGUMENT", "ERR Unknown argument {}")
FUNCTION_LIST_NAME = _reply("FUNCTION_LIST_NAME", "ERR library name argument was not given")
FUNCTION_RESTORE_POLICY = _reply(
    "FUNCTION_RESTORE_POLICY",
    "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
)
LIBRARY_MISSING = _reply("LIBRARY_MISSING", "ERR Library not found")
LIBRARY_METADATA_MISSING = _reply("LIBRARY_METADATA_MISSING", "ERR Missing library metadata")
LIBRARY_METADATA_INVALID = _reply("LIBRARY_METADATA_INVALID", "ERR Invalid library metadata")
LIBRARY_METADATA_VALUE = _reply("LIBRARY_METADATA_VALUE", "ERR Invalid metadata value given: {}")
LIBRARY_NAME_MISSING = _reply("LIBRARY_NAME_MISSING", "ERR Library name was not given")
LIBRARY_NAME_TWICE = _reply(
    "LIBRARY_NAME_TWICE", "ERR Invalid metadata value, name argument was given multiple times"
)
LIBRARY_NAME = _reply(
    "LIBRARY_NAME",
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least "
    "one character long",
)
LIBRARY_ENGINE = _reply("LIBRARY_ENGINE", "ERR Engine '{}' not found")
LIBRARY_EXISTS = _reply("LIBRARY_EXISTS", "ERR Library '{}' already exists")
LIBRARY_RESTORED = _reply("LIBRARY_RESTORED", "ERR Library {} already exists")
LIBRARY_BROKEN = _reply("LIBRARY_BROKEN", "ERR Error compiling function: {}")
LIBRARY_FAILED = _reply("LIBRARY_FAILED", "ERR Error registering functions: {}")
LIBRARY_EMPTY = _reply("LIBRARY_EMPTY", "ERR No functions registered")
LIBRARY_PAYLOAD = _reply("LIBRARY_PAYLOAD", "ERR Failed loading library payload")
LIBRARY_PAYLOAD_TYPE = _reply("LIBRARY_PAYLOAD_TYPE", "ERR given type is not a function")
LIBRARY_PREVIEW = _reply("LIBRARY_PREVIEW", "ERR Pre-GA function format not supported")
NOT_BUSY = _reply("NOT_BUSY", "NOTBUSY No scripts in execution right now.")
UNKILLABLE = _reply(
    "UNKILLABLE",
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
    "either wait the script termination or kill the server in a hard way using the SHUTDOWN "
    "NOSAVE command.",
)


def text_of(raw: bytes) -> str:
    """A client's bytes for use in an error, where a NUL ends them.

    What is not UTF-8 survives as surrogates.
    """
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
