// The scenario with ioredis, whose methods take what the commands take.
"use strict";

const { Redis } = require("ioredis");
const { ALL_BYTES, inbox, play, say, sorted } = require("./report.js");

const sections = {
  server: async ({ client, call, make }) => {
    await call("ping");
    await call("echo", "hello");
    await call("client", "GETNAME");
    await call("client", "SETNAME", "other");
    await call("config", "SET", "maxmemory-samples", 7);
    await call("config", "GET", "maxmemory-s*");
    await call("config", "SET", "maxmemory-samples", 5);
    await call("dbsize");
    await call("command", "GETKEYS", "MSET", "a", 1, "b", 2);
    say("info", /redis_version:\d/.test(await client.info()));
    say("time", (await client.time()).length);
    const third = await make({ db: 3 });
    say("set", await third.set("k", "in 3"));
    say("move", await third.move("k", 0));
    await call("get", "k");
    await call("swapdb", 0, 3);
    say("get", await third.get("k"));
    say("flushdb", await third.flushdb());
    await third.quit();
  },
  strings: [
    ["set", "s", "value"],
    ["set", "s", "other", "NX"],
    ["set", "s", "third", "EX", 100, "GET"],
    ["get", "s"],
    ["ttl", "s"],
    ["get", "missing"],
    ["append", "s", "!"],
    ["getrange", "s", 1, -2],
    ["setrange", "s", 8, "padded"],
    ["incr", "n"],
    ["incrby", "n", 41],
    ["decr", "n"],
    ["incrbyfloat", "f", 1.25],
    ["mset", { a: 1, b: 2 }],
    ["mget", "a", "missing", "b"],
    ["msetnx", "a", 3, "c", 4],
    ["getdel", "a"],
    ["getex", "b", "EX", 50],
    ["getset", "b", "new"],
    ["setex", "e", 30, "v"],
    ["setnx", "e", "v"],
    ["lcs", "s", "b", "IDX", "WITHMATCHLEN"],
  ],
  binary: [
    ["set", ALL_BYTES, ALL_BYTES],
    ["getBuffer", ALL_BYTES],
    ["set", "", ""],
    ["get", ""],
    ["set", "crlf", "a\r\nb\r\n"],
    ["get", "crlf"],
    ["set", "big", Buffer.concat(Array(4096).fill(ALL_BYTES))],
    ["getBuffer", "big"],
    ["hset", "h", "binary", ALL_BYTES, "", "\0\r\n"],
    ["hgetallBuffer", "h"],
    ["rpush", "l", ALL_BYTES, "", "\0"],
    ["lrangeBuffer", "l", 0, -1],
    ["set", "utf8", "grüße €"],
    ["get", "utf8"],
  ],
  keys: async ({ client, call }) => {
    for (const step of [
      ["set", "k", "v"],
      ["exists", "k", "k", "none"],
      ["type", "k"],
      ["object", "ENCODING", "k"],
      ["object", "REFCOUNT", "none"],
      ["expire", "k", 100],
      ["expire", "k", 50, "GT"],
      ["ttl", "k"],
      ["persist", "k"],
      ["pttl", "none"],
      ["pexpireat", "k", 99999999999000],
      ["expiretime", "k"],
      ["rename", "k", "k2"],
      ["rename", "none", "k"],
      ["copy", "k2", "k4"],
      ["keys", "k*"],
      ["del", "k2", "none"],
      ["unlink", "k4"],
      ["randomkey"],
      ["rpush", "l", 3, 1, 2],
      ["sort", "l"],
      ["sort", "l", "BY", "w_*", "GET", "#", "GET", "v_*"],
      ["sort", "l", "DESC", "ALPHA", "STORE", "sorted"],
      ["lrange", "sorted", 0, -1],
      ["set", "d", ALL_BYTES],
    ])
      await call(...step);
    const dumped = await client.dumpBuffer("d");
    await call("restore", "e", 0, dumped);
    await call("restore", "e", 0, dumped);
    await call("getBuffer", "e");
  },
  hashes: [
    ["hset", "h", { f: "v", a: 1, b: 2.5 }],
    ["hget", "h", "f"],
    ["hmget", "h", "a", "none"],
    ["hgetall", "h"],
    ["hgetall", "none"],
    ["hincrby", "h", "a", 9],
    ["hincrbyfloat", "h", "b", 0.25],
    ["hdel", "h", "f", "none"],
    ["hexists", "h", "a"],
    ["hkeys", "h"],
    ["hvals", "h"],
    ["hrandfield", "h", 2, "WITHVALUES"],
    ["hrandfield", "none"],
  ],
  lists: [
    ["rpush", "l", "a", "b", "c", "d", "b"],
    ["lpush", "l", "z"],
    ["lrange", "l", 0, -1],
    ["lindex", "l", 99],
    ["lpos", "l", "b"],
    ["lpos", "l", "b", "COUNT", 0],
    ["linsert", "l", "BEFORE", "c", "bc"],
    ["lset", "l", 99, "y"],
    ["lrem", "l", -1, "b"],
    ["lmove", "l", "m", "LEFT", "RIGHT"],
    ["lmpop", 2, "none", "l", "LEFT", "COUNT", 2],
    ["lmpop", 1, "none", "LEFT"],
    ["lpop", "l", 2],
    ["lpop", "none"],
    ["lpop", "none", 2],
    ["rpoplpush", "l", "m"],
  ],
  sets: [
    ["sadd", "s", "a", "b", "c", "a"],
    ["sadd", "t", "b", "c", "d"],
    ["smembers", "s"],
    ["smismember", "s", "a", "none"],
    ["sinter", "s", "t"],
    ["sunion", "s", "t"],
    ["sdiff", "s", "t"],
    ["sintercard", 2, "s", "t", "LIMIT", 1],
    ["sinterstore", "u", "s", "t"],
    ["smove", "s", "t", "a"],
    ["spop", "none"],
    ["spop", "none", 2],
    ["srandmember", "none"],
  ],
  sorted_sets: [
    ["zadd", "z", 1, "a", 2.5, "b", 3, "c"],
    ["zadd", "z", "GT", "CH", 5, "a"],
    ["zadd", "z", "INCR", 1, "a"],
    ["zadd", "z", "XX", "LT", "INCR", 1, "a"],
    ["zincrby", "z", 0.5, "b"],
    ["zscore", "z", "a"],
    ["zscore", "z", "none"],
    ["zmscore", "z", "a", "none"],
    ["zrange", "z", 0, -1, "WITHSCORES"],
    ["zrange", "z", "(2", "+inf", "BYSCORE", "LIMIT", 0, 1],
    ["zrevrange", "z", 0, 0, "WITHSCORES"],
    ["zrangebyscore", "z", "-inf", 3, "WITHSCORES"],
    ["zrank", "z", "none"],
    ["zadd", "lex", 0, "a", 0, "b", 0, "c"],
    ["zrangebylex", "lex", "[b", "+"],
    ["zunion", 2, "z", "lex", "WITHSCORES"],
    ["zinter", 2, "z", "lex", "AGGREGATE", "MAX", "WITHSCORES"],
    ["zdiff", 2, "z", "lex", "WITHSCORES"],
    ["zunionstore", "u", 2, "z", "lex", "WEIGHTS", 2, 3],
    ["zmpop", 2, "none", "u", "MIN", "COUNT", 2],
    ["zmpop", 1, "none", "MAX"],
    ["zpopmin", "z"],
    ["zpopmax", "z", 2],
    ["zpopmin", "z"],
    ["zadd", "inf", "-inf", "m", "+inf", "p", 123456.75, "t", 0.5, "s"],
    ["zrange", "inf", 0, -1, "WITHSCORES"],
  ],
  bits: [
    ["setbit", "b", 7, 1],
    ["bitcount", "b"],
    ["bitpos", "b", 1],
    ["bitop", "NOT", "nb", "b"],
    ["bitfield", "b", "SET", "u8", 0, 200, "OVERFLOW", "FAIL", "INCRBY", "u8", 0, 100],
    ["pfadd", "p", ...Array.from({ length: 100 }, (_, number) => number)],
    ["pfcount", "p"],
    ["geoadd", "g", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"],
    ["geodist", "g", "Palermo", "Catania", "km"],
    ["geopos", "g", "Palermo", "none"],
    ["geohash", "g", "Palermo", "none"],
    ["geosearch", "g", "FROMLONLAT", 15, 37, "BYRADIUS", 200, "km", "ASC", "WITHCOORD", "WITHDIST",
     "WITHHASH"],
  ],
  errors: [
    ["set", "s", "text"],
    ["lpush", "s", "x"],
    ["incr", "s"],
    ["call", "NOSUCH", "a", "b"],
    ["call", "GET"],
    ["call", "CLIENT", "NOSUCH"],
    ["call", "CONFIG", "SET", "nosuch", "1"],
    ["setrange", "s", -1, "x"],
    ["select", 9999],
    ["ping"],
  ],
  pipeline: async ({ client }) => {
    const pipe = client.pipeline();
    for (let number = 0; number < 1000; number++)
      pipe.set(`p:${number}`, number).incr(`p:${number}`).get(`p:${number}`);
    say("pipeline", await pipe.exec());
    say("errors", await client.pipeline().set("p", "v").lpush("p", "x").hgetall("none").exec());
    const together = Array.from({ length: 100 }, (_, number) => client.get(`p:${number}`));
    say("at once", await Promise.all(together));
  },
  transactions: async ({ client, make }) => {
    say("exec", await client.multi().set("t", 1).incr("t").zadd("z", 1.5, "m").exec());
    say("exec with an error", await client.multi().set("t", "v").incr("t").get("t").exec());
    const other = await make({});
    say("watch", await client.watch("t"));
    await other.set("t", "changed");
    say("lost", await client.multi().set("t", "lost").exec());
    say("unwatch", await client.unwatch());
    say("refused", await client.multi().call("SET", "t").exec().catch((error) => error));
    say("steps", [
      await client.multi({ pipeline: false }),
      await client.set("t", 2),
      await client.get("t"),
      await client.exec(),
    ]);
    await other.quit();
  },
  pubsub: async ({ call, make }) => {
    const listener = await make({});
    const box = inbox();
    listener.on("messageBuffer", (channel, message) => box.put("message", channel, message));
    listener.on("pmessageBuffer", (pattern, channel, message) =>
      box.put("pmessage", pattern, channel, message));
    listener.on("smessageBuffer", (channel, message) => box.put("smessage", channel, message));
    say("subscribe", await listener.subscribe("a", "b"));
    say("psubscribe", await listener.psubscribe("a*"));
    await call("publish", "a", ALL_BYTES);
    say("heard", await box.take(2));
    await call("publish", "b", "to b");
    say("heard", await box.take(1));
    await call("pubsub", "CHANNELS");
    await call("pubsub", "NUMSUB", "a", "c");
    say("ssubscribe", await listener.ssubscribe("s"));
    await call("spublish", "s", "sharded");
    say("heard", await box.take(1));
    say("unsubscribe", await listener.unsubscribe("a"));
    say("rest", [
      await listener.unsubscribe("b"),
      await listener.punsubscribe("a*"),
      await listener.sunsubscribe("s"),
    ]);
    say("as before", await listener.get("none"));
    await call("config", "SET", "notify-keyspace-events", "KEA");
    await listener.psubscribe("__key*__:*");
    await call("set", "e", "v", "EX", 100);
    say("heard", await box.take(4));
    await call("config", "SET", "notify-keyspace-events", "");
    await listener.quit();
  },
  blocking: async ({ call, whileWaiting }) => {
    await call("rpush", "l", "a");
    await call("blpop", "none", "l", 1);
    await call("blpop", "none", 0.05);
    await whileWaiting(["blpop", "l", "m", 20], (other) => other.rpush("m", "x", "y"));
    await whileWaiting(["blmove", "q", "r", "LEFT", "RIGHT", 20], (o) => o.lpush("q", "moved"));
    await whileWaiting(["brpoplpush", "q", "r", 20], (other) => other.lpush("q", "m"));
    await whileWaiting(["bzpopmin", "z", 20], (other) => other.zadd("z", 1.5, "m"));
    await whileWaiting(["blmpop", 20, 2, "o", "n", "LEFT", "COUNT", 2], (other) =>
      other.rpush("n", "p", "q"));
    await whileWaiting(["bzmpop", 20, 1, "z", "MIN"], (other) => other.zadd("z", 3, "m"));
  },
  scan: async ({ client }) => {
    const numbers = Array.from({ length: 1000 }, (_, number) => number);
    await client.mset(Object.fromEntries(numbers.map((number) => [`scan:${number}`, number])));
    await client.hset("scan:h", Object.fromEntries(numbers.map((number) => [`f${number}`, number])));
    await client.sadd("scan:s", ...numbers);
    await client.zadd("scan:z", ...numbers.flatMap((number) => [number, `m${number}`]));
    const all = async (stream) => {
      const found = [];
      for await (const batch of stream) found.push(...batch);
      return sorted(found);
    };
    say("scan", [...new Set(await all(client.scanStream({ match: "scan:*", count: 50 })))]);
    say("scan type", await all(client.scanStream({ match: "scan:*", type: "hash" })));
    say("hscan", await all(client.hscanStream("scan:h", { match: "f9*" })));
    say("sscan", await all(client.sscanStream("scan:s", { count: 100 })));
    say("zscan", await all(client.zscanStream("scan:z", { match: "m99*" })));
  },
  streams: async ({ call, whileWaiting }) => {
    for (let number = 1; number < 6; number++)
      await call("xadd", "x", `${number}-1`, "n", number, "b", ALL_BYTES);
    for (const step of [
      ["xadd", "x", "1-1", "n", 0],
      ["xlen", "x"],
      ["xrangeBuffer", "x", "2", "4", "COUNT", 2],
      ["xrevrangeBuffer", "x", "+", "-", "COUNT", 1],
      ["xreadBuffer", "COUNT", 1, "STREAMS", "x", "none", "3-1", "0"],
      ["xread", "BLOCK", 20, "STREAMS", "x", "$"],
      ["xgroup", "CREATE", "x", "g", "0"],
      ["xgroup", "CREATE", "x", "g", "0"],
      ["xgroup", "CREATE", "y", "g", "$", "MKSTREAM"],
      ["xreadgroupBuffer", "GROUP", "g", "ann", "COUNT", 3, "STREAMS", "x", ">"],
      ["xack", "x", "g", "1-1"],
      ["xpending", "x", "g"],
      ["xclaimBuffer", "x", "g", "bob", 0, "2-1"],
      ["xautoclaimBuffer", "x", "g", "bob", 0, "0"],
      ["xreadgroup", "GROUP", "none", "bob", "STREAMS", "x", ">"],
      ["xdel", "x", "2-1"],
      ["xtrim", "x", "MAXLEN", 3],
      ["xinfo", "GROUPS", "x"],
      ["xgroup", "DELCONSUMER", "x", "g", "bob"],
      ["xgroup", "DESTROY", "x", "g"],
    ])
      await call(...step);
    await whileWaiting(["xread", "BLOCK", 20000, "STREAMS", "y", "$"], (other) =>
      other.xadd("y", "9-9", "k", "v"));
    await call("xreadgroup", "GROUP", "g", "ann", "STREAMS", "y", ">");
    await whileWaiting(
      ["xreadgroup", "GROUP", "g", "ann", "BLOCK", 20000, "STREAMS", "y", ">"],
      (other) => other.xadd("y", "9-10", "k", "w"));
  },
  scripts: async ({ client, call }) => {
    const script = "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}";
    await call("eval", script, 1, "k", "v");
    await call("evalBuffer", "return ARGV[1]", 0, ALL_BYTES);
    await call("eval", "return redis.call('HGETALL', KEYS[1])", 1, "none");
    await call("eval", "return redis.error_reply('MINE words')", 0);
    await call("eval", "return redis.call('INCR', KEYS[1])", 1, "k");
    await call("evalsha", "0".repeat(40), 0);
    const sha = await call("script", "LOAD", "return #KEYS");
    await call("evalsha", sha, 2, "a", "b");
    await call("script", "EXISTS", sha, "0".repeat(40));
    await call("script", "FLUSH");
    client.defineCommand("addTo", {
      numberOfKeys: 1,
      lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    });
    say("defined", [await client.addTo("n", 5), await client.addTo("n", 6)]);
    say("in a pipeline", await client.pipeline().addTo("n", 7).exec());
  },
};

exports.main = (port, protocol, names) => {
  const make = async ({ name, db }) => {
    const client = new Redis({ port, protocol, connectionName: name, db, lazyConnect: true });
    await client.connect();
    return client;
  };
  return play(make, sections, names);
};
