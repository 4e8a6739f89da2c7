// Graphile Worker doing the bench's job. Everything is its default (so it listens for notifications) but for the
// concurrency that is measured, a pool with a connection for each job and some for itself, and what its documentation
// advises for throughput (https://worker.graphile.org/docs/performance, "Batching"): a local queue of one job more than
// run, and completions in batches. That drains 1.4 times as fast, and starts a single job 0.3 ms later.
import { execFile } from "node:child_process";
import { writeSync } from "node:fs";
import { Logger, run } from "graphile-worker";

const agent = process.env.BENCH_AGENT;
const concurrency = Number(process.env.BENCH_CONCURRENCY);

const tuning =
  process.env.BENCH_TUNED_FOR === "throughput"
    ? { localQueue: { size: concurrency + 1 }, completeJobBatchDelay: 0 }
    : {};

const answerTo = (prompt) =>
  new Promise((resolve, reject) => {
    const child = execFile(agent, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    child.stdin.end(prompt);
  });

await run({
  connectionString: process.env.BENCH_DATABASE_URL,
  concurrency,
  maxPoolSize: concurrency + 4,
  preset: { worker: tuning },
  logger: new Logger(() => (level, message) => {
    if (level === "error") console.error(message);
  }),
  taskList: {
    agent: async ({ prompt }, helpers) => {
      const answer = await answerTo(prompt);
      await helpers.query("INSERT INTO results (answer) VALUES ($1)", [answer]);
      writeSync(1, ".");
    },
  },
});
writeSync(1, ".");
