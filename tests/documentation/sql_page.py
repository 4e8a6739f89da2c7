"""docs/sql.md: the functions that roles other than the dispatcher's may call, from their files and from grants.sql."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import sql
from sql.selection import Selection
from tests.documentation.meanings import meaning
from tests.documentation.structs import cell, fields

FUNCTIONS = Path(sql.__file__).parent / "functions"
THEMES: Mapping[str, str] = {
    "submit": "Submit",
    "tasks": "Tasks",
    "read": "Lists and details",
    "lists": "Pages of long lists",
    "selections": "Selections",
    "actions": "Actions",
    "schedules": "Schedules",
    "fires": "Firing schedules",
    "sessions": "Sessions",
    "waiting": "Why a task waits",
    "output": "Output and files",
    "changes": "Changes of repositories",
    "decisions": "Questions, approvals and the inbox",
    "tries": "Several tries",
    "workflows": "Workflows",
    "groups": "Accounts",
    "service": "What hosts serve",
    "limits": "Limits",
    "hooks": "Hooks",
    "tallies": "Counts and metrics",
    "retention": "Retention",
    "roles": "Tenants and tokens",
    "runs": "Runs",
    "dispatchers": "Dispatchers",
    "database": "The database",
}
"""The folders of sql/functions in the order in which a reader wants them, each with its heading."""

DISPATCHER_ALONE = ["dispatcher"]


class Function(NamedTuple):
    name: str
    theme: str
    about: Sequence[str]
    """Its header without the dashes; lines that are indented are code."""
    signature: str
    callers: Sequence[str]


def text() -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join([*_task_keys(), *_selection(), *_lines()]))


def functions() -> list[Function]:
    """Return each function that a role may call, unless only a dispatcher may."""
    callers = _callers()
    return [
        _read(file, callers[file.stem])
        for file in sorted(FUNCTIONS.glob("*/*.sql"), key=lambda file: file.name)
        if file.stem in callers and callers[file.stem] != DISPATCHER_ALONE
    ]


def _callers() -> Mapping[str, Sequence[str]]:
    rules = re.search(r"c_rules CONSTANT jsonb := '(.*?)';", sql.grants().decode(), re.DOTALL)
    assert rules is not None
    callers: dict[str, list[str]] = {}
    for rule in json.loads(rules[1]):
        for name in rule["functions"]:
            callers.setdefault(name, []).extend(rule["to"])
    return callers


def _read(file: Path, callers: Sequence[str]) -> Function:
    source = file.read_text()
    lines = source.splitlines()
    header = next(place for place, line in enumerate(lines) if not line.startswith("--"))
    about = [line.removeprefix("--").removeprefix(" ") for line in lines[:header]]
    about[0] = re.sub(r"^API \w+\([^)]*\): (\w)", lambda first: first[1].upper(), about[0])
    signature = re.search(r"CREATE OR REPLACE FUNCTION (.*?)\s*\nLANGUAGE", source, re.DOTALL)
    assert signature is not None, file
    return Function(file.stem, file.parent.name, about, signature[1], callers)


def _task_keys() -> Iterator[str]:
    source = (FUNCTIONS / "tasks" / "task_keys.sql").read_text()
    keys = re.search(r"SELECT '(\{.*?\})'::jsonb", source, re.DOTALL)
    assert keys is not None
    yield from ("### The keys of a task", "")
    yield from ("What `submit_tasks()` takes for each task; those of `submit_task()` begin with `p_`.", "")
    yield from _table((name, meaning("submit", name)) for name in json.loads(keys[1]))


def _selection() -> Iterator[str]:
    yield from ("### The keys of a selection", "")
    yield from (
        "`p_select` is a JSON object that says which tasks are meant. All that is given must fit.",
        "",
    )
    yield from _table((field.name, meaning("Selection", field.name)) for field in fields(Selection))


def _table(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from ("| key | meaning |", "|---|---|")
    yield from (f"| `{key}` | {cell(means)} |" for key, means in lines)
    yield ""


def _lines() -> Iterator[str]:
    by_theme: dict[str, list[Function]] = {}
    for function in functions():
        by_theme.setdefault(function.theme, []).append(function)
    assert by_theme.keys() <= THEMES.keys(), f"THEMES has no heading for {by_theme.keys() - THEMES.keys()}"
    for theme, heading in THEMES.items():
        if theme in by_theme:
            yield from (f"### {heading}", "")
            for function in by_theme[theme]:
                yield from _section(function)


def _section(function: Function) -> Iterator[str]:
    yield from (f"#### {function.name}", "", "```sql", function.signature, "```", "")
    yield from _paragraphs(function.about)
    yield from (f"May be called by: {', '.join(function.callers)}.", "")


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Return a header as Markdown: a sentence about locks or errors begins a paragraph, and examples are code."""
    code = False
    for place, line in enumerate(lines):
        if line.startswith("  ") != code:
            yield from (("```", "") if code else ("", "```sql"))
            code = not code
        if not code and place and re.match(r"(Locks|Raises|Cost)\b", line):
            yield ""
        yield line.strip() if code else _escaped(line)
    if code:
        yield "```"
    yield ""


def _escaped(line: str) -> str:
    """Return a line of a header in which what Markdown would take for something else stands as it is."""
    line = re.sub(r"(?<![`\w])(\w*\w_\w+\(?\)?)(?![`\w])", r"`\1`", line) if "`" not in line else line
    return line.replace("<", "&lt;").replace("*", "\\*")
