"""What a host lacks for a worker group is said before anything starts."""

from decimal import Decimal
from pathlib import Path

import pytest

from dispatcher.run.preparation.usable_here import why_unusable
from sql.rows.groups import GroupRow
from wrappers.registry import built_in

CLIS = built_in()


def group(name: str, config_home: Path | None, **env: str) -> GroupRow:
    """Return a group of codex as the database lists it."""
    usual: dict[str, object] = {
        "group_name": name, "tool": "codex", "account_name": name, "current_concurrent": 0, "max_concurrent": 4,
        "queued": 0, "state": "open", "cooldown_s": None, "reason": None, "hosts": None,
        "config_home": None if config_home is None else str(config_home), "env_vars": env, "failover": True,
        "daily_budget_usd": None, "task_budget_usd": None, "spent_usd": Decimal(0),
    }  # fmt: skip
    return GroupRow(**usual)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["nowhere", "x" * 300, "file/home"])
def test_a_config_home_that_cannot_be_looked_at_counts_as_missing(tmp_path: Path, name: str) -> None:
    program = tmp_path / "codex"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "file").touch()
    (tmp_path / "home").mkdir()
    groups = [
        group("lacking", tmp_path / name, PATH=str(tmp_path)),
        group("usable", tmp_path / "home", PATH=str(tmp_path)),
    ]

    found = why_unusable(groups, CLIS)

    assert list(found) == ["lacking"]
    assert f"its config home {tmp_path / name} is not a directory: log in there" in found["lacking"]
