"""The one declaration of each task field, against the command line and the database that it is for."""

import json
import re
from importlib.resources import files

from cli.input.task_fields import FIELDS, facts_of
from dispatcher.task_rows.fields import option_of
from tests.cli.conftest import Llmctl


def test_each_field_is_an_option_with_a_help_and_a_column(without_database: Llmctl) -> None:
    shown = without_database.ok("submit", "--help")
    for name in FIELDS:
        if FIELDS[name].option is not None:
            assert re.search(rf"^  --{name}( \S+)? *\n? +\S", shown, re.MULTILINE), name
        assert option_of(name.replace("-", " ").title()) == name


def test_the_database_takes_each_field() -> None:
    source = (files("sql") / "functions" / "tasks" / "task_keys.sql").read_text()
    listed = re.search(r"'(\{.*?\})'::jsonb", source, re.DOTALL)
    assert listed is not None
    assert {field.key for field in FIELDS.values()} <= json.loads(listed[1]).keys()


def test_settings_are_shown_unless_they_are_empty_or_usual() -> None:
    task: dict[str, object] = {
        "tool": "claude",
        "account": None,
        "priority": 5,
        "labels": {"a": 1, "b": "c"},
        "output_files": [],
    }
    assert list(facts_of({**task, "queue": "default", "tenant_id": "acme"})) == [
        ("priority", "5"),
        ("labels", "a=1, b=c"),
        ("tenant", "acme"),
    ]
