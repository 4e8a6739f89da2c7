"""Fixtures of all tests."""

import pytest
from hypothesis import settings

from tests.agents.real_agents import agents, summary

__all__ = ["agents"]

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", settings(deadline=None))
settings.load_profile("any machine")

pytest_plugins = [
    "tests.fixtures.namespaces",
    "tests.fixtures.postgres",
    "tests.fixtures.dispatchers",
    "tests.fixtures.roles",
    "tests.fixtures.users",
    "tests.fixtures.pooler",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = summary()
    if line is not None:
        terminalreporter.write_line(line, yellow=True)
