"""What all verbs that act on tasks do: act at once on tasks that are named, and ask before others are changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.input.confirmation import confirm
from cli.input.selectors import Selector
from cli.show.output import WriteFormat, complain, say, to_json, write
from cli.show.words import ranges, state_word
from dispatcher.errors import ExitCode, WrongStateError
from dispatcher.quantities import plural

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.people import BulkResult, TaskState
    from sql.selection import Selection


DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show which tasks it would be, but change nothing.")
]


class Words(NamedTuple):
    verb: str
    done: str
    done_to_many: str


class Action(StrEnum):
    """The actions of act_on_tasks()."""

    CANCEL = "cancel"
    RETRY = "retry"
    HOLD = "hold"
    RELEASE = "release"
    TOP = "top"
    EDIT = "edit"
    APPROVE = "approve"
    DENY = "deny"

    @property
    def words(self) -> Words:
        return _WORDS[self]


_WORDS = {
    Action.CANCEL: Words("cancel", "canceled", "canceled"),
    Action.RETRY: Words("retry", "queued", "queued"),
    Action.HOLD: Words("hold", "held", "held"),
    Action.RELEASE: Words("release", "released", "released"),
    Action.TOP: Words("put first", "goes first", "go first"),
    Action.EDIT: Words("change", "changed", "changed"),
    Action.APPROVE: Words("approve", "approved", "approved"),
    Action.DENY: Words("deny", "denied", "denied"),
}


_STOPPING = ("leased", "running")
"""The states in which a task stays for a moment after it was canceled."""


@dataclass(frozen=True, slots=True)
class ActOptions:
    yes: bool
    dry_run: bool
    output: WriteFormat


def act(
    action: Action,
    selector: Selector,
    options: ActOptions,
    changes: Mapping[str, object] | None = None,
) -> ExitCode:
    """Act on the selected tasks and report it; the exit code is 5 if a task that was named refuses.

    Raises UsageError where nothing is selected, and what act_on_tasks() raises.
    """
    select = selector.required()
    # A cascade is about more than what is named.
    is_named = selector.names_only and not (changes or {}).get("cascade")
    from cli.database.connection import opened

    with opened() as db:
        if options.dry_run:
            return _report_plan(db, action, _planned(db, action, select, changes), options.output)
        if is_named or options.yes:
            from sql import calls

            result = db.call(calls.act_on_tasks(action.value, select, changes=changes))
        else:
            result = _confirmed(db, action, select, changes)
        return _report(db, action, result, options.output, one_by_one=is_named)


def _planned(
    db: "Database", action: Action, select: "Selection", changes: Mapping[str, object] | None
) -> "BulkResult":
    from sql import calls

    return db.call(calls.act_on_tasks(action.value, select, dry_run=True, changes=changes))


def _confirmed(
    db: "Database", action: Action, select: "Selection", changes: Mapping[str, object] | None
) -> "BulkResult":
    """Act on as many tasks as somebody has agreed to; if there are others meanwhile, ask again."""
    from sql import calls

    while True:
        planned = _planned(db, action, select, changes)
        if not planned.matched:
            return planned
        states = Counter(state.status for state in _states(db, planned))
        counted = ", ".join(f"{count} {state_word(state)}" for state, count in states.items())
        confirm(f"{action.words.verb.capitalize()} {plural(planned.matched, 'task')} ({counted})?", yes=False)
        try:
            return db.call(calls.act_on_tasks(action.value, select, planned.matched, changes=changes))
        except WrongStateError as error:
            say(f"{error}: nothing was changed")


def _report(
    db: "Database", action: Action, result: "BulkResult", output: WriteFormat, *, one_by_one: bool
) -> ExitCode:
    """Print what was done, and complain of each task that was named and refuses."""
    if output is not WriteFormat.TEXT:
        _print_for_programs(db, result, output)
    elif result.matched:
        # Of the running ones a cancel only asks, and their agents may just have ended.
        others = {
            state.number: state.status
            for state in (_states(db, result) if action is Action.CANCEL else ())
            if state.status != "canceled"
        }
        if one_by_one:
            for number in result.numbers:
                write(f"task {number} {_outcome(action, others.get(number))}")
        else:
            write(_outcomes(action, result.matched - len(others), Counter(others.values())))
    return _complain_of_refusals(action, result, one_by_one=one_by_one)


def _report_plan(db: "Database", action: Action, planned: "BulkResult", output: WriteFormat) -> ExitCode:
    if output is not WriteFormat.TEXT:
        _print_for_programs(db, planned, output)
    elif planned.matched:
        states = _states(db, planned)
        write(f"would {action.words.verb} {plural(planned.matched, 'task')}:")
        for status in dict.fromkeys(state.status for state in states):
            write(
                f"  {state_word(status)}: {ranges([state.number for state in states if state.status == status])}"
            )
    return _complain_of_refusals(action, planned, one_by_one=False)


def _complain_of_refusals(action: Action, result: "BulkResult", *, one_by_one: bool) -> ExitCode:
    if not result.matched and not result.refused:
        # A task that is already as the action would leave it is not refused.
        so = f"nothing was changed: it is {action.words.done} already"
        say(so if one_by_one else f"there is no task to {action.words.verb}")
    for refused in result.refused:
        complain(refused.message, refused.hint)
    return ExitCode.WRONG_STATE if result.refused else ExitCode.OK


def _print_for_programs(db: "Database", result: "BulkResult", output: WriteFormat) -> None:
    if output is WriteFormat.JSON:
        write(to_json(_states(db, result)))
    elif result.numbers:
        write("\n".join(map(str, result.numbers)))


def _outcome(action: Action, other_status: str | None) -> str:
    if other_status is None:
        return action.words.done
    if other_status in _STOPPING:
        return f"is asked to stop ({state_word(other_status)})"
    return f"is not canceled, but {other_status}"


def _outcomes(action: Action, done: int, others: Counter[str]) -> str:
    words = action.words.done if done == 1 else action.words.done_to_many
    parts = [f"{plural(done, 'task')} {words}"] if done else []
    if stopping := sum(others.pop(status, 0) for status in _STOPPING):
        parts.append(f"{plural(stopping, 'task')} asked to stop")
    parts += [f"{plural(count, 'task')} not canceled, but {status}" for status, count in others.items()]
    return ", ".join(parts)


def _states(db: "Database", result: "BulkResult") -> "Sequence[TaskState]":
    from sql import calls

    return db.call(calls.task_states([str(number) for number in result.numbers])) if result.numbers else []
