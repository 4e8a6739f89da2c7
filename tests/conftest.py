"""Fixtures of all tests."""

import pytest

from tests.real_agents import agents, summary

__all__ = ["agents"]

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.dispatchers",
    "tests.fixtures.roles",
    "tests.fixtures.users",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = summary()
    if line is not None:
        terminalreporter.write_line(line, yellow=True)
