"""What can be changed of queued tasks and with a retry, by ``--set KEY=VALUE`` and as YAML in an editor.

The names are those of the options of `llmctl submit`, and so are the values. An empty value takes that of a task that
is submitted without the option, and removes a label.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from cli.input.prompts import read_prompt
from cli.input.task_fields import FIELDS
from dispatcher.durations import as_typed
from dispatcher.errors import UsageError
from dispatcher.task_rows.text import text_of

EDITABLE = (
    *("name", "priority", "model", "fallback-model", "permission", "queue"),
    *("timeout", "stall-timeout", "retries", "retry-delay", "label"),
    *("setup", "check", "setup-timeout", "check-timeout", "prompt"),
)
"""The fields that can be changed, in the order in which an editor shows them."""

_LABEL = "label."


def changes_of(assignments: Iterable[str]) -> dict[str, object]:
    """Return the changes for act_on_tasks() that texts such as ``priority=8`` name. Raises UsageError."""
    given: dict[str, object] = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator:
            raise UsageError(f"{assignment!r} is not a change: expected KEY=VALUE, such as priority=8")
        if key in given:
            raise UsageError(f"{key} is given twice")
        given[key] = value or None
    labels = {key.removeprefix(_LABEL): given.pop(key) for key in list(given) if key.startswith(_LABEL)}
    if "label" in given or "" in labels:
        raise UsageError("a label needs its key: expected label.KEY=VALUE, such as label.batch=x")
    if isinstance(prompt := given.get("prompt"), str):
        given["prompt"] = _prompt(prompt)
    return _changes({**given, **({"label": labels} if labels else {})})


def typed_fields(task: Mapping[str, object]) -> dict[str, object]:
    """Return the editable fields of a task, the object of show_task(), as people type them."""
    fields: dict[str, object] = {}
    for name in EDITABLE:
        value = task[FIELDS[name].key]
        match name:
            case "timeout" | "stall-timeout" | "retry-delay" | "setup-timeout" | "check-timeout" if (
                isinstance(value, int | float)
            ):
                fields[name] = as_typed(round(value))
            case "retries" if isinstance(value, int):
                fields[name] = value - 1
            case _:
                fields[name] = value
    return fields


def changes_between(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Return the changes that make typed fields what a person left of them; a field that is gone is unchanged.

    Raises UsageError.
    """
    after = {name: _typed(value) for name, value in after.items()}
    changed = {name: value for name, value in after.items() if name not in before or value != before[name]}
    if "label" in changed:
        changed["label"] = _changed_labels(before["label"], changed["label"])
    return _changes(changed)


def _typed(value: object) -> object:
    """Return a value of YAML as it was typed: what looks like a date is text here."""
    if isinstance(value, dict):
        return {key: _typed(one) for key, one in value.items()}
    return str(value) if isinstance(value, date) else value


def _changed_labels(before: object, after: object) -> dict[str, object]:
    after = {} if after is None else after
    if not isinstance(after, dict) or not isinstance(before, Mapping):
        raise UsageError("label: expected keys and values, such as `batch: x`")
    removed = {key: None for key in before if key not in after}
    return {**removed, **{str(key): value for key, value in after.items() if value != before.get(key)}}


def _changes(given: Mapping[str, object]) -> dict[str, object]:
    """Return changes with the keys of submit_tasks(); ``given`` has names and values of options."""
    changes: dict[str, object] = {}
    for name, value in given.items():
        if name not in EDITABLE:
            known = ", ".join(one if one != "label" else "label.KEY" for one in EDITABLE)
            raise UsageError(f"{name!r} cannot be changed: expected {known}")
        field = FIELDS[name]
        if name == "label" and isinstance(value, Mapping):
            changes[field.key] = {key: None if one is None else text_of(one) for key, one in value.items()}
        elif value is None and name != "prompt":
            changes[field.key] = None
        else:
            try:
                changes[field.key] = field.read("" if value is None else value)
            except UsageError as error:
                raise UsageError(f"{name}: {error}", hint=error.hint) from error
    return changes


def _prompt(given: str) -> str:
    if given == "-":
        return read_prompt("edit TASK", "-", None)
    return read_prompt("edit TASK", None, given[1:]) if given.startswith("@") else given
