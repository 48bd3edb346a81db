"""What COMMAND DOCS says of arguments beyond the syntax line: names and versions.

Clients build their own help from these names, so they are Redis's. A word is named
after itself, a value as the syntax line names it; a choice or a group has no name in
the notation and gets it from here. A part is found by its outline: `NX|XX` is a choice
of words, `LIMIT offset count` a group, `IFEQ comparison-value` a word and its value.
"""

from __future__ import annotations

from typing import Final

#: Names of choices and groups, whatever the command.
_COMMON: Final = {
    # Choices
    "AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE": "operation",
    "ASC|DESC": "order",
    "ASYNC|SYNC": "flush-type",
    "BEFORE|AFTER": "where",
    "BYRADIUS|BYBOX|BYPOLYGON": "by",
    "BYSCORE|BYLEX": "sortby",
    "BYTE|BIT": "unit",
    "EX|PX|EXAT|PXAT|KEEPTTL": "expiration",
    "EX|PX|EXAT|PXAT|PERSIST": "expiration",
    "FNX|FXX": "fields-condition",
    "FROMMEMBER|FROMLONLAT": "from",
    "FORCE|TAKEOVER": "options",
    "GT|LT": "comparison",
    "HARD|SOFT": "reset-type",
    "LEFT|RIGHT": "where",
    "M|KM|FT|MI": "unit",
    "MAXLEN|MINID": "strategy",
    "MIN|MAX": "where",
    "NX|XX": "condition",
    "NX|XX|GT|LT": "condition",
    "NX|XX|IFEQ": "condition",
    "ON|OFF": "enabled",
    "ON|OFF|SKIP": "action",
    "SLOW|LARGE-REQUEST|LARGE-REPLY": "type",
    "STORE|STOREDIST": "store",
    "TIMEOUT|ERROR": "unblock-type",
    "WRITE|ALL": "mode",
    "YES|NO": "mode",
    "YES|SYNC|NO": "mode",
    "=|~": "operator",
    "*|id": "id-selector",
    "id|$": "id-selector",
    # Groups
    "BYBOX width height M|KM|FT|MI": "box",
    "BYPOLYGON num-vertices longitude latitude": "polygon",
    "BYRADIUS radius M|KM|FT|MI": "circle",
    "COUNT count ANY": "count-block",
    "FULL COUNT count": "full-block",
    "GROUP group consumer": "group-block",
    "NO ONE": "no-one",
    "end BYTE|BIT": "end-unit-block",
    "start end BYTE|BIT": "range",
    "start-slot end-slot": "range",
    # Words
    "=": "equal",
    "~": "approximately",
    "$": "new-id",
    '""': "empty-string",
}

#: Commands that are for the server's own tools.
SYSTEM_COMMANDS: Final = frozenset(("debug", "pfdebug", "pfselftest", "replconf", "restore-asking"))
#: Groups whose word belongs to their first value, not to the whole.
TOKEN_OF_FIRST: Final = frozenset(("BYPOLYGON",))
#: Groups whose word belongs to the whole, though not all of it has to be given.
TOKEN_OF_GROUP: Final = frozenset(("ORDERBY", "TO"))
#: Patterns that the names of keys are made from.
KEY_PATTERNS: Final = frozenset(("by-pattern", "get-pattern"))

_CLIENT_FILTERS: Final = {
    "ADDR ip:port": "addr",
    "LADDR ip:port": "laddr",
    "NOT-ADDR ip:port": "not-addr",
    "NOT-LADDR ip:port": "not-laddr",
}

#: CLIENT KILL's filters as an outline.
_FILTERS: Final = "|".join(
    (
        "ID TYPE USER ADDR LADDR SKIPME MAXAGE NAME IDLE FLAGS LIB-NAME LIB-VER DB CAPA IP "
        "NOT-TYPE NOT-ID NOT-USER NOT-ADDR NOT-LADDR NOT-NAME NOT-FLAGS NOT-LIB-NAME NOT-LIB-VER "
        "NOT-DB NOT-CAPA NOT-IP"
    ).split()
)

#: Names that are a command's own.
_OWN: Final = {
    "bitfield": {
        "GET|OVERFLOW": "operation",
        "GET encoding offset": "get-block",
        "OVERFLOW WRAP|SAT|FAIL SET|INCRBY": "write",
        "OVERFLOW WRAP|SAT|FAIL": "overflow-block",
        "SET|INCRBY": "write-operation",
        "SET encoding offset value": "set-block",
        "INCRBY encoding offset increment": "incrby-block",
    },
    "bitfield_ro": {"GET encoding offset": "get-block"},
    "client|kill": {
        **_CLIENT_FILTERS,
        "TYPE NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB": "client-type",
        "NOT-TYPE NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB": "not-client-type",
        "ip:port": "old-format",
        _FILTERS: "new-format",
        f"ip:port|{_FILTERS}": "filter",
    },
    "client|list": {
        **_CLIENT_FILTERS,
        "TYPE NORMAL|MASTER|REPLICA|PUBSUB": "client-type",
        "NOT-TYPE NORMAL|MASTER|REPLICA|PUBSUB": "not-client-type",
    },
    "client|setinfo": {
        "LIB-NAME|LIB-VER": "attr",
        "LIB-NAME libname": "libname",
        "LIB-VER libver": "libver",
    },
    "cluster|replicate": {"node-id|NO": "args"},
    "cluster|setslot": {
        "IMPORTING|MIGRATING|NODE|STABLE": "subcommand",
        "IMPORTING node-id": "importing",
        "MIGRATING node-id": "migrating",
        "NODE node-id": "node",
    },
    "cluster|slot-stats": {"SLOTSRANGE|ORDERBY": "filter"},
    "client|tracking": {"ON|OFF": "status"},
    "failover": {"TO host port FORCE": "target"},
    "function|restore": {"FLUSH|APPEND|REPLACE": "policy"},
    "geoadd": {"CH": "change"},
    "georadius": {"STORE key": "storekey", "STOREDIST key": "storedistkey"},
    "georadiusbymember": {"STORE key": "storekey", "STOREDIST key": "storedistkey"},
    "geosearch": {"longitude latitude": "vertices"},
    "geosearchstore": {"longitude latitude": "vertices"},
    "hello": {"protover AUTH username password SETNAME clientname": "arguments"},
    "hrandfield": {"count WITHVALUES": "options"},
    "hsetex": {"NX|XX": "key-condition"},
    "lmove": {"LEFT|RIGHT": "wherefrom", "LEFT|RIGHT 2": "whereto"},
    "blmove": {"LEFT|RIGHT": "wherefrom", "LEFT|RIGHT 2": "whereto"},
    "migrate": {
        'key|""': "key-selector",
        "AUTH|AUTH2": "authentication",
        "AUTH password": "auth",
        "KEYS key": "keys",
    },
    "bgsave": {"SCHEDULE|CANCEL": "operation"},
    "replicaof": {"host|NO": "args", "host port": "host-port"},
    "slaveof": {"host|NO": "args", "host port": "host-port"},
    "shutdown": {
        "NOSAVE|SAVE|ABORT": "abort-selector",
        "NOSAVE|ABORT": "abort-selector",
        "NOSAVE|SAVE NOW FORCE SAFE FAILOVER": "save-selector-block",
        "NOSAVE|SAVE": "save-selector",
    },
    "acl|log": {"count|RESET": "operation"},
    "sort": {"ALPHA": "sorting", "BY pattern": "by-pattern", "GET pattern": "get-pattern"},
    "sort_ro": {"ALPHA": "sorting", "BY pattern": "by-pattern", "GET pattern": "get-pattern"},
    "xadd": {
        "*": "auto-id",
        "MAXLEN|MINID =|~ threshold LIMIT count": "trim",
    },
    "xgroup|create": {"ENTRIESREAD entries-read": "entriesread"},
    "xgroup|setid": {"ENTRIESREAD entries-read": "entriesread"},
    "xpending": {"IDLE min-idle-time start end count consumer": "filters"},
    "xtrim": {"MAXLEN|MINID =|~ threshold LIMIT count": "trim"},
    "zadd": {"CH": "change", "INCR": "increment"},
    "zrandmember": {"count WITHSCORES": "options"},
}

_EXPIRE: Final = {"NX|XX|GT|LT": "7.0.0"}
_HASH_EXPIRE: Final = {"NX|XX|GT|LT": "9.0.0"}
_FLUSH: Final = {"ASYNC": "4.0.0", "SYNC": "6.2.0"}
_RESTORE: Final = {
    "REPLACE": "3.0.0",
    "ABSTTL": "5.0.0",
    "IDLETIME seconds": "5.0.0",
    "FREQ frequency": "5.0.0",
}
_FILTERS_9: Final = dict.fromkeys(
    (
        "NAME name",
        "IDLE idle",
        "FLAGS flags",
        "LIB-NAME lib-name",
        "LIB-VER lib-ver",
        "DB db",
        "CAPA capa",
        "IP ip",
        "NOT-TYPE NORMAL|MASTER|REPLICA|PUBSUB",
        "NOT-TYPE NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB",
        "NOT-ID not-client-id",
        "NOT-USER not-username",
        "NOT-ADDR ip:port",
        "NOT-LADDR ip:port",
        "NOT-NAME not-name",
        "NOT-FLAGS not-flags",
        "NOT-LIB-NAME not-lib-name",
        "NOT-LIB-VER not-lib-ver",
        "NOT-DB not-db",
        "NOT-CAPA not-capa",
        "NOT-IP not-ip",
    ),
    "9.0.0",
)

#: Since when a command has an argument that it did not have from the start.
SINCE: Final = {
    "auth": {"username": "6.0.0"},
    "bgsave": {"SCHEDULE": "3.2.2", "CANCEL": "8.1.0"},
    "bitcount": {"BYTE|BIT": "7.0.0"},
    "bitpos": {"BYTE|BIT": "7.0.0"},
    "client|kill": {
        "ID client-id": "2.8.12",
        "TYPE NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB": "2.8.12",
        "MASTER": "3.2.0",
        "PRIMARY": "8.0.0",
        "REPLICA": "5.0.0",
        "LADDR ip:port": "6.2.0",
        "MAXAGE maxage": "8.0.0",
        **_FILTERS_9,
    },
    "client|list": {
        "TYPE NORMAL|MASTER|REPLICA|PUBSUB": "5.0.0",
        "ID client-id": "6.2.0",
        "USER username": "8.1.0",
        "ADDR ip:port": "8.1.0",
        "LADDR ip:port": "8.1.0",
        "SKIPME YES|NO": "8.1.0",
        "MAXAGE maxage": "8.1.0",
        **_FILTERS_9,
    },
    "client|pause": {"WRITE|ALL": "6.2.0"},
    "cluster|meet": {"cluster-bus-port": "4.0.0"},
    "cluster|replicate": {"NO ONE": "9.0.0"},
    "cluster|setslot": {"TIMEOUT timeout": "8.0.0"},
    "expire": _EXPIRE,
    "expireat": _EXPIRE,
    "pexpire": _EXPIRE,
    "pexpireat": _EXPIRE,
    "hexpireat": _HASH_EXPIRE,
    "hpexpire": _HASH_EXPIRE,
    "hpexpireat": _HASH_EXPIRE,
    "flushall": _FLUSH,
    "flushdb": _FLUSH,
    "geoadd": {"NX|XX": "6.2.0", "CH": "6.2.0"},
    "georadius": {"ANY": "6.2.0"},
    "georadius_ro": {"ANY": "6.2.0"},
    "geosearch": {"BYPOLYGON num-vertices longitude latitude": "9.0.0"},
    "geosearchstore": {"BYPOLYGON num-vertices longitude latitude": "9.0.0"},
    "lpop": {"count": "6.2.0"},
    "rpop": {"count": "6.2.0"},
    "migrate": {
        "COPY": "3.0.0",
        "REPLACE": "3.0.0",
        "AUTH password": "4.0.7",
        "AUTH2 username password": "6.0.0",
        "KEYS key": "3.0.6",
    },
    "restore": _RESTORE,
    "restore-asking": _RESTORE,
    "scan": {"TYPE type": "6.0.0"},
    "script|debug": {"engine": "9.1.0"},
    "script|flush": {"ASYNC|SYNC": "6.2.0"},
    "set": {
        "NX": "2.6.12",
        "XX": "2.6.12",
        "IFEQ comparison-value": "8.1.0",
        "GET": "6.2.0",
        "EX seconds": "2.6.12",
        "PX milliseconds": "2.6.12",
        "EXAT unix-time-seconds": "6.2.0",
        "PXAT unix-time-milliseconds": "6.2.0",
        "KEEPTTL": "6.0.0",
    },
    "shutdown": {
        "NOW": "7.0.0",
        "FORCE": "7.0.0",
        "SAFE": "9.0.0",
        "FAILOVER": "9.0.0",
        "ABORT": "7.0.0",
    },
    "spop": {"count": "3.2.0"},
    "srandmember": {"count": "2.6.0"},
    "xadd": {"NOMKSTREAM": "6.2.0", "MINID": "6.2.0", "LIMIT count": "6.2.0"},
    "xpending": {"IDLE min-idle-time": "6.2.0"},
    "xsetid": {"ENTRIESADDED entries-added": "7.0.0", "MAXDELETEDID max-deleted-id": "7.0.0"},
    "xtrim": {"MINID": "6.2.0", "LIMIT count": "6.2.0"},
    "zadd": {"NX|XX": "3.0.2", "GT|LT": "6.2.0", "CH": "3.0.2", "INCR": "3.0.2"},
    "zrange": {"BYSCORE|BYLEX": "6.2.0", "REV": "6.2.0", "LIMIT offset count": "6.2.0"},
    "zrangebyscore": {"WITHSCORES": "2.0.0"},
}


def name_of(command: str, outline: str, otherwise: str, repeats: int = 1) -> str:
    """The name of the part with this outline, `repeats` times met in its command."""
    own = _OWN.get(command, {})
    if repeats > 1 and f"{outline} {repeats}" in own:
        return own[f"{outline} {repeats}"]
    return own.get(outline) or _COMMON.get(outline, otherwise)


def since_of(command: str, outline: str) -> str:
    """The version that brought the part, if it is younger than its command."""
    return SINCE.get(command, {}).get(outline, "")
