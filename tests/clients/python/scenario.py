"""The scenario with redis-py or valkey-py: `scenario.py CLIENT PORT PROTOCOL SECTION…`.

coredis has another interface and a program of its own, coredis_scenario.py.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import report
from data_types import DataTypes
from report import say

ALL_BYTES = bytes(range(256))


class Scenario(DataTypes):
    """What is not about one type of data, and the newer types."""

    def __init__(self, module: Any, port: int, protocol: int) -> None:
        self.module = module
        factory = getattr(module, "Redis", None) or module.Valkey
        self.connect: Callable[..., Any] = lambda **more: factory(
            host="127.0.0.1", port=port, protocol=protocol, **more
        )
        self.client = self.connect(client_name="scenario")

    def server(self) -> None:
        do = self.do
        do("ping")
        do("echo", "hello")
        do("flushall")
        do("client_getname")
        do("client_setname", "other")
        say(
            "client_info",
            {
                k: self.client.client_info()[k]
                for k in ("name", "db", "resp")
                if k in self.client.client_info()
            },
        )
        do("config_set", "maxmemory-samples", 7)
        do("config_get", "maxmemory-s*")
        do("config_set", "maxmemory-samples", 5)
        do("dbsize")
        say("info", sorted(set(self.client.info("clients")) & {"connected_clients", "maxclients"}))
        say("time", [type(part).__name__ for part in self.client.time()])
        do("command_getkeys", "MSET", "a", 1, "b", 2)
        with self.connect(db=3) as third:
            do("set", "k", "in 3", on=third)
            do("move", "k", 0, on=third)
            do("get", "k")
            do("swapdb", 0, 3)
            do("get", "k", on=third)
            do("flushdb", on=third)
        do("get", "k")

    def strings(self) -> None:
        do = self.do
        do("set", "s", "value")
        do("set", "s", "other", nx=True)
        do("set", "s", "third", get=True, ex=100)
        do("get", "s")
        do("ttl", "s")
        do("get", "missing")
        do("append", "s", "!")
        do("strlen", "s")
        do("getrange", "s", 1, -2)
        do("setrange", "s", 8, "padded")
        do("get", "s")
        do("incr", "n")
        do("incrby", "n", 41)
        do("decr", "n")
        do("decrby", "n", 1)
        do("incrbyfloat", "f", 1.25)
        do("mset", {"a": 1, "b": 2})
        do("mget", "a", "missing", "b")
        do("msetnx", {"a": 3, "c": 4})
        do("getdel", "a")
        do("getex", "b", ex=50)
        do("ttl", "b")
        do("getset", "b", "new")
        do("execute_command", "PSETEX", "e", 30000, "v")
        do("setnx", "e", "v")
        do("lcs", "s", "b")
        do("set", "s", "v", keepttl=True, xx=True)
        do("ttl", "s")

    def binary(self) -> None:
        do = self.do
        do("set", ALL_BYTES, ALL_BYTES)
        do("get", ALL_BYTES)
        do("set", "", "")
        do("get", "")
        do("set", "crlf", "a\r\nb\r\n")
        do("get", "crlf")
        do("set", "big", ALL_BYTES * 4096)
        do("get", "big")
        do("hset", "h", mapping={ALL_BYTES: b"\0\r\n", b"": ALL_BYTES})
        do("hgetall", "h")
        do("rpush", "l", ALL_BYTES, "", "\0")
        do("lrange", "l", 0, -1)
        do("set", "utf8", "grüße €")
        do("get", "utf8")

    def keys(self) -> None:
        do = self.do
        do("set", "k", "v")
        do("exists", "k", "k", "none")
        do("type", "k")
        do("object", "encoding", "k")
        do("object", "refcount", "none")
        do("expire", "k", 100)
        do("expire", "k", 50, gt=True)
        do("ttl", "k")
        do("persist", "k")
        do("pttl", "k")
        do("pttl", "none")
        do("pexpireat", "k", 99999999999000)
        do("expiretime", "k")
        do("pexpiretime", "k")
        do("rename", "k", "k2")
        do("renamenx", "k2", "k3")
        do("rename", "none", "k")
        do("copy", "k3", "k4")
        do("touch", "k3", "k4", "none")
        do("keys", "k3*")
        dumped = self.client.dump("k3")
        do("restore", "k5", 0, dumped)
        do("restore", "k5", 0, dumped)
        do("get", "k5")
        do("delete", "k3", "k4", "none")
        do("unlink", "k5")
        do("randomkey")
        do("dbsize")
        do("rpush", "l", 3, 1, 2)
        do("sort", "l")
        do("sort", "l", desc=True, alpha=True, start=0, num=2)
        do("sort", "l", by="w_*", get=["#", "v_*"], groups=True)
        do("sort", "l", store="sorted")
        do("lrange", "sorted", 0, -1)

    def errors(self) -> None:
        do = self.do
        do("set", "s", "text")
        do("lpush", "s", "x")
        do("incr", "s")
        do("execute_command", "NOSUCH", "a", "b")
        do("execute_command", "GET")
        do("execute_command", "CLIENT", "NOSUCH")
        do("execute_command", "CONFIG", "SET", "nosuch", "1")
        do("setrange", "s", -1, "x")
        do("execute_command", "SET", "s", "v", "EX", "0")
        do("execute_command", "SELECT", "9999")
        do("object", "encoding", "none")
        do("ping")

    def pipeline(self) -> None:
        pipe = self.client.pipeline(transaction=False)
        for number in range(1000):
            pipe.set(f"p:{number}", number).incr(f"p:{number}").get(f"p:{number}")
        say("pipeline", pipe.execute())
        pipe.set("p", "v").lpush("p", "x").hgetall("none").smembers("none")
        say("pipeline with an error", pipe.execute(raise_on_error=False))

    def transactions(self) -> None:
        module, client = self.module, self.client
        pipe = client.pipeline()
        say("exec", pipe.set("t", 1).incr("t").zadd("z", {"m": 1.5}).zscore("z", "m").execute())
        say("exec with an error", pipe.set("t", "v").incr("t").get("t").execute(False))
        pipe.watch("t")
        client.set("t", "changed")
        pipe.multi()
        pipe.set("t", "lost")
        try:
            say("watch", pipe.execute())
        except module.WatchError as error:
            say("watch", error)
        pipe.watch("t")
        pipe.unwatch()
        pipe.multi()
        say("unwatched", pipe.get("t").execute())
        pipe.execute_command("SET", "t")
        try:
            say("refused", pipe.execute())
        except module.ResponseError as error:
            say("refused", error)
        say("transaction", client.transaction(lambda p: (p.multi(), p.get("t")), "t"))
        say("empty", client.pipeline().execute())

    def pubsub(self) -> None:
        with self.client.pubsub() as listener:
            listener.subscribe("a", "b")
            listener.psubscribe("a*")

            def hear(count: int) -> None:
                for _ in range(count):
                    say("heard", listener.get_message(timeout=20))

            hear(3)
            self.do("publish", "a", "to both")
            hear(2)
            self.do("publish", "b", ALL_BYTES)
            hear(1)
            self.do("publish", "nobody", "x")
            say("pubsub_channels", sorted(self.client.pubsub_channels()))
            self.do("pubsub_numsub", "a", "b", "c")
            self.do("pubsub_numpat")
            listener.ping("still there")
            hear(1)
            listener.unsubscribe("a")
            listener.punsubscribe()
            hear(2)
            listener.unsubscribe()
            hear(1)
        with self.client.pubsub() as shards:
            shards.ssubscribe("s")
            say("heard", shards.get_message(timeout=20))
            self.do("spublish", "s", "sharded") if hasattr(self.client, "spublish") else None
            say("heard", shards.get_sharded_message(timeout=20))
        self.do("config_set", "notify-keyspace-events", "KEA")
        with self.client.pubsub() as events:
            events.psubscribe("__key*__:*")
            say("heard", events.get_message(timeout=20))
            self.client.set("e", "v", ex=100)
            for _ in range(4):
                say("heard", events.get_message(timeout=20))
        self.do("config_set", "notify-keyspace-events", "")

    def while_waiting(
        self, method: str, *arguments: Any, then: Callable[[Any], Any], **named: Any
    ) -> None:
        """Calls a method that waits, and once it does `then` from another connection."""

        def wake() -> None:
            with self.connect() as other:
                while other.info("clients")["blocked_clients"] == 0:
                    time.sleep(0.001)
                then(other)

        thread = threading.Thread(target=wake)
        thread.start()
        self.do(method, *arguments, **named)
        thread.join()

    def blocking(self) -> None:
        do = self.do
        do("rpush", "l", "a")
        do("blpop", ["none", "l"], 1)
        do("blpop", ["none", "l"], 0.05)
        self.while_waiting("blpop", ["l", "m"], 20, then=lambda other: other.rpush("m", "x", "y"))
        self.while_waiting("brpop", "l", 0, then=lambda other: other.rpush("l", "1", "2"))
        self.while_waiting(
            "blmove", "q", "r", 20, "LEFT", "RIGHT", then=lambda other: other.lpush("q", "moved")
        )
        self.while_waiting("brpoplpush", "q", "r", 20, then=lambda other: other.lpush("q", "m"))
        self.while_waiting("bzpopmin", ["z"], 20, then=lambda other: other.zadd("z", {"m": 1.5}))
        self.while_waiting("bzpopmax", ["z"], 20, then=lambda other: other.zadd("z", {"m": 2}))
        self.while_waiting(
            "blmpop",
            20,
            2,
            "o",
            "n",
            direction="LEFT",
            count=2,
            then=lambda other: other.rpush("n", "p", "q"),
        )
        self.while_waiting(
            "bzmpop", 20, 1, ["z"], min=True, then=lambda other: other.zadd("z", {"m": 3})
        )
        do("bzpopmin", ["none"], 0.05)
        do("lrange", "r", 0, -1)

    def scan(self) -> None:
        client = self.client
        client.mset({f"scan:{number}": number for number in range(1000)})
        client.hset("scan:h", mapping={f"f{number}": number for number in range(1000)})
        client.sadd("scan:s", *range(1000))
        client.zadd("scan:z", {f"m{number}": number for number in range(1000)})
        say("scan", set(client.scan_iter("scan:*", count=50)))
        say("scan type", set(client.scan_iter("scan:*", _type="hash")))
        say("hscan", sorted(client.hscan_iter("scan:h", match="f9*")))
        say("sscan", set(client.sscan_iter("scan:s", count=100)))
        say("zscan", sorted(client.zscan_iter("scan:z", match="m99*")))

    def streams(self) -> None:
        do = self.do
        for number in range(1, 6):
            do("xadd", "x", {"n": number, "b": ALL_BYTES}, id=f"{number}-1")
        do("xadd", "x", {"n": 0}, id="1-1")
        do("xadd", "none", {"n": 0}, nomkstream=True)
        do("xlen", "x")
        do("xrange", "x", "2", "4", count=2)
        do("xrevrange", "x", count=1)
        do("xread", {"x": "3-1", "none": "0"}, count=1)
        do("xread", {"x": "$"}, block=20)
        do("xgroup_create", "x", "g", id="0")
        do("xgroup_create", "x", "g", id="0")
        do("xgroup_create", "y", "g", mkstream=True)
        do("xreadgroup", "g", "ann", {"x": ">"}, count=3)
        do("xack", "x", "g", "1-1")
        do("xpending", "x", "g")
        say(
            "xpending_range",
            [
                [p["message_id"], p["consumer"], p["times_delivered"]]
                for p in self.client.xpending_range("x", "g", "-", "+", 10)
            ],
        )
        do("xclaim", "x", "g", "bob", 0, ["2-1"])
        do("xautoclaim", "x", "g", "bob", 0, count=10)
        do("xreadgroup", "g", "bob", {"x": "0"})
        do("xreadgroup", "none", "bob", {"x": ">"})
        do("xdel", "x", "2-1")
        do("xtrim", "x", maxlen=3, approximate=False)
        do("xinfo_stream", "x")
        say("xinfo_groups", self.client.xinfo_groups("x"))
        do("xgroup_delconsumer", "x", "g", "bob")
        do("xgroup_setid", "x", "g", "0")
        do("xgroup_destroy", "x", "g")
        self.while_waiting(
            "xread",
            {"y": "$"},
            None,
            20_000,
            then=lambda other: other.xadd("y", {"k": "v"}, id="9-9"),
        )
        do("xreadgroup", "g", "ann", {"y": ">"})
        self.while_waiting(
            "xreadgroup",
            "g",
            "ann",
            {"y": ">"},
            None,
            20_000,
            then=lambda other: other.xadd("y", {"k": "w"}, id="9-10"),
        )

    def scripts(self) -> None:
        do = self.do
        do("eval", "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}", 1, "k", "v")
        do("eval", "return redis.call('GET', KEYS[1])", 1, "k")
        do("eval", "return ARGV[1]", 0, ALL_BYTES)
        do("eval", "return redis.call('HGETALL', KEYS[1])", 1, "none")
        do("eval", "return redis.error_reply('MINE words')", 0)
        do("eval", "return redis.call('INCR', KEYS[1])", 1, "k")
        do("eval", "return 3.99", 0)
        do("evalsha", "0" * 40, 0)
        sha = do("script_load", "return #KEYS")
        do("evalsha", sha, 2, "a", "b")
        do("script_exists", sha, "0" * 40)
        do("script_flush")
        script = self.client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        say("script", [script(["n"], [5]), script(["n"], [6])])
        pipe = self.client.pipeline()
        script(["n"], [7], client=pipe)
        say("script in a pipeline", pipe.execute())
        with self.client.lock("lock", timeout=10) as lock:
            say("lock", [lock.owned(), self.client.lock("lock").acquire(blocking=False)])
            say("extend", lock.extend(5))
        do("exists", "lock")


def main(name: str, port: str, protocol: str, *sections: str) -> None:
    scenario = Scenario(importlib.import_module(name), int(port), int(protocol))
    for section in sections:
        report.section = section
        scenario.client.flushall()
        getattr(scenario, section)()


if __name__ == "__main__":
    if sys.argv[1] == "coredis":
        from coredis_scenario import main
    main(*sys.argv[1:])
