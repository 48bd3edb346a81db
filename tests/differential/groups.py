"""What is compared: a table of syntax lines for each command group.

To have a group tested, add its table. `excluded` says why a command of the group
is not here; `planned` names what ours does not have yet, and a test fails once ours
has it, so that the entry goes away. Lines may be repeated with different options:
each line is equally likely.
"""

from __future__ import annotations

from tests.differential.group import Group as Group
from tests.differential.group import lines
from tests.differential.scripting import FUNCTIONS, SCRIPTS
from tests.differential.values import keys_mostly, words

EXPIRY = "[EX seconds|PX milliseconds|EXAT unixseconds|PXAT unixms|KEEPTTL]"
TOUCHED_EXPIRY = "[EX seconds|PX milliseconds|EXAT unixseconds|PXAT unixms|PERSIST]"
CONDITION = "[NX|XX|GT|LT]"
SORT_OPTIONS = "[BY sortpattern] [LIMIT index count] [GET sortpattern] [ASC|DESC] [ALPHA]"
SET_OPERATION = "[WEIGHTS weight...] [AGGREGATE SUM|AGGREGATE MIN|AGGREGATE MAX]"
GEO_OPTIONS = "[WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]"

_BLOCKS = "waits; compared in tests of blocking"


# Makes the keys that KEYS promises; each sequence starts with some of these.
SETUP = lines("""
    SET s1 value
    SET s2 value
    SET s3 value PXAT 4102444800000
    SET n1 integer
    SET n2 10
    SET f1 float
    HSET h1 (field value)...
    HSET h2 (field integer)...
    RPUSH l1 element...
    RPUSH l2 element...
    SADD t1 member...
    SADD t2 member...
    ZADD z1 (score member)...
    ZADD z2 1 'a' 2 'b' 3 'c'
    XADD x1 1-1 field value
    XADD x2 2-1 field value
    GEOADD g1 13.361389 38.115556 'a' 15.087269 37.502669 'b'
""")

STRINGS = Group(
    "strings",
    "string",
    lines(f"""
    APPEND key value
    DECR key
    DECRBY key integer
    DELIFEQ key value
    GET key
    GETDEL key
    GETEX key {TOUCHED_EXPIRY}
    GETRANGE key index index
    GETSET key value
    INCR key
    INCRBY key integer
    INCRBYFLOAT key float
    LCS key key [LEN] [IDX] [MINMATCHLEN index] [WITHMATCHLEN]
    MGET key...
    MSET (key value)...
    MSETEX numkeys (key value)... [NX|XX] {EXPIRY}
    MSETNX (key value)...
    PSETEX key milliseconds value
    SET key value
    SET key value [NX|XX|IFEQ value] [GET] {EXPIRY}
    SET key integer [NX|XX] [GET] {EXPIRY}
    SETEX key seconds value
    SETNX key value
    SETRANGE key offset value
    STRLEN key
    SUBSTR key index index
    """),
)

KEYS_GROUP = Group(
    "keys",
    "generic",
    lines(f"""
    COPY anykey anykey [DB db] [REPLACE]
    DEL anykey...
    EXISTS anykey...
    EXPIRE anykey seconds {CONDITION}
    EXPIREAT anykey unixseconds {CONDITION}
    EXPIRETIME anykey
    KEYS pattern
    MOVE anykey db
    OBJECT ENCODING anykey
    OBJECT REFCOUNT anykey
    OBJECT FREQ anykey
    OBJECT IDLETIME anykey
    PERSIST anykey
    PEXPIRE anykey milliseconds {CONDITION}
    PEXPIREAT anykey unixms {CONDITION}
    PEXPIRETIME anykey
    PTTL anykey
    RANDOMKEY
    RENAME anykey anykey
    RENAMENX anykey anykey
    SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
    SORT anykey {SORT_OPTIONS} [STORE anykey]
    SORT_RO anykey {SORT_OPTIONS}
    TOUCH anykey...
    TTL anykey
    TYPE anykey
    UNLINK anykey...
    DUMP anykey
    RESTORE anykey milliseconds value [REPLACE] [ABSTTL]
    """),
    excluded={
        "MIGRATE": "needs a second server; compared in tests of replication",
        "WAIT": _BLOCKS,
        "WAITAOF": _BLOCKS,
    },
)

TRANSACTIONS = Group(
    "transactions",
    "transactions",
    lines("""
    MULTI
    MULTI
    MULTI
    EXEC
    EXEC
    EXEC
    EXEC
    DISCARD
    WATCH key...
    WATCH key
    UNWATCH
    """),
    {"key": words("s1 s2 n1 m1 m2")},
    helpers=lines(f"""
    SET key value [NX|XX|IFEQ value] [GET] {EXPIRY}
    SET key value
    GET key
    GETEX key {TOUCHED_EXPIRY}
    GETDEL key
    DEL key...
    INCR key
    APPEND key value
    SETRANGE key offset value
    SETNX key value
    MSETNX (key value)...
    MSETEX numkeys (key value)... {EXPIRY}
    DELIFEQ key value
    EXPIRE key seconds {CONDITION}
    PERSIST key
    RENAME key key
    RENAMENX key key
    COPY key key [DB db] [REPLACE]
    MOVE key db
    TOUCH key
    SELECT db
    SWAPDB db db
    FLUSHDB [ASYNC|SYNC]
    FLUSHALL [ASYNC|SYNC]
    RPUSH key element...
    LPOP key
    PING
    RESET
    NOSUCHCOMMAND key
    GET
    """),
    clients=2,
)

CONNECTION = Group(
    "connection",
    "connection",
    lines("""
    AUTH value
    AUTH user value
    ECHO value
    HELLO [protocol [AUTH user value] [SETNAME value]]
    PING [value]
    RESET
    SELECT db
    """),
    {"user": words("default nobody"), "protocol": words("2 3 4 1 abc 99999999999999999999")},
    excluded={
        "CLIENT": "looks at the process; compared in tests of its own",
        "QUIT": "ends the conversation; compared in tests of the protocol",
    },
    helpers=lines("""
    SET key value
    GET key
    WATCH key
    DBSIZE
    """),
    clients=2,
)

HASHES = Group(
    "hashes",
    "hash",
    lines(f"""
    HDEL key field...
    HEXISTS key field
    HEXPIRE key seconds {CONDITION} FIELDS numfields field...
    HEXPIREAT key unixseconds {CONDITION} FIELDS numfields field...
    HEXPIRETIME key FIELDS numfields field...
    HGET key field
    HGETALL key
    HGETDEL key FIELDS numfields field...
    HGETEX key {TOUCHED_EXPIRY} FIELDS numfields field...
    HINCRBY key field integer
    HINCRBYFLOAT key field float
    HKEYS key
    HLEN key
    HMGET key field...
    HMSET key (field value)...
    HPERSIST key FIELDS numfields field...
    HPEXPIRE key milliseconds {CONDITION} FIELDS numfields field...
    HPEXPIREAT key unixms {CONDITION} FIELDS numfields field...
    HPEXPIRETIME key FIELDS numfields field...
    HPTTL key FIELDS numfields field...
    HRANDFIELD key [count [WITHVALUES]]
    HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
    HSET key (field value)...
    HSETEX key [NX|XX] [FNX|FXX] {EXPIRY} FIELDS numfields (field value)...
    HSETNX key field value
    HSTRLEN key field
    HTTL key FIELDS numfields field...
    HVALS key
    """),
    {"key": keys_mostly("h")},
)

LISTS = Group(
    "lists",
    "list",
    lines("""
    LINDEX key index
    LINSERT key (BEFORE|AFTER) element element
    LLEN key
    LMOVE key key (LEFT|RIGHT) (LEFT|RIGHT)
    LMPOP numkeys key... (LEFT|RIGHT) [COUNT count]
    LPOP key [count]
    LPOS key element [RANK index] [COUNT count] [MAXLEN count]
    LPUSH key element...
    LPUSHX key element...
    LRANGE key index index
    LREM key index element
    LSET key index element
    LTRIM key index index
    RPOP key [count]
    RPOPLPUSH key key
    RPUSH key element...
    RPUSHX key element...
    """),
    {"key": keys_mostly("l")},
    helpers=("OBJECT ENCODING key", "DEL key", "DEL key"),
    excluded=dict.fromkeys(("BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH"), _BLOCKS),
)

SETS = Group(
    "sets",
    "set",
    lines("""
    SADD key member...
    SCARD key
    SDIFF key...
    SDIFFSTORE key key...
    SINTER key...
    SINTERCARD numkeys key... [LIMIT count]
    SINTERSTORE key key...
    SISMEMBER key member
    SMEMBERS key
    SMISMEMBER key member...
    SMOVE key key member
    SRANDMEMBER key [count]
    SREM key member...
    SSCAN key cursor [MATCH pattern] [COUNT count]
    SUNION key...
    SUNIONSTORE key key...
    """),
    {"key": keys_mostly("t")},
    excluded={"SPOP": "removes at random: the states would part; test_sets.py compares it"},
)

SORTED_SETS = Group(
    "sorted_sets",
    "sorted-set",
    lines(f"""
    ZADD key (score member)...
    ZADD key [NX|XX] [GT|LT] [CH] [INCR] (score member)...
    ZCARD key
    ZCOUNT key scorebound scorebound
    ZDIFF numkeys key... [WITHSCORES]
    ZDIFFSTORE key numkeys key...
    ZINCRBY key score member
    ZINTER numkeys key... {SET_OPERATION} [WITHSCORES]
    ZINTERCARD numkeys key... [LIMIT count]
    ZINTERSTORE key numkeys key... {SET_OPERATION}
    ZLEXCOUNT key lexbound lexbound
    ZMPOP numkeys key... (MIN|MAX) [COUNT count]
    ZMSCORE key member...
    ZPOPMAX key [count]
    ZPOPMIN key [count]
    ZRANDMEMBER key [count [WITHSCORES]]
    ZRANGE key index index [REV] [LIMIT index count] [WITHSCORES]
    ZRANGE key scorebound scorebound BYSCORE [REV] [LIMIT index count] [WITHSCORES]
    ZRANGE key lexbound lexbound BYLEX [REV] [LIMIT index count] [WITHSCORES]
    ZRANGEBYLEX key lexbound lexbound [LIMIT index count]
    ZRANGEBYSCORE key scorebound scorebound [WITHSCORES] [LIMIT index count]
    ZRANGESTORE key key index index [REV] [LIMIT index count]
    ZRANGESTORE key key scorebound scorebound BYSCORE [REV] [LIMIT index count]
    ZRANGESTORE key key lexbound lexbound BYLEX [REV] [LIMIT index count]
    ZRANK key member [WITHSCORE]
    ZREM key member...
    ZREMRANGEBYLEX key lexbound lexbound
    ZREMRANGEBYRANK key index index
    ZREMRANGEBYSCORE key scorebound scorebound
    ZREVRANGE key index index [WITHSCORES]
    ZREVRANGEBYLEX key lexbound lexbound [LIMIT index count]
    ZREVRANGEBYSCORE key scorebound scorebound [WITHSCORES] [LIMIT index count]
    ZREVRANK key member [WITHSCORE]
    ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]
    ZSCORE key member
    ZUNION numkeys key... {SET_OPERATION} [WITHSCORES]
    ZUNIONSTORE key numkeys key... {SET_OPERATION}
    """),
    {"key": keys_mostly("z"), "member": words("a b c d e 1 2 3")},
    excluded=dict.fromkeys(("BZMPOP", "BZPOPMAX", "BZPOPMIN"), _BLOCKS),
)

STREAMS = Group(
    "streams",
    "stream",
    lines("""
    XACK key group id...
    XACKDEL key group [KEEPREF|DELREF|ACKED] IDS numkeys id...
    XADD key addid (field value)...
    XADD key [NOMKSTREAM] [(MAXLEN|MINID) [=|~] count [LIMIT count]] addid (field value)...
    XAUTOCLAIM key group consumer idle rangeid [COUNT count] [JUSTID]
    XCLAIM key group consumer idle id... [IDLE idle] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
    XDEL key id...
    XDELEX key [KEEPREF|DELREF|ACKED] IDS numkeys id...
    XGROUP CREATE key group id [MKSTREAM] [ENTRIESREAD count]
    XGROUP CREATECONSUMER key group consumer
    XGROUP DELCONSUMER key group consumer
    XGROUP DESTROY key group
    XGROUP SETID key group id [ENTRIESREAD count]
    XINFO STREAM key
    XINFO GROUPS key
    XINFO CONSUMERS key group
    XLEN key
    XPENDING key group [[IDLE idle] rangeid rangeid count [consumer]]
    XRANGE key rangeid rangeid [COUNT count]
    XREAD [COUNT count] STREAMS key id
    XREAD [COUNT count] STREAMS key key id id
    XREADGROUP GROUP group consumer [COUNT count] [NOACK] STREAMS key >
    XREADGROUP GROUP group consumer [COUNT count] [NOACK] STREAMS key id
    XREVRANGE key rangeid rangeid [COUNT count]
    XSETID key id [ENTRIESADDED count] [MAXDELETEDID id]
    XTRIM key (MAXLEN|MINID) [=|~] count [LIMIT count]
    """),
    {"key": keys_mostly("x")},
)

BITMAPS = Group(
    "bitmaps",
    "bitmap",
    lines("""
    BITCOUNT key [index [index [BYTE|BIT]]]
    BITFIELD key (GET width hashoffset)...
    BITFIELD key [OVERFLOW WRAP|OVERFLOW SAT|OVERFLOW FAIL] (INCRBY width hashoffset integer)...
    BITFIELD key [OVERFLOW WRAP|OVERFLOW SAT|OVERFLOW FAIL] (SET width hashoffset integer)...
    BITFIELD_RO key (GET width hashoffset)...
    BITOP (AND|OR|XOR|NOT) key key...
    BITPOS key bit [index [index [BYTE|BIT]]]
    BITFIELD key (GET width hashoffset|SET width hashoffset integer|OVERFLOW FAIL|OVERFLOW SAT)...
    BITFIELD_RO key (GET width hashoffset|OVERFLOW WRAP|SET width hashoffset integer)...
    GETBIT key bitoffset
    SETBIT key bitoffset bit
    """),
)

BITMAPS_OF_REDIS = Group(
    "bitmaps_of_redis",
    "bitmap",
    lines("""
    BITOP (DIFF|DIFF1|ANDOR|ONE) key key...
    BITOP (DIFF|DIFF1|ANDOR|ONE|AND|OR|XOR|NOT) key key...
    SETBIT key bitoffset bit
    """),
    excluded=dict.fromkeys(
        ("BITCOUNT", "BITFIELD", "BITFIELD_RO", "BITPOS", "GETBIT"), "compared in `bitmaps`"
    ),
    # Redis 8.2 takes hexadecimal scores, which Valkey and we do not.
    setup_kinds={"score": words("1 2 3.5 -1")},
    decided_by="redis82",
)


HYPERLOGLOGS = Group(
    "hyperloglogs",
    "hyperloglog",
    lines("""
    PFADD key [element...]
    PFADD key number...
    PFCOUNT key...
    PFMERGE key [key...]
    PFDEBUG (DECODE|ENCODING|TODENSE|NOSUCH) key
    """),
    {
        "key": keys_mostly("ms", 0.1),
        # Enough different ones for runs of all kinds.
        "number": lambda rng: b"%d" % rng.randrange(100_000),
    },
    # Their bytes are equal, and what only looks like one is refused alike.
    excluded={"PFSELFTEST": "answers OK"},
    helpers=lines("""
    GET key
    GETRANGE key index index
    SET key hyperloglog
    COPY key key REPLACE
    DEL key
    """),
)

GEO = Group(
    "geo",
    "geo",
    lines(f"""
    GEOADD key [NX|XX] [CH] (longitude latitude member)...
    GEODIST key member member [unit]
    GEOHASH key [member...]
    GEOPOS key [member...]
    GEORADIUS key longitude latitude radius unit {GEO_OPTIONS} [STORE key|STOREDIST key]
    GEORADIUS_RO key longitude latitude radius unit {GEO_OPTIONS}
    GEORADIUSBYMEMBER key member radius unit {GEO_OPTIONS} [STORE key|STOREDIST key]
    GEORADIUSBYMEMBER_RO key member radius unit {GEO_OPTIONS}
    GEOSEARCH key FROMMEMBER member BYRADIUS radius unit {GEO_OPTIONS}
    GEOSEARCH key FROMLONLAT longitude latitude BYBOX radius radius unit {GEO_OPTIONS}
    GEOSEARCHSTORE key key FROMMEMBER member BYRADIUS radius unit [COUNT count [ANY]] [STOREDIST]
    """),
    {"key": keys_mostly("g"), "member": words("a b c d")},
)

GROUPS = {
    group.name: group
    for group in (
        STRINGS,
        KEYS_GROUP,
        TRANSACTIONS,
        CONNECTION,
        HASHES,
        LISTS,
        SETS,
        SORTED_SETS,
        STREAMS,
        BITMAPS,
        BITMAPS_OF_REDIS,
        HYPERLOGLOGS,
        GEO,
        SCRIPTS,
        FUNCTIONS,
    )
}
