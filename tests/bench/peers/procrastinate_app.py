"""Procrastinate doing the bench's job. Everything is its default, but for a pool with a connection for each job."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

import procrastinate

AGENT = os.environ["BENCH_AGENT"]
CONCURRENCY = int(os.environ["BENCH_CONCURRENCY"])

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=os.environ["BENCH_DATABASE_URL"], min_size=CONCURRENCY, max_size=CONCURRENCY + 4
    )
)


async def run_agent(prompt: str) -> None:
    process = await asyncio.create_subprocess_exec(AGENT, stdin=PIPE, stdout=PIPE)
    answer, _ = await process.communicate(prompt.encode())
    await app.connector.execute_query_async(
        "INSERT INTO results (answer) VALUES (%(answer)s)", answer=answer.decode()
    )
    os.write(sys.stdout.fileno(), b".")


app.task(name="agent")(run_agent)
