// What the Node programs print: one JSON line a step, the same for equal replies.
"use strict";

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const state = { section: "" };

// A reply as JSON can hold it.
function plain(value) {
  if (Buffer.isBuffer(value)) {
    const text = value.toString("latin1");
    return /^[ -~]*$/.test(text) ? text : `hex ${value.toString("hex")}`;
  }
  if (value instanceof Error) return { error: `${value.constructor.name}: ${value.message}` };
  if (value instanceof Set) return ["set", ...[...value].map(plain).sort()];
  if (value instanceof Map)
    return ["map", ...[...value].map(([key, item]) => [plain(key), plain(item)]).sort()];
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).sort().map(([key, item]) => [key, plain(item)]));
  if (typeof value === "number" && !Number.isFinite(value)) return `number ${value}`;
  if (typeof value === "bigint") return `bigint ${value}`;
  return value === undefined ? "undefined" : value;
}

function say(step, reply) {
  let shown = plain(reply);
  if (typeof shown === "string" && shown.length > 1000)
    shown = [shown.length, shown.slice(0, 100), shown.slice(-100)];
  console.log(JSON.stringify([state.section, step, shown]));
}

const sorted = (items) => (Array.isArray(items) ? [...items].sort() : items);

// Plays one client: `make(more options)` gives a connection, `sections` by name are functions of
// a `context` or lists of steps [method, ...arguments].
async function play(make, sections, names) {
  const client = await make({ name: "scenario" });
  const call = async (method, ...args) => {
    let reply;
    try {
      reply = await client[method](...args);
    } catch (error) {
      reply = error;
    }
    if (/^(s(members|inter|union|diff)|keys|pubsub)(Buffer)?$/i.test(method)) reply = sorted(reply);
    say(method, reply);
    return reply;
  };
  // Calls a method that waits and, once it does, `then` from another connection.
  const whileWaiting = async (step, then) => {
    const other = await make({});
    const waiting = call(...step);
    for (;;) {
      if (!/blocked_clients:0/.test(await other.info("clients"))) break;
    }
    await then(other);
    await waiting;
    await other.quit();
  };
  for (const name of names) {
    state.section = name;
    await (client.flushall ?? client.flushAll).call(client);
    const section = sections[name];
    if (Array.isArray(section)) for (const step of section) await call(...step);
    else await section({ client, call, make, whileWaiting });
  }
  await client.quit();
}

// Collects what comes, and lets others wait for the n-th.
function inbox() {
  const heard = [];
  let wake = () => {};
  return {
    put: (...message) => {
      heard.push(message);
      wake();
    },
    take: async (count) => {
      while (heard.length < count) await new Promise((resolve) => (wake = resolve));
      return heard.splice(0, count);
    },
  };
}

module.exports = { ALL_BYTES, inbox, play, say, sorted };
