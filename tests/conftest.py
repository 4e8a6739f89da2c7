"""Fixtures of all tests."""

import os

import pytest
from hypothesis import settings

from tests.agents.real_agents import agents, summary
from tests.fixtures.signals import let_programs_hear_signals

__all__ = ["agents"]

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", settings(deadline=None))
settings.load_profile("any machine")

let_programs_hear_signals()

pytest_plugins = [
    "tests.fixtures.namespaces",
    "tests.fixtures.postgres",
    "tests.fixtures.dispatchers",
    "tests.fixtures.roles",
    "tests.fixtures.users",
    "tests.fixtures.pooler",
]


def pytest_xdist_auto_num_workers() -> int:
    """Return three workers for two processors, since a third of the time tests wait and do not compute."""
    processors = len(os.sched_getaffinity(0))
    return processors + (processors + 1) // 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = summary()
    if line is not None:
        terminalreporter.write_line(line, yellow=True)
