"""What the database knows of tools, groups and limits after a dispatcher has read its configuration."""

from pathlib import Path

import pytest

from dispatcher.configuration.settings import load
from dispatcher.database.apply_settings import apply_settings
from dispatcher.errors import UsageError
from tests.fixtures.dispatchers import Site
from wrappers.registry import names


def test_every_tool_that_a_task_may_name_is_known_with_its_models_and_its_proof(site: Site) -> None:
    site.configure("tools", choosy={"argv": ["choosy"], "proof": "none", "models": ["a", "b"]})

    known = {row["name"]: row for row in site.sql("SELECT name, models, is_proven FROM tools")}
    assert {*names(), "choosy", "sh"} <= known.keys()
    assert (known["choosy"]["models"], known["choosy"]["is_proven"]) == (["a", "b"], False)
    assert (known["claude"]["models"], known["claude"]["is_proven"]) == ([], True)

    site.configure("tools", choosy={"argv": ["choosy"], "fails": ["^error"]})
    [row] = site.sql("SELECT models, is_proven FROM tools WHERE name = 'choosy'")
    assert (row["models"], row["is_proven"]) == ([], True)


def test_a_preset_takes_a_group_and_a_limit_without_an_entry_of_its_own(site: Site) -> None:
    site.configure("groups", **{"qwen-main": {"tool": "qwen"}})
    site.configure("limits", **{"tool:qwen": 3})

    assert site.sql("SELECT FROM list_groups() WHERE tool = 'qwen'")


def test_only_what_is_built_in_or_named_gets_a_group_because_its_program_is_there(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The program of a preset may be another one of its name, such as `pi` or `llm`."""
    for name in ("codex", "qwen", "llm", "mine"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    site.sql("DELETE FROM worker_groups")
    site.config["groups"] = {}
    site.config["tools"] = {"mine": {"argv": ["mine"], "proof": "none"}, "llm": {"preset": "llm"}}

    with site.elsewhere() as connection:
        made = apply_settings(connection, load(site.write_config()))

    assert sorted(made) == ["codex-default", "llm-default", "mine-default"]


def test_schedules_of_the_file_are_brought_kept_and_removed_with_it(site: Site) -> None:
    task = {"tool": "sh", "prompt": "echo ${HOME} {{scheduled_at}}"}
    nightly = {"cron": "30 2 * * *", "tz": "Europe/Berlin", "task": task}
    site.configure("schedules", nightly=nightly, weekly={"cron": "@weekly", "task": task})
    listed = "select name, cron, zone, task ->> 'prompt' as prompt, revision from schedules order by name"
    first = site.sql(listed)
    assert [row["name"] for row in first] == ["nightly", "weekly"]
    assert (first[0]["zone"], first[0]["prompt"]) == ("Europe/Berlin", "echo ${HOME} {{scheduled_at}}")
    del site.config["schedules"]["weekly"]
    site.configure("schedules")
    assert site.sql(listed) == first[:1]


def test_a_schedule_of_the_file_that_cannot_be_read_is_refused(site: Site) -> None:
    task = {"tool": "sh", "prompt": "p"}
    for wrong, why in ({"cron": "61 * * * *"}, "bad minute"), ({"cron": "@daily", "tz": "Mars"}, "time zone"):
        with pytest.raises(UsageError, match=why):
            site.configure("schedules", nightly={**wrong, "task": task})
