"""Makes a task of a row of a file: of its columns, and of what the command line says for all rows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec

from cli.input.bulk.templates import Template
from cli.input.task_fields import FIELDS
from dispatcher.database.refusals import NUL, holds_nul
from dispatcher.errors import UsageError
from dispatcher.task_rows.dependencies import names_steps
from dispatcher.task_rows.fields import nearest, option_of
from dispatcher.task_rows.prompts import MOST_PROMPT_BYTES
from dispatcher.task_rows.task_files import Row, TaskFile

Value = TypeVar("Value")

MOST_RENDERED_CHARACTERS = MOST_PROMPT_BYTES + 2**20
"""The longest text that all templates together may make of one row: the longest prompt and some more."""

MOST_UNUSED_NAMED = 20

BEYOND_THE_TASK = {option: field.reaches for option, field in FIELDS.items() if field.reaches is not None}
"""The fields that a file may set only where the command line allows it, see :attr:`Field.reaches`."""

_EITHER = {"at": "delay", "delay": "at"}
"""If a row sets one of these, it replaces both of the command line."""

_CALLED_BY_SQL = {field.key.replace("_", "-"): option for option, field in FIELDS.items()}


class TaskMaker:
    """Makes tasks of rows. ``defaults`` are options for rows that do not set them; their texts are templates.

    ``allowed`` are those of :data:`BEYOND_THE_TASK` that rows may set, too.

    Values of rows are taken as they are, so braces in them mean nothing. Raises :class:`UsageError` for a template that
    cannot be parsed, and for a default that is wrong for every row.
    """

    def __init__(self, file: TaskFile, defaults: Mapping[str, object], allowed: Collection[str] = ()) -> None:
        self._file = file
        self._forbidden = BEYOND_THE_TASK.keys() - set(allowed)
        self._constants: dict[str, object] = {}
        self._templates: dict[str, Template | Sequence[Template]] = {}
        for option, value in defaults.items():
            self._add_default(option, value)
        self._references = frozenset(
            name
            for template in self._templates.values()
            for one in ([template] if isinstance(template, Template) else template)
            for name in one.names
        )
        self.unused: dict[str, None] = {}
        """The columns so far that are not a field and that no template names, in their order."""

        self.all_have_keys = True
        """Whether all tasks so far have keys. Then the file can be submitted again, and no task is queued twice."""

        self._has_steps = False
        self._fields_of = lru_cache(32)(self._look_at_columns)
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def task(self, row: Row) -> dict[str, object]:
        """Return the task for submit_tasks(). Raises :class:`UsageError` with the line of the row."""
        fields, complaint = self._fields_of(tuple(row.values))
        if complaint is not None:
            raise self._file.wrong(row.line, str(complaint), hint=complaint.hint)
        task: dict[str, object] = {}
        given = set()
        for column, option in fields:
            value = row.values[column]
            if value is not None and value != "":
                given.add(option)
                task[FIELDS[option].key] = self._checked(row, column, FIELDS[option].read, value)
        if given.issuperset(_EITHER):
            raise self._file.wrong(row.line, "give at or delay, not both")
        self._fill_in(task, given, row)
        for needed in ("tool", "prompt"):
            if needed not in task:
                raise self._file.wrong(
                    row.line, f"there is no {needed}", hint=f"name it on the command line or in {needed!r}"
                )
        self.all_have_keys = self.all_have_keys and "idempotency_key" in task
        self._has_steps = self._has_steps or names_steps(task)
        return task

    def must_stay_together(self) -> bool:
        """Whether some tasks so far are steps or name steps: then the database must get them in one statement."""
        return self._has_steps

    def encode(self, row: Row) -> bytes:
        """Return :meth:`task` as JSON. Raises :class:`UsageError`."""
        encoded = self._encoder.encode(self.task(row))
        if holds_nul(encoded):
            raise self._file.wrong(row.line, NUL)
        return encoded

    def _add_default(self, option: str, value: object) -> None:
        template: Template | Sequence[Template]
        try:
            if isinstance(value, str):
                template = Template.parse(value)
                constant: object = None if template.names else template.render({})
            elif isinstance(value, list):
                template = [Template.parse(one) for one in value]
                constant = (
                    None if any(one.names for one in template) else [one.render({}) for one in template]
                )
            else:
                template, constant = (), value
            if constant is None:
                self._templates[option] = template
            else:
                self._constants[option] = FIELDS[option].read(constant)
        except UsageError as error:
            raise UsageError(f"{option}: {error}", hint=error.hint) from error

    def _fill_in(self, task: dict[str, object], given: set[str], row: Row) -> None:
        """Add the defaults for the fields that the row does not set, and for each label that it does not name."""
        for option, constant in self._constants.items():
            if option not in given and _EITHER.get(option) not in given:
                task[FIELDS[option].key] = constant
            elif option == "label":
                task["labels"] = _merged(constant, task["labels"])
        room = MOST_RENDERED_CHARACTERS
        for option, template in self._templates.items():
            if option not in given and _EITHER.get(option) not in given:
                task[FIELDS[option].key], room = self._rendered(row, option, template, room)
            elif option == "label":
                labels, room = self._rendered(row, option, template, room)
                task["labels"] = _merged(labels, task["labels"])

    def _rendered(
        self, row: Row, option: str, template: Template | Sequence[Template], room: int
    ) -> tuple[object, int]:
        """Return the value of an option, and how many characters the other templates may still make of this row."""

        def render(values: Mapping[str, object]) -> object:
            nonlocal room
            rendered = []
            for one in [template] if isinstance(template, Template) else template:
                rendered.append(one.render(values, room))
                room -= len(rendered[-1])
            return FIELDS[option].read(rendered[0] if isinstance(template, Template) else rendered)

        return self._checked(row, option, render, row.values), room

    def _checked(self, row: Row, name: str, read: Callable[[Value], object], value: Value) -> object:
        try:
            return read(value)
        except UsageError as error:
            raise self._file.wrong(row.line, f"{name}: {error}", hint=error.hint) from error

    def _look_at_columns(self, columns: Sequence[str]) -> tuple[Sequence[tuple[str, str]], UsageError | None]:
        """Return which columns are which fields, and what is wrong with them."""
        fields: dict[str, str] = {}
        if forbidden := {
            option: column for column in columns if (option := option_of(column)) in self._forbidden
        }:
            return (), _forbidden(forbidden)
        for column in columns:
            option = option_of(column)
            if option is not None:
                if option in fields:
                    return (), UsageError(f"{fields[option]!r} and {column!r} both name the {option}")
                fields[option] = column
            elif column not in self._references:
                complaint = self._complaint_about(column)
                if complaint is not None:
                    return (), complaint
                self.unused[column if len(self.unused) < MOST_UNUSED_NAMED else "…"] = None
        return [(column, option) for option, column in fields.items()], None

    def _complaint_about(self, column: str) -> UsageError | None:
        """Return what is wrong with a column that is not a field and that no template names.

        A file for templates may have columns for other purposes. Without templates such a column is a mistake. A column
        whose name is close to that of a field is always a mistake.
        """
        name = column.casefold().replace("_", "-").replace(" ", "-")
        meant = _CALLED_BY_SQL.get(name) or nearest(name, FIELDS)
        if meant is not None:
            return UsageError(
                f"{column!r} is not a field of a task; did you mean {meant!r}?",
                hint=f"if not, rename it or use it in a template: {{{{{column}}}}}",
            )
        if self._references:
            return None
        return UsageError(
            f"{column!r} is not a field of a task, and no template uses it",
            hint=f"fields are {', '.join(FIELDS)}; a template on the command line names others: {{{{{column}}}}}",
        )


def allowed_columns(given: str) -> Sequence[str]:
    """Return the options that ``--columns`` names, separated by commas. Raises :class:`UsageError`."""
    named = [option_of(name.strip()) for name in given.split(",")]
    if not BEYOND_THE_TASK.keys() >= set(named):
        raise UsageError(
            f"{given!r} is not valid for --columns: expected {', '.join(BEYOND_THE_TASK)}, separated by commas",
            hint="all other columns are accepted without it",
        )
    return [option for option in named if option is not None]


def _forbidden(columns: Mapping[str, str]) -> UsageError:
    """Return the error for these columns, by their options."""
    option, column = next(iter(columns.items()))
    return UsageError(
        f"the column {column!r} {BEYOND_THE_TASK[option]}, which a file may do only if the command line allows it",
        hint=f"if you trust the author of the file: --columns {','.join(columns)}; else remove the column",
    )


def _merged(defaults: object, own: object) -> object:
    assert isinstance(defaults, dict)
    assert isinstance(own, dict)
    return {**defaults, **own}
