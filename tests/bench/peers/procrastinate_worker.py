"""The worker of Procrastinate: its defaults (so it listens for notifications), and the concurrency that is measured."""

import asyncio
import os
import sys

from tests.bench.peers.procrastinate_app import CONCURRENCY, app

if __name__ == "__main__":
    if sys.version_info < (3, 12):
        # Later versions wait for children so by themselves; the old default starts a thread for each.
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    os.write(sys.stdout.fileno(), b".")
    app.run_worker(concurrency=CONCURRENCY)
