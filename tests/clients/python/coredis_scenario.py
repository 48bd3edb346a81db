"""The scenario with coredis, which speaks RESP3 only: scenario.py hands over to `main`."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import coredis
import report
from coredis.tokens import PureToken
from report import say

ALL_BYTES = bytes(range(256))


class Scenario:
    """`do` awaits a method of the client and prints what came back, errors too."""

    def __init__(self, port: int, client: coredis.Redis[bytes]) -> None:
        self.port = port
        self.client = client

    async def do(self, method: str, *arguments: Any, **named: Any) -> Any:
        try:
            reply = await getattr(self.client, method)(*arguments, **named)
        except (coredis.exceptions.RedisError, ValueError) as error:
            reply = error
        say(method, reply)
        return reply

    async def server(self) -> None:
        do = self.do
        await do("ping")
        await do("echo", "hello")
        await do("client_getname")
        await do("client_setname", "other")
        info = await self.client.client_info()
        say("client_info", {key: info[key] for key in ("name", "db", "resp") if key in info})
        await do("config_set", {"maxmemory-samples": 7})
        await do("config_get", ["maxmemory-s*"])
        await do("config_set", {"maxmemory-samples": 5})
        await do("dbsize")
        await do("command_getkeys", "MSET", ["a", 1, "b", 2])
        say("command_info", sorted((await self.client.command_info("GET", "XX")).keys(), key=str))
        say("slowlog", type(await self.client.slowlog_get()).__name__)

    async def strings(self) -> None:
        do = self.do
        await do("set", "s", "value")
        await do("set", "s", "other", condition=PureToken.NX)
        await do("set", "s", "third", get=True, ex=100)
        await do("get", "s")
        await do("ttl", "s")
        await do("append", "s", "!")
        await do("getrange", "s", 1, -2)
        await do("incr", "n")
        await do("incrby", "n", 41)
        await do("incrbyfloat", "f", 1.25)
        await do("mset", {"a": 1, "b": 2})
        await do("mget", ["a", "missing", "b"])
        await do("getdel", "a")
        await do("getex", "b", ex=50)
        await do("lcs", "s", "b", idx=True, withmatchlen=True)

    async def binary(self) -> None:
        do = self.do
        await do("set", ALL_BYTES, ALL_BYTES)
        await do("get", ALL_BYTES)
        await do("set", "big", ALL_BYTES * 4096)
        await do("get", "big")
        await do("hset", "h", {ALL_BYTES: b"\0\r\n", b"": ALL_BYTES})
        await do("hgetall", "h")
        await do("rpush", "l", [ALL_BYTES, "", "\0"])
        await do("lrange", "l", 0, -1)

    async def keys(self) -> None:
        do = self.do
        await do("set", "k", "v")
        await do("exists", ["k", "none"])
        await do("type", "k")
        await do("object_encoding", "k")
        await do("expire", "k", 100)
        await do("expire", "k", 50, condition=PureToken.GT)
        await do("persist", "k")
        await do("pttl", "k")
        await do("pexpireat", "k", 99999999999000)
        await do("expiretime", "k")
        await do("copy", "k", "k2")
        await do("rename", "k", "k3")
        await do("rename", "none", "k3")
        await do("delete", ["k2", "k3", "none"])
        await do("rpush", "l", [3, 1, 2])
        await do("sort", "l", order=PureToken.DESC)
        await do("sort", "l", gets=["#", "v_*"])

    async def hashes(self) -> None:
        do = self.do
        await do("hset", "h", {"f": "v", "a": 1, "b": 2.5})
        await do("hmget", "h", ["a", "none"])
        await do("hgetall", "h")
        await do("hincrbyfloat", "h", "b", 0.25)
        await do("hdel", "h", ["f", "none"])
        await do("hkeys", "h")
        await do("hvals", "h")
        await do("hrandfield", "h", count=2, withvalues=True)
        await do("hrandfield", "none")

    async def lists(self) -> None:
        do = self.do
        left, right = PureToken.LEFT, PureToken.RIGHT
        await do("rpush", "l", ["a", "b", "c", "d", "b"])
        await do("lpush", "l", ["z"])
        await do("lrange", "l", 0, -1)
        await do("lpos", "l", "b")
        await do("lpos", "l", "b", count=0)
        await do("linsert", "l", PureToken.BEFORE, "c", "bc")
        await do("lset", "l", 99, "y")
        await do("lmove", "l", "m", left, right)
        await do("lmpop", ["none", "l"], left, count=2)
        await do("lmpop", ["none"], left)
        await do("lpop", "l", 2)
        await do("lpop", "none")

    async def sets(self) -> None:
        do = self.do
        await do("sadd", "s", ["a", "b", "c", "a"])
        await do("sadd", "t", ["b", "c", "d"])
        await do("smembers", "s")
        await do("smismember", "s", ["a", "none"])
        await do("sinter", ["s", "t"])
        await do("sdiff", ["s", "t"])
        await do("sintercard", ["s", "t"], limit=1)
        await do("srandmember", "none", 2)
        await do("spop", "none")

    async def sorted_sets(self) -> None:
        do = self.do
        await do("zadd", "z", {"a": 1, "b": 2.5, "c": 3})
        await do("zadd", "z", {"a": 5}, comparison=PureToken.GT, change=True)
        await do("zadd", "z", {"a": 1}, increment=True)
        await do("zscore", "z", "a")
        await do("zmscore", "z", ["a", "none"])
        await do("zrange", "z", 0, -1, withscores=True)
        await do("zrange", "z", "(2", "+inf", sortby=PureToken.BYSCORE, offset=0, count=1)
        await do("zrank", "z", "none")
        await do("zadd", "lex", dict.fromkeys("abcd", 0))
        await do("zrange", "lex", "[b", "+", sortby=PureToken.BYLEX)
        await do("zunion", ["z", "lex"], withscores=True)
        await do("zinter", ["z", "lex"], aggregate=PureToken.MAX, withscores=True)
        await do("zdiff", ["z", "lex"], withscores=True)
        await do("zmpop", ["none", "z"], PureToken.MIN, count=1)
        await do("zmpop", ["none"], PureToken.MAX)
        await do("zpopmin", "z")
        await do("zpopmax", "z", 2)
        await do("zadd", "inf", {"m": float("-inf"), "p": float("inf"), "t": 1e300, "s": 0.1})
        await do("zrange", "inf", 0, -1, withscores=True)

    async def bits(self) -> None:
        do = self.do
        await do("setbit", "b", 7, 1)
        await do("bitcount", "b")
        await do("bitop", ["b"], "NOT", "nb")
        field = self.client.bitfield("b").set("u8", 0, 200).overflow("FAIL")
        say("bitfield", await field.incrby("u8", 0, 100).get("i4", 4).exc())
        await do("pfadd", "p", *map(str, range(100)))
        await do("pfcount", ["p"])
        await do("geoadd", "g", [(13.361389, 38.115556, "Palermo"), (15.087, 37.502, "Catania")])
        await do("geopos", "g", ["Palermo", "none"])
        await do("geodist", "g", "Palermo", "Catania", PureToken.KM)
        await do(
            "geosearch",
            "g",
            longitude=15,
            latitude=37,
            radius=200,
            circle_unit=PureToken.KM,
            order=PureToken.ASC,
            withcoord=True,
            withdist=True,
            withhash=True,
        )

    async def errors(self) -> None:
        do = self.do
        await do("set", "s", "text")
        await do("lpush", "s", ["x"])
        await do("incr", "s")
        await do("object_encoding", "none")
        await do("config_set", {"nosuch": 1})

    async def pipeline(self) -> None:
        async with self.client.pipeline(transaction=False) as pipe:
            for number in range(1000):
                pipe.set(f"p:{number}", number)
                pipe.incr(f"p:{number}")
                pipe.get(f"p:{number}")
        say("pipeline", pipe.results)
        async with self.client.pipeline(transaction=False, raise_on_error=False) as pipe:
            pipe.set("p", "v")
            pipe.lpush("p", ["x"])
            pipe.hgetall("none")
            pipe.smembers("none")
        say("pipeline with an error", pipe.results)

    async def transactions(self) -> None:
        async with self.client.pipeline() as pipe:
            pipe.set("t", 1)
            pipe.incr("t")
            pipe.zadd("z", {"m": 1.5})
            pipe.zscore("z", "m")
        say("exec", pipe.results)
        async with self.client.pipeline(raise_on_error=False) as pipe:
            pipe.set("t", "v")
            pipe.incr("t")
            pipe.get("t")
        say("exec with an error", pipe.results)
        try:
            async with self.client.pipeline() as pipe, pipe.watch("t"):
                await self.client.set("t", "changed")
                pipe.set("t", "lost")
            say("watch", pipe.results)
        except coredis.exceptions.WatchError as error:
            say("watch", type(error).__name__)
        await self.do("get", "t")

    async def pubsub(self) -> None:
        async with self.client.pubsub(channels=["a"], patterns=["a*"]) as listener:
            say("heard", [await listener.get_message(timeout=20) for _ in range(2)])
            await self.do("publish", "a", ALL_BYTES)
            say("heard", [await listener.get_message(timeout=20) for _ in range(2)])
            await self.do("pubsub_numsub", "a", "b")
            await listener.unsubscribe("a")
            say("heard", await listener.get_message(timeout=20))

    async def while_waiting(
        self, method: str, *arguments: Any, then: Callable[[Any], Awaitable[Any]]
    ) -> None:
        """Calls a method that waits, and once it does `then` from another connection."""

        async def wake() -> None:
            async with coredis.Redis(port=self.port) as other:
                while (await other.info("clients"))["blocked_clients"] == 0:
                    await asyncio.sleep(0.001)
                await then(other)

        await asyncio.gather(self.do(method, *arguments), wake())

    async def blocking(self) -> None:
        left, right = PureToken.LEFT, PureToken.RIGHT
        await self.do("blpop", ["none"], 0.05)
        await self.while_waiting("blpop", ["l", "m"], 20, then=lambda o: o.rpush("m", ["x", "y"]))
        await self.while_waiting(
            "blmove", "q", "r", left, right, 20, then=lambda o: o.lpush("q", ["moved"])
        )
        await self.while_waiting("bzpopmin", ["z"], 20, then=lambda o: o.zadd("z", {"m": 1.5}))
        await self.while_waiting(
            "blmpop", ["o", "n"], 20, left, then=lambda o: o.rpush("n", ["p", "q"])
        )
        await self.while_waiting(
            "bzmpop", ["z"], 20, PureToken.MIN, then=lambda o: o.zadd("z", {"m": 3})
        )

    async def scan(self) -> None:
        client = self.client
        await client.mset({f"scan:{number}": number for number in range(1000)})
        await client.hset("scan:h", {f"f{number}": number for number in range(1000)})
        await client.sadd("scan:s", list(range(1000)))
        await client.zadd("scan:z", {f"m{number}": number for number in range(1000)})
        say("scan", {key async for key in client.scan_iter("scan:*", count=50)})
        say("scan type", {key async for key in client.scan_iter("scan:*", type_="hash")})
        say("hscan", sorted([item async for item in client.hscan_iter("scan:h", match="f9*")]))
        say("sscan", {item async for item in client.sscan_iter("scan:s", count=100)})
        say("zscan", sorted([item async for item in client.zscan_iter("scan:z", match="m99*")]))

    async def streams(self) -> None:
        do = self.do
        for number in range(1, 6):
            await do("xadd", "x", {"n": number, "b": ALL_BYTES}, identifier=f"{number}-1")
        await do("xadd", "x", {"n": 0}, identifier="1-1")
        await do("xrange", "x", start="2", end="4", count=2)
        await do("xread", {"x": "3-1", "none": "0"}, count=1)
        await do("xread", {"x": "$"}, block=20)
        await do("xgroup_create", "x", "g", identifier="0")
        await do("xgroup_create", "x", "g", identifier="0")
        await do("xreadgroup", "g", "ann", {"x": ">"}, count=3)
        await do("xack", "x", "g", ["1-1"])
        await do("xpending", "x", "g")
        await do("xclaim", "x", "g", "bob", 0, ["2-1"])
        await do("xautoclaim", "x", "g", "bob", 0, "0")
        await do("xinfo_groups", "x")
        await do("xinfo_stream", "x")
        await do("xtrim", "x", PureToken.MAXLEN, 2)
        await do("xgroup_destroy", "x", "g")
        await do("xgroup_create", "y", "g", identifier="$", mkstream=True)
        await do("xreadgroup", "g", "ann", {"y": ">"})
        await self.while_waiting(
            *("xreadgroup", "g", "ann", {"y": ">"}, None, 20_000),
            then=lambda other: other.xadd("y", {"k": "w"}, identifier="9-10"),
        )

    async def scripts(self) -> None:
        do = self.do
        await do(
            "eval", "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}", ["k"], ["v"]
        )
        await do("eval", "redis.setresp(3) return redis.call('HGETALL', KEYS[1])", ["none"])
        await do("eval", "return redis.error_reply('MINE words')")
        await do("evalsha", "0" * 40)
        sha = await do("script_load", "return #KEYS")
        await do("evalsha", sha, ["a", "b"])
        await do("script_exists", [sha, "0" * 40])
        script = self.client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        say("script", [await script(["n"], [5]), await script(["n"], [6])])


async def play(port: int, sections: tuple[str, ...]) -> None:
    async with coredis.Redis(port=port, client_name="scenario") as client:
        scenario = Scenario(port, client)
        for section in sections:
            report.section = section
            await client.flushall()
            await getattr(scenario, section)()


def main(_name: str, port: str, _protocol: str, *sections: str) -> None:
    warnings.simplefilter("ignore")
    asyncio.run(play(int(port), sections))
