"""Random Lua for scripts and functions: short programs that end, and mean little.

    local a = {1,"x",{ok="fine"}} local b = redis.pcall('INCRBY',KEYS[1],2.5) return {a,b}

Nothing in them depends on time, on addresses or on the order of a table's hash part. A program
may fail anywhere: what it had done until then, and the words of the error with its line,
are part of what is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Source = Callable[[Random, int], str]

_NUMBERS = (
    *"0 1 -1 2 3 7 10 255 256 65536 1e15 1e16 -1e17 2^31 2^53 -2^63 2^64 0.1 1.5 -2.25".split(),
    "1e100",
    *("1/0", "-1/0", "0/0", "3.99999999", "-0"),
)
_STRINGS = (
    *('""', '"a"', '"b"', '"hello"', '"10"', '"-3"', '"1.5"', '"0x10"', '" 7 "', '"1e3"', '"nan"'),
    *(r'"a\0b"', r'"line\nline"', r'"\255\254"', '"x,y,,z"', '"[1,2]"', '"%d %s"'),
    *('("z"):rep(70)', '"{\\"a\\":[1,null,true]}"', '"ok"', '"err"', '"snowman ☃"'),
)
_KEYS = ("KEYS[1]", "KEYS[2]", "KEYS[9]", "'s1'", "'n1'", "'h1'", "'l1'", "'t1'", "'z1'", "'m1'")
_NAMES = ("a", "b", "c")

_COMMANDS = (
    *(
        "GET {k}",
        "SET {k} {v}",
        "SET {k} {v} NX GET",
        "INCR {k}",
        "INCRBY {k} {v}",
        "APPEND {k} {v}",
    ),
    *("INCRBYFLOAT {k} {v}", "MGET {k} {k}", "DEL {k}", "EXISTS {k} {k}", "TYPE {k}", "STRLEN {k}"),
    *("HSET {k} f {v}", "HGET {k} f", "HMGET {k} f g", "HGETALL {k}", "HINCRBY {k} n {v}"),
    *(
        "LPUSH {k} {v} {v}",
        "RPUSH {k} {v}",
        "LRANGE {k} 0 -1",
        "LPOP {k}",
        "LPOP {k} 2",
        "LLEN {k}",
    ),
    *("SADD {k} {v}", "SISMEMBER {k} {v}", "SCARD {k}", "SMISMEMBER {k} {v} a", "SREM {k} {v}"),
    *("ZADD {k} 1.5 {v}", "ZSCORE {k} {v}", "ZRANGE {k} 0 -1 WITHSCORES", "ZINCRBY {k} {v} a"),
    *("ZMSCORE {k} a {v}", "ZRANK {k} a WITHSCORE", "EXPIRE {k} 5000", "PERSIST {k}", "ECHO {v}"),
    *(
        "SETRANGE {k} 3 {v}",
        "BITCOUNT {k}",
        "RENAME {k} {k}",
        "PING",
        "PING {v}",
    ),
    # What is wrong. What scripts may not call is refused in words that name the product.
    *("NOSUCH {v}",),
    *(
        "GET",
        "GET {k} {k}",
        "SET {k}",
        "SELECT 1",
        "SELECT {v}",
        "{v}",
    ),
    *("DBSIZE", "FLUSHDB"),
)

_UNARY = (
    *("tonumber({})", "type({})", "#({})", "-({})", "not ({})", "math.floor({})"),
    *("math.abs({})", "math.sqrt({})", "string.len({})", "string.upper({})", "string.reverse({})"),
    *("string.byte({})", "redis.sha1hex({})", "redis.error_reply({})", "redis.status_reply({})"),
    *("cjson.encode({})", "cjson.decode({})", "cmsgpack.pack({})", "cmsgpack.unpack({})"),
    *("cmsgpack.unpack(cmsgpack.pack({}))", "cjson.decode(cjson.encode({}))", "bit.tohex({})"),
    *("bit.bnot({})", "bit.bswap({})", "bit.tobit({})", "struct.size({})", "unpack({})", "({})[1]"),
    *("({}).a", "({}).err", "({}).ok", "{{ok={}}}", "{{err={}}}", "{{double={}}}", "{{map={}}}"),
    *("{{set={}}}", "{{big_number={}}}", "{{verbatim_string={}}}", "select('#',{})", "next({})"),
    *("table.concat({})", "table.getn({})", "table.maxn({})"),
    *(
        "redis.setresp({})",
        "redis.set_repl({})",
        "redis.log({})",
        "redis.breakpoint({})",
        "rawlen({})",
    ),
    *(
        "cjson.encode_max_depth({})",
        "cmsgpack.unpack_one({})",
        "string.char({})",
    ),
    *("assert({})", "error({})", "loadstring({})", "redis.acl_check_cmd({})", "({})()"),
)
_BINARY = (
    *("({}) + ({})", "({}) - ({})", "({}) * ({})", "({}) / ({})", "({}) % ({})", "({}) ^ ({})"),
    *(
        "({}) .. ({})",
        "({}) == ({})",
        "({}) < ({})",
        "({}) <= ({})",
        "({}) and ({})",
        "({}) or ({})",
    ),
    *(
        "bit.band({},{})",
        "bit.bor({},{})",
        "bit.bxor({},{})",
        "bit.lshift({},{})",
        "bit.rol({},{})",
    ),
    *(
        "bit.arshift({},{})",
        "string.rep({},({})==7 and 7 or 3)",
        "string.find({},{})",
        "rawget({},{})",
    ),
    *(
        "string.match({},{})",
        "string.gsub({},{},'<%0>')",
        "string.format({},{})",
        "string.sub({},{})",
    ),
    *("struct.pack({},{})", "struct.unpack({},{})", "math.fmod({},{})", "math.max({},{})"),
    *(
        "table.concat({},{})",
        "math.ldexp({},3)",
        "tonumber({},{})",
        "cmsgpack.pack({},{})",
        "({})[{}]",
    ),
    *("string.byte({},{})", "select({},{})", "rawequal({},{})", "error({},{})", "pcall({},{})"),
    *(
        "setmetatable({},{})",
        "cmsgpack.unpack_limit({},{})",
        "math.pow({},{})",
        "string.rep('x',3,{})",
    ),
)


def expression(rng: Random, depth: int) -> str:
    """Any value, made of others up to `depth`."""
    chance = rng.random()
    if depth <= 0 or chance < 0.25:
        return _plain(rng)
    if chance < 0.45:
        return rng.choice(_UNARY).format(expression(rng, depth - 1))
    if chance < 0.6:
        pair = expression(rng, depth - 1), expression(rng, depth - 1)
        return rng.choice(_BINARY).format(*pair)
    if chance < 0.75:
        return _table(rng, depth)
    return _called(rng, depth)


def _plain(rng: Random) -> str:
    chance = rng.random()
    if chance < 0.3:
        return rng.choice(_NUMBERS)
    if chance < 0.6:
        return rng.choice(_STRINGS)
    if chance < 0.8:
        return rng.choice((*_NAMES, "KEYS", "ARGV", "ARGV[1]", "ARGV[2]", *_KEYS))
    return rng.choice(("nil", "true", "false", "{}", "redis.pcall", "cjson.null", "undefined"))


def _table(rng: Random, depth: int) -> str:
    items = [expression(rng, depth - 1) for _ in range(rng.randrange(4))]
    # One name: with more the order would be the hash part's.
    if rng.random() < 0.25:
        name = rng.choice(("a", "ok", "err", "map", "set", "double", "format", "string"))
        items.append(f"{name}={expression(rng, depth - 1)}")
    return "{" + ",".join(items) + "}"


def _called(rng: Random, depth: int) -> str:
    how = rng.choice(("redis.call", "redis.pcall", "redis.pcall", "server.pcall"))
    words = []
    for word in rng.choice(_COMMANDS).split():
        if word == "{k}":
            words.append(rng.choice(_KEYS))
        elif word == "{v}":
            words.append(expression(rng, min(depth - 1, 1)))
        else:
            words.append(f"'{word}'")
    return f"{how}({','.join(words)})"


def _statement(rng: Random) -> str:
    value = expression(rng, 3)
    name = rng.choice(_NAMES)
    shapes = (
        *(f"local {name} = {value}",) * 5,
        *(_called(rng, 2),) * 3,
        f"if {value} then {name} = {expression(rng, 2)} else {_called(rng, 2)} end",
        f"for i = 1, 3 do {name} = {value} end",
        f"local {name}, e = pcall(function() return {value} end)",
        f"local {name} = {{pcall(function() {_called(rng, 2)} error({value}) end)}}",
        f"table.insert({name}, {value})",
        f"{name}.x = {value}",
        f"local function f(x) return {value}, x end local {name} = f({expression(rng, 1)})",
        f"{name} = coroutine.wrap(function() coroutine.yield({value}) end)()",
        "redis.setresp(3)",
        f"global = {value}",
        f"KEYS[1] = {expression(rng, 1)}",
    )
    return rng.choice(shapes)


def body(rng: Random) -> str:
    """Some statements, on one line or on several, and mostly a return."""
    statements = [f"local a, b, c = {_plain(rng)}, {_plain(rng)}, {{}}"]
    statements += [_statement(rng) for _ in range(rng.randrange(4))]
    if rng.random() < 0.95:
        statements.append(f"return {expression(rng, 3)}")
    return rng.choice((" ", "\n")).join(statements)


_HEADS = (
    *("#!lua\n", "#!lua flags=no-writes\n", "#!lua flags=allow-stale,no-cluster\n"),
    *("#!lua flags=allow-oom\n", "#!lua flags=nosuch\n", "#!python\n", "#!lua name=x\n", "#!\n"),
    *("#!lua flags=\n", "#!lua flags=no-writes,allow-oom\n", "#!lua flags no-writes\n"),
)


def script(rng: Random) -> bytes:
    """A script for EVAL; one in ten says what it is in a first line."""
    head = rng.choice(_HEADS) if rng.random() < 0.1 else ""
    return (head + body(rng)).encode()


def library(rng: Random) -> bytes:
    """A library for FUNCTION LOAD; most register one function or two, under few names."""
    head = f"#!lua name={rng.choice(('lib1', 'lib2', 'lib3'))}"
    if rng.random() < 0.06:
        head = rng.choice(
            ("#!lua", "#!lua name=a b", "#!lua name=", "#!lua name=x-y", "#!js name=x", "")
        )
    parts = [head]
    if rng.random() < 0.15:
        statement = _statement(rng)
        # What only a running script may call ends Valkey 9.1 while it loads.
        if "redis." not in statement and "server." not in statement:
            parts.append(f"local a, b, c = 1, 'x', {{}} {statement}")
    parts += [_registered(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 0)))]
    return "\n".join(parts).encode()


def _registered(rng: Random) -> str:
    # Two names that differ in their case alone crash Valkey 9.1.
    name = rng.choice(("f1", "f2", "f3"))
    function = f"function(KEYS, ARGV) {body(rng)} end"
    if rng.random() < 0.6:
        return f"redis.register_function('{name}', {function})"
    # One mistake at most: which is found first is the hash table's.
    extra = rng.choice(
        (
            *("flags={}", "flags={'no-writes'}", "flags={'allow-oom'}", "flags={'no-cluster'}"),
            *("flags={'no-writes','allow-stale'}", "flags={'nosuch'}", "flags={1}", "flags=1"),
            *("description='what it does'", "description={}", "nosuch=1"),
        )
    )
    table = f"function_name='{name}',callback={function},{extra}"
    return f"redis.register_function{{{table}}}"
