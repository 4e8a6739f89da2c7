"""Fixtures live in modules of their own below tests/fixtures; this file only names them."""

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.users"]
