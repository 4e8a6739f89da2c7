"""The fields of a task, under the names of the options of `llmctl submit`, and how each is read.

A value is what an option of the command line was parsed to, a cell of a CSV file, or a value of JSON.
"""

import base64
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

import typer

from cli.input.prompts import require_prompt
from cli.input.times import parse_duration, parse_time
from cli.show.text import text_of
from dispatcher.configuration.given_files import open_regular, unreadable
from dispatcher.configuration.paths import expanded
from dispatcher.errors import UsageError

MOST_INPUT_BYTES = 128 * 2**20
"""All input files of a task together. They travel as base64 in one JSON value of at most 256 MiB."""

PERMISSIONS = ("read", "edit", "full")


class Field(NamedTuple):
    key: str
    """What submit_tasks() calls it."""

    read: Callable[[object], object]
    """From a value to what submit_tasks() takes; raises :class:`UsageError`."""


def option_of(column: str) -> str | None:
    """The field that a column names: ``Retry on`` and ``retry_on`` are ``retry-on``; None if it is no field."""
    name = re.sub(r"[ _]", "-", column.casefold())
    name = "label" if name == "labels" else name
    return name if name in FIELDS else None


def task_of(options: Mapping[str, object]) -> dict[str, object]:
    """A task for submit_tasks() of the options that were given: those that are not None."""
    return {
        FIELDS[option].key: FIELDS[option].read(value)
        for option, value in options.items()
        if value is not None
    }


def _text(value: object) -> str:
    if isinstance(value, bool | list | dict):
        raise UsageError(f"{text_of(value)} is no text")
    return text_of(value)


def _prompt(value: object) -> str:
    return require_prompt(_text(value))


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = text_of(value).strip()
        if not re.fullmatch(r"\d{1,9}", number, re.ASCII) or not lowest <= int(number) <= highest:
            raise UsageError(f"{number!r} is no whole number from {lowest} to {highest}")
        return int(number)

    return read


def _attempts(value: object) -> int:
    return _whole(0, 99)(value) + 1


def _seconds(value: object) -> int:
    try:
        return parse_duration(text_of(value))
    except typer.BadParameter as error:
        raise UsageError(error.message) from error


def _moment(value: object) -> str:
    try:
        return parse_time(_text(value)).isoformat()
    except typer.BadParameter as error:
        raise UsageError(error.message) from error


def _permission(value: object) -> str:
    if value not in PERMISSIONS:
        raise UsageError(f"{text_of(value)!r} is none of {', '.join(PERMISSIONS)}")
    return str(value)


def _directory(value: object) -> str:
    # Of the dispatcher's host, so it cannot be looked for here.
    return os.path.abspath(expanded(_text(value)))  # noqa: PTH100 - also without the directory


def _texts(value: object) -> list[str]:
    """A list as it is; one text may hold several, with ``;`` between them."""
    if isinstance(value, list):
        return [_text(one) for one in value]
    return [part.strip() for part in _text(value).split(";") if part.strip()]


def _classes(value: object) -> list[str]:
    return [name.strip() for text in _texts(value) for name in text.split(",") if name.strip()]


def _labels(value: object) -> dict[str, object]:
    """``team=web`` and more of them as a mapping; an object of JSON is one already."""
    if isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for label in _texts(value):
        key, separator, text = label.partition("=")
        if not separator or not key:
            raise UsageError(f"a label is KEY=VALUE, not {label!r}")
        if key in found:
            raise UsageError(f"the label {key} is given twice")
        found[key] = text
    return found


def _input_files(value: object) -> Sequence[Mapping[str, object]]:
    """Read each ``FILE[:NAME]``, regular files only; one whose own name has a colon is found as it is."""
    files: list[Mapping[str, object]] = []
    room = MOST_INPUT_BYTES
    for one in _texts(value):
        path, name = one, PurePath(one).name
        if ":" in one and not os.path.exists(one):  # noqa: PTH110 - of Path it raises for a name that is too long
            path, _, name = one.rpartition(":")
        with open_regular(path) as source:
            try:
                content = source.read(room + 1)
            except OSError as error:
                raise unreadable(path, error) from error
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode) & 0o777
        room -= len(content)
        if room < 0:
            raise UsageError(
                f"the input files are larger than {MOST_INPUT_BYTES // 2**20} MiB together",
                hint="put them where the agent can read them, and name the place in the prompt",
            )
        files.append({"path": name, "content_base64": base64.b64encode(content).decode(), "mode": mode})
    return files


FIELDS: Mapping[str, Field] = {
    "tool": Field("tool", _text),
    "prompt": Field("prompt", _prompt),
    "model": Field("model", _text),
    "fallback-model": Field("fallback_model", _text),
    "account": Field("account", _text),
    "priority": Field("priority", _whole(1, 9)),
    "name": Field("name", _text),
    "label": Field("labels", _labels),
    "input": Field("input_files", _input_files),
    "output": Field("output_files", _texts),
    "workdir": Field("workdir", _directory),
    "at": Field("scheduled_at", _moment),
    "delay": Field("delay_s", _seconds),
    "timeout": Field("timeout_s", _seconds),
    "stall-timeout": Field("stall_timeout_s", _seconds),
    "retries": Field("max_attempts", _attempts),
    "retry-on": Field("retry_on", _classes),
    "retry-delay": Field("backoff_s", _seconds),
    "tenant": Field("tenant_id", _text),
    "queue": Field("queue", _text),
    "key": Field("idempotency_key", _text),
    "permission": Field("permission", _permission),
}
"""By the name of the option; a column of a file is called the same."""
