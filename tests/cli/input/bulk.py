"""A file of tasks, and how many tasks there are."""

from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Llmctl

MODULES = "module,priority,owner\nlogin,8,Ann\nbilling,,Bob\n"


@pytest.fixture
def modules(llmctl: Llmctl) -> Path:
    path = llmctl.directory / "modules.csv"
    path.write_text(MODULES)
    return path


def how_many(database: str) -> int:
    with psycopg.connect(database) as connection:
        [count] = connection.execute("SELECT count(*)::int FROM tasks").fetchone() or (0,)
        return int(count)
