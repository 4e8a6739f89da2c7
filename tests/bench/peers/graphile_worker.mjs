// Graphile Worker doing the bench's job. Everything is its default (so it listens for notifications) but for the
// concurrency that is measured, and a pool with a connection for each job and some for itself.
import { execFile } from "node:child_process";
import { writeSync } from "node:fs";
import { Logger, run } from "graphile-worker";

const agent = process.env.BENCH_AGENT;
const concurrency = Number(process.env.BENCH_CONCURRENCY);

const answerTo = (prompt) =>
  new Promise((resolve, reject) => {
    const child = execFile(agent, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    child.stdin.end(prompt);
  });

await run({
  connectionString: process.env.BENCH_DATABASE_URL,
  concurrency,
  maxPoolSize: concurrency + 4,
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
