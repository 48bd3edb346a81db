// The scenario with node-redis, whose methods take options as objects.
"use strict";

const { createClient, RESP_TYPES } = require("redis");
const { ALL_BYTES, inbox, play, say, sorted } = require("./report.js");

const BINARY = { [RESP_TYPES.BLOB_STRING]: Buffer };

const sections = {
  server: async ({ client, call, make }) => {
    await call("ping");
    await call("echo", "hello");
    await call("clientGetName");
    await call("clientSetName", "other");
    say("clientInfo", [(await client.clientInfo()).name, (await client.clientList()).length]);
    await call("configSet", "maxmemory-samples", "7");
    await call("configGet", "maxmemory-s*");
    await call("configSet", "maxmemory-samples", "5");
    await call("dbSize");
    await call("commandGetKeys", ["MSET", "a", "1", "b", "2"]);
    say("info", /redis_version:\d/.test(await client.info()));
    say("time", typeof (await client.time()));
    const third = await make({ db: 3 });
    say("set", await third.set("k", "in 3"));
    say("move", await third.move("k", 0));
    await call("get", "k");
    await call("swapDb", 0, 3);
    say("get", await third.get("k"));
    say("flushDb", await third.flushDb());
    await third.close();
  },
  strings: [
    ["set", "s", "value"],
    ["set", "s", "other", { NX: true }],
    ["set", "s", "third", { EX: 100, GET: true }],
    ["get", "s"],
    ["ttl", "s"],
    ["get", "missing"],
    ["append", "s", "!"],
    ["getRange", "s", 1, -2],
    ["setRange", "s", 8, "padded"],
    ["incr", "n"],
    ["incrBy", "n", 41],
    ["decr", "n"],
    ["incrByFloat", "f", 1.25],
    ["mSet", { a: "1", b: "2" }],
    ["mGet", ["a", "missing", "b"]],
    ["mSetNX", { a: "3", c: "4" }],
    ["getDel", "a"],
    ["getEx", "b", { type: "EX", value: 50 }],
    ["getSet", "b", "new"],
    ["setEx", "e", 30, "v"],
    ["setNX", "e", "v"],
    ["lcsIdxWithMatchLen", "s", "b"],
  ],
  binary: async ({ client, call }) => {
    const binary = client.withTypeMapping(BINARY);
    await call("set", ALL_BYTES, ALL_BYTES);
    say("get", await binary.get(ALL_BYTES));
    await call("set", "", "");
    await call("get", "");
    await call("set", "crlf", "a\r\nb\r\n");
    await call("get", "crlf");
    await call("set", "big", Buffer.concat(Array(4096).fill(ALL_BYTES)));
    say("get", await binary.get("big"));
    await call("hSet", "h", ["binary", ALL_BYTES, "", "\0\r\n"]);
    say("hGetAll", await binary.hGetAll("h"));
    await call("rPush", "l", [ALL_BYTES, "", "\0"]);
    say("lRange", await binary.lRange("l", 0, -1));
    await call("set", "utf8", "grüße €");
    await call("get", "utf8");
  },
  keys: async ({ client, call }) => {
    for (const step of [
      ["set", "k", "v"],
      ["exists", ["k", "k", "none"]],
      ["type", "k"],
      ["objectEncoding", "k"],
      ["objectRefCount", "none"],
      ["expire", "k", 100],
      ["expire", "k", 50, "GT"],
      ["ttl", "k"],
      ["persist", "k"],
      ["pTTL", "none"],
      ["pExpireAt", "k", 99999999999000],
      ["expireTime", "k"],
      ["rename", "k", "k2"],
      ["rename", "none", "k"],
      ["copy", "k2", "k4"],
      ["keys", "k*"],
      ["del", ["k2", "none"]],
      ["unlink", "k4"],
      ["randomKey"],
      ["rPush", "l", ["3", "1", "2"]],
      ["sort", "l"],
      ["sort", "l", { BY: "w_*", GET: ["#", "v_*"] }],
      ["sortStore", "l", "sorted", { DIRECTION: "DESC", ALPHA: true }],
      ["lRange", "sorted", 0, -1],
      ["set", "d", ALL_BYTES],
    ])
      await call(...step);
    const dumped = await client.withTypeMapping(BINARY).dump("d");
    await call("restore", "e", 0, dumped);
    await call("restore", "e", 0, dumped);
  },
  hashes: [
    ["hSet", "h", { f: "v", a: 1, b: 2.5 }],
    ["hGet", "h", "f"],
    ["hmGet", "h", ["a", "none"]],
    ["hGetAll", "h"],
    ["hGetAll", "none"],
    ["hIncrBy", "h", "a", 9],
    ["hIncrByFloat", "h", "b", 0.25],
    ["hDel", "h", ["f", "none"]],
    ["hExists", "h", "a"],
    ["hKeys", "h"],
    ["hVals", "h"],
    ["hRandFieldCountWithValues", "h", 2],
    ["hRandField", "none"],
  ],
  lists: [
    ["rPush", "l", ["a", "b", "c", "d", "b"]],
    ["lPush", "l", "z"],
    ["lRange", "l", 0, -1],
    ["lIndex", "l", 99],
    ["lPos", "l", "b"],
    ["lPosCount", "l", "b", 0],
    ["lInsert", "l", "BEFORE", "c", "bc"],
    ["lSet", "l", 99, "y"],
    ["lRem", "l", -1, "b"],
    ["lMove", "l", "m", "LEFT", "RIGHT"],
    ["lmPop", ["none", "l"], "LEFT", { COUNT: 2 }],
    ["lmPop", ["none"], "LEFT"],
    ["lPopCount", "l", 2],
    ["lPop", "none"],
    ["lPopCount", "none", 2],
    ["rPopLPush", "l", "m"],
  ],
  sets: [
    ["sAdd", "s", ["a", "b", "c", "a"]],
    ["sAdd", "t", ["b", "c", "d"]],
    ["sMembers", "s"],
    ["smIsMember", "s", ["a", "none"]],
    ["sInter", ["s", "t"]],
    ["sUnion", ["s", "t"]],
    ["sDiff", ["s", "t"]],
    ["sInterCard", ["s", "t"], { LIMIT: 1 }],
    ["sInterStore", "u", ["s", "t"]],
    ["sMove", "s", "t", "a"],
    ["sPop", "none"],
    ["sPopCount", "none", 2],
    ["sRandMember", "none"],
  ],
  sorted_sets: [
    ["zAdd", "z", [{ score: 1, value: "a" }, { score: 2.5, value: "b" }, { score: 3, value: "c" }]],
    ["zAdd", "z", { score: 5, value: "a" }, { comparison: "GT", CH: true }],
    ["zAddIncr", "z", { score: 1, value: "a" }],
    ["zAddIncr", "z", { score: 1, value: "a" }, { condition: "XX", comparison: "LT" }],
    ["zIncrBy", "z", 0.5, "b"],
    ["zScore", "z", "a"],
    ["zScore", "z", "none"],
    ["zmScore", "z", ["a", "none"]],
    ["zRangeWithScores", "z", 0, -1],
    ["zRange", "z", "(2", "+inf", { BY: "SCORE", LIMIT: { offset: 0, count: 1 } }],
    ["zRangeWithScores", "z", 0, 0, { REV: true }],
    ["zRangeByScoreWithScores", "z", "-inf", 3],
    ["zRank", "z", "none"],
    ["zAdd", "lex", ["a", "b", "c"].map((value) => ({ score: 0, value }))],
    ["zRangeByLex", "lex", "[b", "+"],
    ["zUnionWithScores", ["z", "lex"]],
    ["zInterWithScores", ["z", "lex"], { AGGREGATE: "MAX" }],
    ["zDiffWithScores", ["z", "lex"]],
    ["zUnionStore", "u", [{ key: "z", weight: 2 }, { key: "lex", weight: 3 }]],
    ["zmPop", ["none", "u"], "MIN", { COUNT: 2 }],
    ["zmPop", ["none"], "MAX"],
    ["zPopMin", "z"],
    ["zPopMaxCount", "z", 2],
    ["zPopMin", "z"],
    ["zAdd", "inf", [{ score: -Infinity, value: "m" }, { score: Infinity, value: "p" },
                     { score: 123456.75, value: "t" }, { score: 0.1, value: "s" }]],
    ["zRangeWithScores", "inf", 0, -1],
  ],
  bits: [
    ["setBit", "b", 7, 1],
    ["bitCount", "b"],
    ["bitPos", "b", 1],
    ["bitOp", "NOT", "nb", "b"],
    ["bitField", "b", [
      { operation: "SET", encoding: "u8", offset: 0, value: 200 },
      { operation: "OVERFLOW", behavior: "FAIL" },
      { operation: "INCRBY", encoding: "u8", offset: 0, increment: 100 },
    ]],
    ["pfAdd", "p", Array.from({ length: 100 }, (_, number) => String(number))],
    ["pfCount", "p"],
    ["geoAdd", "g", [
      { longitude: 13.361389, latitude: 38.115556, member: "Palermo" },
      { longitude: 15.087269, latitude: 37.502669, member: "Catania" },
    ]],
    ["geoDist", "g", "Palermo", "Catania", "km"],
    ["geoPos", "g", ["Palermo", "none"]],
    ["geoHash", "g", ["Palermo", "none"]],
    ["geoSearchWith", "g", { longitude: 15, latitude: 37 }, { radius: 200, unit: "km" },
     ["WITHDIST", "WITHHASH", "WITHCOORD"], { SORT: "ASC" }],
  ],
  errors: [
    ["set", "s", "text"],
    ["lPush", "s", "x"],
    ["incr", "s"],
    ["sendCommand", ["NOSUCH", "a", "b"]],
    ["sendCommand", ["GET"]],
    ["sendCommand", ["CLIENT", "NOSUCH"]],
    ["configSet", "nosuch", "1"],
    ["setRange", "s", -1, "x"],
    ["select", 9999],
    ["ping"],
  ],
  pipeline: async ({ client }) => {
    const replies = [];
    for (let number = 0; number < 1000; number++)
      replies.push(client.set(`p:${number}`, number), client.incr(`p:${number}`),
        client.get(`p:${number}`));
    say("pipeline", await Promise.all(replies));
    say("multi", await client.multi().set("p", "v").get("p").execAsPipeline());
    say("errors", await Promise.allSettled([client.lPush("p", "x"), client.hGetAll("none")]));
  },
  transactions: async ({ client, make }) => {
    const shown = (error) => [error, ...(error.replies ?? []), ...(error.errorIndexes ?? [])];
    say("exec", await client.multi().set("t", 1).incr("t")
      .zAdd("z", { score: 1.5, value: "m" }).zScore("z", "m").exec());
    say("error", await client.multi().set("t", "v").incr("t").get("t").exec().catch(shown));
    const other = await make({});
    say("watch", await client.watch("t"));
    await other.set("t", "changed");
    say("lost", await client.multi().set("t", "lost").exec().catch(shown));
    say("unwatch", await client.unwatch());
    say("refused", await client.multi().addCommand(["SET", "t"]).exec().catch(shown));
    say("get", await client.get("t"));
    await other.close();
  },
  pubsub: async ({ client, call, make }) => {
    const listener = await make({});
    const box = inbox();
    const hear = (kind) => (message, channel) => box.put(kind, channel, message);
    const [plain, pattern, shard] = ["message", "pmessage", "smessage"].map(hear);
    say("subscribe", await listener.subscribe(["a", "b"], plain, true));
    say("pSubscribe", await listener.pSubscribe("a*", pattern, true));
    await call("publish", "a", ALL_BYTES);
    say("heard", await box.take(2));
    await call("publish", "b", "to b");
    say("heard", await box.take(1));
    say("channels", sorted(await client.pubSubChannels()));
    await call("pubSubNumSub", ["a", "c"]);
    say("sSubscribe", await listener.sSubscribe("s", shard, true));
    await call("sPublish", "s", "sharded");
    say("heard", await box.take(1));
    say("ping", await listener.ping());
    await listener.unsubscribe("a");
    await listener.unsubscribe();
    await listener.pUnsubscribe();
    await listener.sUnsubscribe();
    say("as before", await listener.get("none"));
    await call("configSet", "notify-keyspace-events", "KEA");
    await listener.pSubscribe("__key*__:*", pattern);
    await call("set", "e", "v", { EX: 100 });
    say("heard", await box.take(4));
    await call("configSet", "notify-keyspace-events", "");
    await listener.close();
  },
  blocking: async ({ call, whileWaiting }) => {
    const member = (score) => (other) => other.zAdd("z", { score, value: "m" });
    await call("rPush", "l", "a");
    await call("blPop", ["none", "l"], 1);
    await call("blPop", "none", 0.05);
    await whileWaiting(["blPop", ["l", "m"], 20], (other) => other.rPush("m", ["x", "y"]));
    await whileWaiting(["blMove", "q", "r", "LEFT", "RIGHT", 20], (o) => o.lPush("q", "moved"));
    await whileWaiting(["brPopLPush", "q", "r", 20], (other) => other.lPush("q", "m"));
    await whileWaiting(["bzPopMin", "z", 20], member(1.5));
    await whileWaiting(["blmPop", 20, ["o", "n"], "LEFT", { COUNT: 2 }], (other) =>
      other.rPush("n", ["p", "q"]));
    await whileWaiting(["bzmPop", 20, "z", "MIN"], member(3));
  },
  scan: async ({ client }) => {
    const numbers = Array.from({ length: 1000 }, (_, number) => String(number));
    await client.mSet(Object.fromEntries(numbers.map((number) => [`scan:${number}`, number])));
    await client.hSet("scan:h", Object.fromEntries(numbers.map((number) => [`f${number}`, number])));
    await client.sAdd("scan:s", numbers);
    await client.zAdd("scan:z", numbers.map((n) => ({ score: Number(n), value: `m${n}` })));
    const all = async (iterator) => {
      const found = [];
      for await (const batch of iterator) found.push(...batch.map((item) => JSON.stringify(item)));
      return [...new Set(found)].sort();
    };
    say("scan", await all(client.scanIterator({ MATCH: "scan:*", COUNT: 50 })));
    say("scan type", await all(client.scanIterator({ MATCH: "scan:*", TYPE: "hash" })));
    say("hscan", await all(client.hScanIterator("scan:h", { MATCH: "f9*" })));
    say("sscan", await all(client.sScanIterator("scan:s", { COUNT: 100 })));
    say("zscan", await all(client.zScanIterator("scan:z", { MATCH: "m99*" })));
  },
  streams: async ({ call, whileWaiting }) => {
    for (let number = 1; number < 6; number++)
      await call("xAdd", "x", `${number}-1`, { n: String(number), b: ALL_BYTES });
    for (const step of [
      ["xAdd", "x", "1-1", { n: "0" }],
      ["xLen", "x"],
      ["xRange", "x", "2", "4", { COUNT: 2 }],
      ["xRevRange", "x", "+", "-", { COUNT: 1 }],
      ["xRead", [{ key: "x", id: "3-1" }, { key: "none", id: "0" }], { COUNT: 1 }],
      ["xRead", [{ key: "x", id: "$" }], { BLOCK: 20 }],
      ["xGroupCreate", "x", "g", "0"],
      ["xGroupCreate", "x", "g", "0"],
      ["xGroupCreate", "y", "g", "$", { MKSTREAM: true }],
      ["xReadGroup", "g", "ann", { key: "x", id: ">" }, { COUNT: 3 }],
      ["xAck", "x", "g", "1-1"],
      ["xPending", "x", "g"],
      ["xClaim", "x", "g", "bob", 0, "2-1"],
      ["xAutoClaim", "x", "g", "bob", 0, "0"],
      ["xReadGroup", "none", "bob", { key: "x", id: ">" }],
      ["xDel", "x", "2-1"],
      ["xTrim", "x", "MAXLEN", 3],
      ["xInfoGroups", "x"],
      ["xInfoStream", "x"],
      ["xGroupDelConsumer", "x", "g", "bob"],
      ["xGroupDestroy", "x", "g"],
    ])
      await call(...step);
    await whileWaiting(["xRead", { key: "y", id: "$" }, { BLOCK: 20000 }], (other) =>
      other.xAdd("y", "9-9", { k: "v" }));
    await call("xReadGroup", "g", "ann", { key: "y", id: ">" });
    await whileWaiting(["xReadGroup", "g", "ann", { key: "y", id: ">" }, { BLOCK: 20000 }],
      (other) => other.xAdd("y", "9-10", { k: "w" }));
  },
  scripts: async ({ call }) => {
    const script = "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}";
    await call("eval", script, { keys: ["k"], arguments: ["v"] });
    await call("eval", "return redis.call('HGETALL', KEYS[1])", { keys: ["none"] });
    await call("eval", "return redis.error_reply('MINE words')");
    await call("eval", "return redis.call('INCR', KEYS[1])", { keys: ["k"] });
    await call("evalSha", "0".repeat(40));
    const sha = await call("scriptLoad", "return #KEYS");
    await call("evalSha", sha, { keys: ["a", "b"] });
    await call("scriptExists", [sha, "0".repeat(40)]);
    await call("scriptFlush");
  },
};

exports.main = (port, protocol, names) => {
  const make = async ({ name, db }) => {
    const client = createClient({ socket: { port }, RESP: protocol, name, database: db });
    client.on("error", (error) => console.error(error));
    client.quit ??= client.close;
    return client.connect();
  };
  return play(make, sections, names);
};
