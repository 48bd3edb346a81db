// BullMQ at work: `scenario.js CONNECTION`, a JSON object that ioredis takes.
//
// 500 jobs, of which some fail at first, some come later, some go before others; a flow whose
// parent waits for its children; a job that never succeeds; one that a scheduler repeats.
// Prints what became of them as one line of JSON.

"use strict";

const { FlowProducer, Queue, QueueEvents, Worker } = require("bullmq");

const JOBS = 500;
const connection = { ...JSON.parse(process.argv[2]), maxRetriesPerRequest: null };

function jobs() {
  return Array.from({ length: JOBS }, (_, number) => ({
    name: "square",
    data: { number },
    opts: {
      attempts: 3,
      backoff: { type: "exponential", delay: 10 },
      ...(number === 0 ? { jobId: "named" } : {}),
      ...(number % 25 === 1 ? { delay: 200 } : {}),
      ...(number % 25 === 2 ? { priority: 1 + (number % 3) } : {}),
    },
  }));
}

async function work(job) {
  if (job.name === "hopeless") throw new Error("no");
  if (job.name === "sum") {
    return Object.values(await job.getChildrenValues()).reduce((one, other) => one + other, 0);
  }
  if (job.name === "tick") return job.name;
  if (job.data.number % 10 === 3 && job.attemptsMade < 2) throw new Error("not yet");
  await job.updateProgress(100);
  await job.log(`worked on ${job.data.number}`);
  return job.data.number ** 2;
}

async function main() {
  const queue = new Queue("jobs", { connection });
  const events = new QueueEvents("jobs", { connection });
  // Each job that is waited for is a listener.
  for (const emitter of [queue, events]) emitter.setMaxListeners(0);
  await events.waitUntilReady();
  let ticks = 0;
  const ticked = new Promise((resolve) => {
    events.on("completed", ({ returnvalue }) => {
      if (returnvalue === "tick" && ++ticks === 3) resolve();
    });
  });

  await queue.pause();
  const added = await queue.addBulk(jobs());
  const isPaused = await queue.isPaused();
  const whilePaused = await queue.getJobCounts("wait", "delayed", "prioritized");
  const again = await queue.add("square", { number: 1 }, { jobId: "named" });
  await queue.resume();

  const worker = new Worker("jobs", work, { connection, concurrency: 20 });
  const helper = new Worker("parts", work, { connection, concurrency: 2 });
  const flow = new FlowProducer({ connection });
  const { job: parent } = await flow.add({
    name: "sum",
    queueName: "jobs",
    children: [1, 2, 4, 5].map((number) => ({ name: "square", queueName: "parts", data: { number } })),
  });
  const hopeless = await queue.add("hopeless", {}, { attempts: 2, backoff: 5 });
  await queue.upsertJobScheduler("clock", { every: 50, limit: 3 }, { name: "tick" });

  const sum = await parent.waitUntilFinished(events);
  const failure = await hopeless.waitUntilFinished(events).catch((error) => error.message);
  const squares = await Promise.all(added.map((job) => job.waitUntilFinished(events)));
  await ticked;
  const done = await Promise.all(added.map((job) => queue.getJob(job.id)));
  const logs = await queue.getJobLogs(added[7].id);
  const counts = await queue.getJobCounts();
  await queue.clean(0, 1000, "failed");
  const report = {
    isPaused,
    whilePaused,
    isSame: again.id === added[0].id && (await queue.getJob("named")).data.number === 0,
    squares: squares.filter((square, number) => square === number ** 2).length,
    attempts: done.reduce((sum, job) => sum + job.attemptsMade, 0),
    progress: done.every((job) => job.progress === 100),
    early: done.filter((job) => job.opts.delay && job.processedOn < job.timestamp + 200).length,
    logs: logs.logs,
    sum,
    failure,
    completed: counts.completed,
    failed: counts.failed,
    left: await queue.count(),
    failedAfterCleaning: await queue.getFailedCount(),
  };
  await Promise.all([worker.close(), helper.close(), events.close(), flow.close()]);
  await queue.obliterate({ force: true });
  await queue.close();
  console.log(JSON.stringify(report));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
