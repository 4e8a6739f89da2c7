"""The header of each function says who calls it, and that is true: no function is without a caller."""

import json
import re

import sql

KINDS = ("API", "TRIGGER", "INTERNAL")
FILES = {file.name.removesuffix(".sql"): file.read_text() for file in sql.definitions()}
TRIGGERS = FILES.pop("triggers")


def code(text: str) -> str:
    """The text without its comments."""
    return re.sub(r"--.*", "", text)


def kinds() -> dict[str, str]:
    """What the first line of each file says: ``-- API show_task(task, …): returns …``."""
    lines = {name: text.splitlines()[0] for name, text in FILES.items()}
    matches = {name: re.match(r"-- ([A-Z]+) (\w+)\([^)]*\): \S", line) for name, line in lines.items()}
    assert [lines[name] for name, match in matches.items() if not (match and match[2] == name)] == []
    return {name: match[1] for name, match in matches.items() if match}


def named(kind: str) -> set[str]:
    return {name for name, found in kinds().items() if found == kind}


def test_each_file_creates_the_one_function_of_its_name_and_says_who_calls_it() -> None:
    for name, text in FILES.items():
        assert re.findall(r"CREATE OR REPLACE FUNCTION (\w+)", code(text)) == [name]
    assert set(kinds().values()) == set(KINDS)


def test_api_is_what_a_role_may_call() -> None:
    rules = re.search(r"c_rules CONSTANT jsonb := '(.*?)';", sql.grants().decode(), re.DOTALL)
    assert rules is not None
    granted = {name for rule in json.loads(rules[1]) for name in rule["functions"]}
    assert named("API") == granted


def test_trigger_is_what_a_trigger_calls() -> None:
    assert named("TRIGGER") == set(re.findall(r"EXECUTE FUNCTION (\w+)\(", TRIGGERS))


def test_internal_is_what_another_function_of_ours_calls() -> None:
    called = {
        name
        for name in FILES
        if any(re.search(rf"\b{name}\(", code(text)) for other, text in FILES.items() if other != name)
    }
    assert named("INTERNAL") - called == set()
