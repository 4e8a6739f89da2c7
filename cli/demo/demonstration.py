"""The demonstration: a database and a dispatcher in a directory of their own, which is removed afterwards."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cli.database.connection import Database, opened
from cli.demo import simulated_agent
from cli.demo.dispatching import dispatch_until_empty
from cli.show.output import say, to_json, write
from cli.show.progress import progress
from dispatcher.configuration import settings
from dispatcher.database.apply_settings import apply_settings
from dispatcher.database.embedded.server import EmbeddedServer
from dispatcher.errors import ExitCode
from dispatcher.host import mounts
from dispatcher.quantities import size
from sql import calls
from sql.rows.people import Submitted

TOOL = "simulated"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

TASKS: Sequence[Mapping[str, object]] = (
    {"name": "summary", "prompt": "Summarise the README [takes 2 s]", "priority": 9},
    {"name": "login-tests", "prompt": "Write tests for the login [takes 3 s]"},
    {"name": "flaky", "prompt": "Repair the flaky test [takes 1 s] [fails once]", "backoff_s": 2},
    {"name": "notes", "prompt": "Write release notes [takes 2 s] [writes notes.md]", "output_files": ["notes.md"]},
    {"name": "migration-1", "prompt": "Migrate the first module [takes 2 s]", "queue": "one-at-a-time"},
    {"name": "migration-2", "prompt": "Migrate the second module [takes 2 s]", "queue": "one-at-a-time"},
    {"name": "review", "prompt": "Review the last change [takes 4 s]"},
    {"name": "typos", "prompt": "Look for typing errors [takes 1 s]", "priority": 1},
)  # fmt: skip


def demonstrate() -> int:
    """Run the demonstration; returns the exit code."""
    with _place_of_its_own() as home:
        say("Starting a PostgreSQL of the demo's own …")
        with _signals_later(), progress(None, "starting") as bar:
            bar.draw()
            EmbeddedServer(home).start()
        with opened() as db:
            submitted = _submit(db)
            names = {task.number: str(asked["name"]) for task, asked in zip(submitted, TASKS, strict=True)}
            say(f"Submitted {len(names)} tasks. Starting a dispatcher; its agents are simulated …")
            stopped_by = dispatch_until_empty(db, names, home / "dispatcher.log")
            if stopped_by is None:
                _show_results(db, names)
    if stopped_by is None:
        say("\nAll of this has been removed. Next: `dispatcher run`, and `llmctl submit claude 'PROMPT'`.")
    return 128 + stopped_by if stopped_by else ExitCode.OK


def _show_results(db: Database, names: Mapping[int, str]) -> None:
    for number, name in names.items():
        task = db.call(calls.show_task(str(number), 0))
        text = str((task.result or {}).get("text", task.error_message))
        write(f"task {number} {name} {task.status}: {text}")
        for file in task.files:
            write(f"  it wrote {file.path} ({size(file.size_bytes)})")


@contextmanager
def _place_of_its_own() -> Iterator[Path]:
    """Make a home with a configuration and a database for this process and its children, and remove it at the end."""
    home = Path(tempfile.mkdtemp(prefix="llmctl-demo-"))
    for sign in ENDING:
        signal.signal(sign, _leave)
    try:
        for elsewhere in ("LLMCTL_CONFIG", "LLMCTL_DATABASE_URL"):
            os.environ.pop(elsewhere, None)
        os.environ["LLMCTL_HOME"] = str(home)
        (home / "config.yaml").write_text(to_json(_configuration(home)))
        yield home
    finally:
        # An interrupt now would leave a server behind.
        for sign in ENDING:
            signal.signal(sign, signal.SIG_IGN)
        EmbeddedServer(home).destroy()
        mounts.remove_tree(home)


@contextmanager
def _signals_later() -> Iterator[None]:
    """Obey signals only at the end: an interrupted initdb would go on writing what we remove."""
    came: list[int] = []
    for sign in ENDING:
        signal.signal(sign, lambda number, _frame: came.append(number))
    yield
    for sign in ENDING:
        signal.signal(sign, _leave)
    if came:
        _leave(came[0], None)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _configuration(home: Path) -> Mapping[str, object]:
    """Return a configuration, as JSON is YAML: four agents run at a time, and one of the queue one-at-a-time."""
    return {
        "tools": {
            TOOL: {
                "argv": [sys.executable, str(simulated_agent.__file__), str(home)],
                "output": "json",
                "answer": "answer",
                "input_tokens": "tokens.input",
                "output_tokens": "tokens.output",
            }
        },
        "groups": {f"{TOOL}-demo": {"tool": TOOL, "account": "demo", "max_concurrent": 4}},
        "limits": {"queue:one-at-a-time": 1},
    }


def _submit(db: Database) -> list[Submitted]:
    apply_settings(db.connection, settings.load())
    tasks = [{"tool": TOOL, **task} for task in TASKS]
    return db.call(calls.submit_tasks(tasks))
