"""Tokens, as the tests of roles have them."""

from tests.sql.roles.conftest import api, token

__all__ = ["api", "token"]
