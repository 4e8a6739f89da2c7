"""Fixtures of the tests of repositories."""

from pathlib import Path

import pytest

from tests.dispatcher.repositories.making import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    (tmp_path / "allowed").mkdir()
    return Yard(tmp_path)
