// A leaderboard with ioredis: node leaderboard.js [PORT], after `npm install ioredis`.
"use strict";

const { Redis } = require("ioredis");

async function main() {
  const db = new Redis({ port: Number(process.argv[2] ?? 6379) });
  await db.del("scores");
  await db.zadd("scores", 120, "ann", 95, "bob", 140, "eve");
  await db.zincrby("scores", 30, "bob");
  const [best, rank] = await Promise.all([
    db.zrange("scores", 0, 1, "REV", "WITHSCORES"),
    db.zrevrank("scores", "bob"),
  ]);
  console.log(best.join(" "), "bob is number", rank + 1);
  await db.quit();
}

main();
