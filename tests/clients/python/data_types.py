"""The parts of the scenario about types of data, for redis-py and valkey-py."""

from __future__ import annotations

from typing import Any

from report import say

#: Their replies have no order, also where a client makes lists of them.
UNORDERED = {"smembers", "sinter", "sunion", "sdiff"}


class DataTypes:
    """`do` calls a method of the client and prints what came back, errors too."""

    module: Any
    client: Any

    def do(self, method: str, *arguments: Any, on: Any = None, **named: Any) -> Any:
        try:
            reply = getattr(on or self.client, method)(*arguments, **named)
        except self.module.RedisError as error:
            reply = error
        say(method, sorted(reply) if method in UNORDERED else reply)
        return reply

    def hashes(self) -> None:
        do = self.do
        do("hset", "h", "f", "v")
        do("hset", "h", mapping={"a": 1, "b": 2.5})
        do("hget", "h", "f")
        do("hmget", "h", ["a", "none"])
        do("hgetall", "h")
        do("hgetall", "none")
        do("hincrby", "h", "a", 9)
        do("hincrbyfloat", "h", "b", 0.25)
        do("hdel", "h", "f", "none")
        do("hexists", "h", "a")
        do("hlen", "h")
        do("hstrlen", "h", "b")
        do("hkeys", "h")
        do("hvals", "h")
        do("hsetnx", "h", "a", 0)
        do("hrandfield", "h", 2, withvalues=True)
        do("hrandfield", "none")

    def lists(self) -> None:
        do = self.do
        do("rpush", "l", "a", "b", "c", "d", "b")
        do("lpush", "l", "z")
        do("lpushx", "none", "z")
        do("llen", "l")
        do("lrange", "l", 0, -1)
        do("lindex", "l", -1)
        do("lindex", "l", 99)
        do("lpos", "l", "b")
        do("lpos", "l", "b", count=0)
        do("lpos", "l", "none")
        do("linsert", "l", "before", "c", "bc")
        do("lset", "l", 0, "y")
        do("lset", "l", 99, "y")
        do("lrem", "l", -1, "b")
        do("lmove", "l", "m", "LEFT", "RIGHT")
        do("rpoplpush", "l", "m")
        do("lmpop", 2, "none", "l", direction="LEFT", count=2)
        do("lmpop", 1, "none", direction="LEFT")
        do("lpop", "l")
        do("rpop", "l", 5)
        do("lpop", "l")
        do("lpop", "l", 2)
        do("ltrim", "m", 0, 0)
        do("lrange", "m", 0, -1)

    def sets(self) -> None:
        do = self.do
        do("sadd", "s", "a", "b", "c", "a")
        do("sadd", "t", "b", "c", "d")
        do("smembers", "s")
        do("smembers", "none")
        do("scard", "s")
        do("sismember", "s", "a")
        do("smismember", "s", ["a", "none"])
        do("sinter", "s", "t")
        do("sunion", "s", "t")
        do("sdiff", "s", "t")
        do("sintercard", 2, ["s", "t"], limit=1)
        do("sinterstore", "u", "s", "t")
        do("smove", "s", "t", "a")
        do("srem", "t", "d", "none")
        say("spop", sorted([self.client.spop("u"), self.client.spop("u")]))
        do("spop", "u")
        do("spop", "u", 2)
        do("srandmember", "u")
        do("srandmember", "none", 2)

    def sorted_sets(self) -> None:
        do = self.do
        do("zadd", "z", {"a": 1, "b": 2.5, "c": 3})
        do("zadd", "z", {"a": 5}, gt=True, ch=True)
        do("zadd", "z", {"a": 1}, incr=True)
        do("zadd", "z", {"a": 1}, incr=True, xx=True, lt=True)
        do("zincrby", "z", 0.5, "b")
        do("zscore", "z", "a")
        do("zscore", "z", "none")
        do("zmscore", "z", ["a", "none"])
        do("zrange", "z", 0, -1, withscores=True)
        do("zrange", "z", "(2", "+inf", byscore=True, offset=0, num=1)
        do("zrevrange", "z", 0, 0, withscores=True)
        do("zrangebyscore", "z", "-inf", 3, withscores=True)
        do("zrank", "z", "b")
        do("zrank", "z", "none")
        do("zrevrank", "z", "b")
        do("zcount", "z", "-inf", "(3")
        do("zadd", "lex", dict.fromkeys("abcd", 0))
        do("zrangebylex", "lex", "[b", "+")
        do("zlexcount", "lex", "-", "(c")
        do("zremrangebylex", "lex", "[a", "[b")
        do("zunion", ["z", "lex"], withscores=True)
        do("zinter", ["z", "lex"])
        do("zinter", ["z", "lex"], aggregate="MAX", withscores=True)
        do("zdiff", ["z", "lex"], withscores=True)
        do("zintercard", 2, ["z", "lex"])
        do("zunionstore", "u", {"z": 2, "lex": 3})
        do("zrangestore", "r", "u", 0, 1)
        do("zmpop", 2, ["none", "u"], min=True, count=2)
        do("zmpop", 1, ["none"], max=True)
        do("zpopmin", "z")
        do("zpopmax", "z", 2)
        do("zpopmin", "z")
        do("zadd", "inf", {"m": "-inf", "p": "+inf", "t": 1e300, "s": 0.1})
        do("zrange", "inf", 0, -1, withscores=True)

    def bits(self) -> None:
        do = self.do
        do("setbit", "b", 7, 1)
        do("getbit", "b", 7)
        do("bitcount", "b")
        do("bitpos", "b", 1)
        do("bitop", "NOT", "nb", "b")
        say(
            "bitfield",
            self.client.bitfield("b").set("u8", 0, 200).incrby("u8", 0, 100).get("i4", 4).execute(),
        )
        say("bitfield fail", self.client.bitfield("b", "FAIL").incrby("u8", 0, 250).execute())
        do("pfadd", "p", *range(100))
        do("pfcount", "p")
        do("pfmerge", "q", "p")
        do("geoadd", "g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
        do("geodist", "g", "Palermo", "Catania", unit="km")
        do("geopos", "g", "Palermo", "none")
        do("geohash", "g", "Palermo", "none")
        do(
            "geosearch",
            "g",
            longitude=15,
            latitude=37,
            radius=200,
            unit="km",
            sort="ASC",
            withcoord=True,
            withdist=True,
            withhash=True,
        )
        do("geosearch", "g", member="Palermo", width=10, height=10, unit="km")
