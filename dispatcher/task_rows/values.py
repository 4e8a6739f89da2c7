"""How the values of task fields are read: from a parsed option, a cell of a CSV file or a value of JSON.

Each function returns what submit_tasks() takes, and raises UsageError.
"""

import base64
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

from dispatcher.configuration.given_files import open_regular, unreadable
from dispatcher.configuration.paths import expanded
from dispatcher.durations import seconds_of
from dispatcher.errors import UsageError
from dispatcher.task_rows.prompts import require_prompt
from dispatcher.task_rows.text import text_of
from dispatcher.task_rows.times import moment_of

MOST_INPUT_BYTES = 128 * 2**20
"""All input files of a task together. They travel as base64 in a JSON value of at most 256 MiB."""


def text(value: object) -> str:
    if isinstance(value, bool | list | dict):
        raise UsageError(f"{text_of(value)} is not text")
    return text_of(value)


def prompt(value: object) -> str:
    return require_prompt(text(value))


def whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = text_of(value).strip()
        if not re.fullmatch(r"\d{1,9}", number, re.ASCII) or not lowest <= int(number) <= highest:
            raise UsageError(f"{number!r} is not a whole number from {lowest} to {highest}")
        return int(number)

    return read


def truth(value: object) -> bool:
    """Read an option without a value, and true or false as files write it."""
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    word = text_of(value).strip().casefold()
    if word not in known:
        raise UsageError(f"{word!r} is not one of true, false")
    return known[word]


def attempts(value: object) -> int:
    return whole(0, 99)(value) + 1


def seconds(value: object) -> int:
    try:
        return seconds_of(text_of(value))
    except ValueError as error:
        raise UsageError(str(error)) from error


def moment(value: object) -> str:
    try:
        return moment_of(text(value)).isoformat()
    except ValueError as error:
        raise UsageError(str(error)) from error


def one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            raise UsageError(f"{text_of(value)!r} is not one of {', '.join(choices)}")
        return str(value)

    return read


def directory(value: object) -> str:
    # The directory is on the dispatcher's host, so nothing here looks whether it exists.
    return os.path.abspath(expanded(text(value)))  # noqa: PTH100 - also without the directory


def repository(value: object) -> str:
    """Return a name in config.yaml as it is, and the absolute path of anything else: ``.``, ``~/src/shop``."""
    given = text(value)
    if not given:
        raise UsageError("a repository must not be empty: expected a name in config.yaml or a path such as .")
    return given if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", given) else directory(given)


def texts(value: object) -> list[str]:
    """Return a list as it is; split a text at each ``;``."""
    if isinstance(value, list):
        return [text(one) for one in value]
    return [part.strip() for part in text(value).split(";") if part.strip()]


def classes(value: object) -> list[str]:
    return [name.strip() for some in texts(value) for name in some.split(",") if name.strip()]


def labels(value: object) -> dict[str, object]:
    """Return an object of JSON as it is; read texts such as ``team=web``."""
    if isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for label in texts(value):
        key, separator, meaning = label.partition("=")
        if not separator or not key:
            raise UsageError(f"{label!r} is not a label: expected KEY=VALUE")
        if key in found:
            raise UsageError(f"the label {key} is given twice")
        found[key] = meaning
    return found


def input_files(value: object) -> Sequence[Mapping[str, object]]:
    """Read each ``FILE[:NAME]``, if it is a regular file. A file whose own name has a colon is found by that name."""
    files: list[Mapping[str, object]] = []
    room = MOST_INPUT_BYTES
    for one in texts(value):
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
                hint="put them where the agent can read them, and name that place in the prompt",
            )
        files.append({"path": name, "content_base64": base64.b64encode(content).decode(), "mode": mode})
    return files
