// A work queue with node-redis: node work_queue.js [PORT], after `npm install redis`.
// A job stays pending until its worker acknowledges it; what a dead one held goes to another.
"use strict";

const { createClient } = require("redis");

// Who holds a job for so long without acknowledging it is taken for dead; a minute, say.
const PATIENCE_MS = 300;

const connect = () =>
  createClient({ socket: { port: Number(process.argv[2] ?? 6379) } })
    .on("error", console.error)
    .connect();

async function take(db, worker, count) {
  const options = { COUNT: count, BLOCK: PATIENCE_MS };
  const read = await db.xReadGroup("workers", worker, { key: "jobs", id: ">" }, options);
  return read?.[0].messages ?? [];
}

async function work(worker, done) {
  // A connection of its own: others must not wait while it waits.
  const db = await connect();
  for (;;) {
    // What was left behind goes first.
    const options = { COUNT: 1 };
    const left = await db.xAutoClaim("jobs", "workers", worker, PATIENCE_MS, "0", options);
    const jobs = left.messages.length ? left.messages : await take(db, worker, 1);
    for (const { id, message } of jobs) {
      done.add(message.task);
      await db.xAck("jobs", "workers", id);
    }
    if (!jobs.length && !(await db.xPending("jobs", "workers")).pending) break;
  }
  await db.close();
}

async function main() {
  const db = await connect();
  await db.del("jobs");
  await db.xGroupCreate("jobs", "workers", "0", { MKSTREAM: true });
  for (const task of ["resize", "convert", "mail", "print"]) await db.xAdd("jobs", "*", { task });
  const dead = await connect();
  const held = await take(dead, "dead", 2);
  dead.destroy(); // It is never heard of again.

  const done = new Set();
  await Promise.all(["ada", "ben"].map((worker) => work(worker, done)));
  console.log(held.length, "of a dead worker's; done:", [...done].sort().join(" "));
  await db.close();
}

main();
