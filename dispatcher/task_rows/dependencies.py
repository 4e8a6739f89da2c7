"""Reads the fields by which tasks belong together: what one comes after, what it is given by others, what it spawns."""

import re
from collections.abc import Mapping, Sequence

from dispatcher.errors import UsageError
from dispatcher.task_rows.text import text_of
from dispatcher.task_rows.values import text, whole

_FILE = re.compile(r"(?P<task>[^:/]+)(?P<of_tree>/\*)?:(?P<path>[^:]+)(?::(?P<name>[^:]+))?")
_PLACE = re.compile(r"\{\{\s*(?:results?|file|patch|patches):[^{}]*\}\}")

_MOST = {"depth": 10, "children": 1_000, "tasks": 10_000}
_LIMITS = "depth=2,children=50,tasks=200,cost=5,tokens=1000000,tools=claude+codex"

COMES_AFTER = ("after", "after_any", "after_failed", "after_tree", "input_from")
"""The keys of submit_tasks() that name other tasks."""


def step(value: object) -> str:
    return text(value).strip()


def tasks(value: object) -> list[int | str]:
    """Return numbers of tasks, and steps of the same batch or beginnings of uuids as they are: ``12, plan``."""
    named = [
        name
        for one in (value if isinstance(value, list) else [value])
        for name in re.split(r"[,;\s]+", text(one))
        if name
    ]
    if not named:
        raise UsageError("no task is named: expected numbers such as 12,13, or steps of the same file")
    return [_task(name) for name in named]


def files_of_tasks(value: object) -> list[Mapping[str, object]]:
    """Read each ``TASK:PATH[:NAME]`` and ``TASK/*:PATH[:DIR]``; objects are returned as they are."""
    given = value if isinstance(value, list) else re.split(r"[;\n]", text(value))
    return [one if isinstance(one, dict) else _file(text(one).strip()) for one in given if one != ""]


def spawn_limits(value: object) -> Mapping[str, object]:
    """Read ``depth=2,cost=5``, or an object with the keys of the database or of this text."""
    pairs: Mapping[str, object]
    if isinstance(value, dict):
        pairs = {str(key): one for key, one in value.items()}
    else:
        pairs = dict(_pair(one.strip()) for one in text(value).split(",") if one.strip())
    return {"cost_usd" if key == "cost" else key: _limit(key, one) for key, one in pairs.items()}


def has_places(prompt: object) -> bool:
    """Return whether a prompt has places that are filled with what other tasks made, such as ``{{result:12}}``."""
    return isinstance(prompt, str) and _PLACE.search(prompt) is not None


def names_steps(task: Mapping[str, object]) -> bool:
    """Return whether a task is a step, or names one: then its batch must reach the database as one."""
    named: list[object] = []
    for key in COMES_AFTER:
        others = task.get(key)
        if isinstance(others, list):
            named += [one.get("task") if isinstance(one, dict) else one for one in others]
    return "step" in task or any(isinstance(one, str) for one in named)


def _task(name: str) -> int | str:
    return int(name) if re.fullmatch(r"[0-9]{1,18}", name, re.ASCII) else name


def _file(given: str) -> Mapping[str, object]:
    found = _FILE.fullmatch(given)
    if found is None:
        raise UsageError(
            f"{given!r} does not name a file of a task: expected TASK:PATH or TASK:PATH:NAME",
            hint="such as 12:report.md, or 12/*:report.md for that of each task that task 12 spawned",
        )
    file: dict[str, object] = {"task": _task(found["task"]), "path": found["path"]}
    if found["name"] is not None:
        file["name"] = found["name"]
    if found["of_tree"] is not None:
        file["of_tree"] = True
    return file


def _pair(given: str) -> tuple[str, str]:
    key, separator, meaning = given.partition("=")
    if not separator or not meaning:
        raise _not_a_limit(given)
    return key.strip(), meaning.strip()


def _limit(key: str, value: object) -> object:
    if key in _MOST:
        return whole(1, _MOST[key])(value)
    if key == "tokens":
        if not re.fullmatch(r"[1-9][0-9]{0,17}", text_of(value), re.ASCII):
            raise UsageError(f"{text_of(value)!r} is not a number of tokens: expected one above 0")
        return int(text_of(value))
    if key in ("cost", "cost_usd"):
        if (
            not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text_of(value), re.ASCII)
            or float(text_of(value)) <= 0
        ):
            raise UsageError(
                f"{text_of(value)!r} is not a cost in USD: expected a number above 0, such as 2.50"
            )
        return float(text_of(value))
    if key == "tools":
        return _tools(value)
    raise _not_a_limit(f"{key}={text_of(value)}")


def _tools(value: object) -> Sequence[str]:
    names = [text(one) for one in value] if isinstance(value, list) else text(value).split("+")
    return [name for one in names if (name := one.strip())]


def _not_a_limit(given: str) -> UsageError:
    return UsageError(f"{given!r} is not a limit of what a task spawns: expected some of {_LIMITS}")
