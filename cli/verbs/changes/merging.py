"""What `llmctl merge` does with one change after the other."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.repositories.merging import Branch
from cli.repositories.places import fetch
from cli.repositories.scratch import Commands, Failure, Scratch, scratch_of
from cli.repositories.trees import ConflictError
from cli.show.changes.merges import MergeRow, Result
from cli.show.output import say
from cli.verbs.changes.recorded import continued_by, named_repository, recorded, why_none, why_unproven
from dispatcher.configuration import settings
from dispatcher.configuration.grants import runs_commands
from dispatcher.errors import WrongStateError
from dispatcher.terminal import harmless, one_line
from sql import calls
from sql.rows.changes import ChangeRow
from sql.rows.people import Task

if TYPE_CHECKING:
    from cli.database.connection import Database

_SUBJECT = 72
_TAIL_LINES = 20


@dataclass(frozen=True)
class Wanted:
    """What was asked for: another check than that of each task, none, or also what is not proven."""

    check: str | None
    no_check: bool
    any_state: bool


class Merging:
    """Puts changes onto a branch that does not move yet, and removes at its end what it needed for their checks."""

    def __init__(self, db: "Database", branch: Branch, wanted: Wanted) -> None:
        self._db = db
        self._branch = branch
        self._wanted = wanted
        self._settings = settings.load()
        self._closing = ExitStack()
        self._scratch: Scratch | None = None

    def __enter__(self) -> "Merging":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def merge(self, row: ChangeRow) -> MergeRow:
        """Merge one change if it fits and its check passes on top of the others."""
        if result := self._passed_over(row):
            return result
        change = recorded(row)
        task = self._db.call(calls.show_task(str(row.number), with_output=False))
        commands = self._commands(row, task)
        if isinstance(commands, str):
            return _row(row, "left", commands)
        failure: Failure | None = None

        def proves(commit: str) -> bool:
            nonlocal failure
            if commands is None:
                return True
            failure = self._tree().prove(commit, row.number, commands)
            return failure is None

        try:
            is_merged = self._branch.merge(change, message_of(task), proves, continued_by(self._db, row))
        except ConflictError as error:
            return _row(
                row, "conflict", str(error), files=[path.decode(errors="replace") for path in error.files]
            )
        except WrongStateError as error:  # a file in the way
            return _row(row, "left", error.with_hint)
        if not is_merged:
            assert failure is not None
            _tell(row, failure)
            return _row(row, "red", f"{failure.command!r} {failure.how}")
        return _row(row, "merged", None if commands else "not checked", commit=self._branch.tip)

    def _passed_over(self, row: ChangeRow) -> MergeRow | None:
        if why := why_none(row):
            return _row(row, "left" if row.ref is None else "no changes", why[0])
        if not self._wanted.any_state and (unproven := why_unproven(row)):
            return _row(row, "left", f"{unproven}; --any-state merges it")
        change = recorded(row)
        if not fetch(self._branch.repository, change):
            place = self._branch.repository.place
            return _row(
                row, "left", f"its commits are not in {place}; `llmctl apply {row.number}` takes its patch"
            )
        if self._branch.has(change):
            return _row(row, "already there")
        if not self._branch.fits(change):
            return _row(
                row,
                "left",
                f"{self._branch.name} lacks the commit that it began with ({change.base[:12]}), which would come along;"
                f" `llmctl apply {row.number}` takes the change alone",
            )
        return None

    def _commands(self, row: ChangeRow, task: Task) -> Commands | str | None:
        """Return what proves a change, None for nothing, or why that must not run here."""
        if self._wanted.no_check:
            return None
        named = named_repository(row, self._settings)
        check = self._wanted.check or row.check_command
        if check is None and named is not None:
            check = named.check
        if not check:
            return None
        setup = task.setup_command if task.setup_command is not None else named and named.setup
        own = {
            command
            for command in (self._wanted.check, named and named.check, named and named.setup)
            if command
        }
        brought = [command for command in (check, setup) if command and command not in own]
        if brought and not runs_commands(self._settings):
            return (
                f"its task brings the command {brought[0]!r}, which security.allow_commands does not allow to run"
                " here; --check COMMAND or --no-check merges it"
            )
        execution = self._settings.execution
        return Commands(
            check,
            setup or None,
            task.check_timeout_s or (named and named.check_timeout) or execution.check_timeout,
            task.setup_timeout_s or (named and named.setup_timeout) or execution.setup_timeout,
        )

    def _tree(self) -> Scratch:
        if self._scratch is None:
            scratch = scratch_of(self._branch.repository, lambda remark: say(f"where checks run: {remark}"))
            self._scratch = self._closing.enter_context(scratch)
        return self._scratch


def message_of(task: Task) -> str:
    """Return the message of the commit that merges the change of a task."""
    prompt = one_line(next((line for line in task.prompt.splitlines() if line.strip()), ""))
    subject = f"Task {task.number}: {one_line(task.title)}"
    if len(subject) > _SUBJECT:
        subject = f"{subject[: _SUBJECT - 1]}…"
    body = f"{prompt}\n\n" if task.name else ""
    return f"{subject}\n\n{body}Llmctl-Task: {task.number}\n"


def _row(row: ChangeRow, result: Result, why: str | None = None, **more: object) -> MergeRow:
    return MergeRow(number=row.number, name=row.name, title=row.title, result=result, why=why, **more)  # type: ignore[arg-type]


def _tell(row: ChangeRow, failure: Failure) -> None:
    lines = harmless(failure.tail).splitlines()[-_TAIL_LINES:]
    said = "".join(f"\n  {line}" for line in lines)
    say(f"task {row.number}: {failure.command!r} {failure.how}{':' if said else ''}{said}")
