"""The fields of a task.

One entry of :data:`FIELDS` makes an option of `llmctl submit`, a column of `submit --from` and a line of `llmctl show`.
How the value is read stands in :data:`dispatcher.task_rows.fields.ROW_FIELDS`.
"""

from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter, signature
from typing import Annotated, Literal, NamedTuple, ParamSpec, TypeVar

import typer

from cli.input.completers import live, several
from cli.input.times import checked_duration
from cli.show.text import words_of
from cli.show.words import TOP
from dispatcher.task_rows.fields import ROW_FIELDS, OnUnmet
from wrappers.modes import Permission

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class Field(NamedTuple):
    key: str
    """The name of the field in submit_tasks() and in what show_task() returns."""

    read: Callable[[object], object]
    """Turns a parsed option, a cell of CSV or a value of JSON into what submit_tasks() takes; raises
    :class:`dispatcher.errors.UsageError`.
    """

    option: object = None
    """The option of `llmctl submit`; None for what is an argument there."""

    title: str | None = None
    """What `llmctl show` writes before the value; None where it is not shown, or together with something else."""

    usual: object = None
    """A value that `llmctl show` leaves out."""

    reaches: str | None = None
    """What the field does beyond its task, for fields that a file may set only where the command line allows it: they
    reach other files and directories, with the rights of the user who submits or runs the task.
    """


def _text(help_: str, metavar: str | None = None, kind: str | None = None) -> object:
    """Return an option; ``kind`` names what the shell offers, see :func:`cli.input.completers.live`."""
    completer = live(kind) if kind else None
    return Annotated[str | None, typer.Option(metavar=metavar, help=help_, autocompletion=completer)]


def _texts(metavar: str, help_: str, kind: str | None = None) -> object:
    completer = live(kind) if kind else None
    return Annotated[list[str] | None, typer.Option(metavar=metavar, help=help_, autocompletion=completer)]


def _tasks(help_: str) -> object:
    return Annotated[
        list[str] | None,
        typer.Option(metavar="TASK,…", help=f"{help_} Repeatable.", autocompletion=several("task")),
    ]


def _number(lowest: int, highest: int, help_: str) -> object:
    return Annotated[int | None, typer.Option(metavar="N", min=lowest, max=highest, help=help_)]


def _duration(help_: str) -> object:
    return Annotated[str | None, typer.Option(parser=checked_duration, metavar="DURATION", help=help_)]


FIELDS: Mapping[str, Field] = {
    "tool": Field(*ROW_FIELDS["tool"]),
    "prompt": Field(*ROW_FIELDS["prompt"]),
    "model": Field(*ROW_FIELDS["model"], _text("Run the tool with this model.", kind="model")),
    "fallback-model": Field(
        *ROW_FIELDS["fallback-model"],
        _text("Use this model when the first one is overloaded; claude only.", kind="model"),
    ),
    "account": Field(
        *ROW_FIELDS["account"], _text("Use only this account of the tool.", kind="account"), title="account"
    ),
    "priority": Field(
        *ROW_FIELDS["priority"],
        _number(1, 9, "Start tasks with 9 first; 5 unless given."),
        title="priority",
    ),
    "name": Field(*ROW_FIELDS["name"], _text("Give the task a name.", kind="name")),
    "label": Field(
        *ROW_FIELDS["label"],
        _texts("KEY=VALUE", "Attach a label. Repeatable.", kind="label"),
        title="labels",
    ),
    "input": Field(
        *ROW_FIELDS["input"],
        _texts("FILE[:NAME]", "Copy FILE into the agent's directory (as NAME). Repeatable."),
        reaches="names files to read",
    ),
    "output": Field(
        *ROW_FIELDS["output"],
        _texts("PATH", "Require the agent to write this file, and keep it. Repeatable."),
        title="outputs",
    ),
    "workdir": Field(
        *ROW_FIELDS["workdir"],
        _text("Work in DIR, which must lie below security.allowed_roots of config.yaml.", "DIR"),
        title="directory",
        reaches="chooses the directory to work in",
    ),
    "repo": Field(
        *ROW_FIELDS["repo"],
        _text(
            "Work in a clone of this git repository: a name in config.yaml, or a path below "
            "security.allowed_roots, such as ./shop.",
            "PATH|NAME",
        ),
        title="repository",
        reaches="chooses the repository to work on",
    ),
    "ref": Field(
        *ROW_FIELDS["ref"], _text("Begin with this branch, tag or commit; HEAD unless given."), title="ref"
    ),
    "setup": Field(
        *ROW_FIELDS["setup"],
        _text("Run this command before the agent, such as 'npm ci'.", "COMMAND"),
        title="setup",
        reaches="runs a command",
    ),
    "check": Field(
        *ROW_FIELDS["check"],
        _text("Run this command after the agent: only if it exits with 0 the task succeeds.", "COMMAND"),
        title="check",
        reaches="runs a command",
    ),
    "setup-timeout": Field(
        *ROW_FIELDS["setup-timeout"], _duration("Stop a setup that takes longer; 10m unless given.")
    ),
    "check-timeout": Field(
        *ROW_FIELDS["check-timeout"], _duration("Stop a check that takes longer; 10m unless given.")
    ),
    "no-changes": Field(
        *ROW_FIELDS["no-changes"],
        Annotated[
            Literal["succeed", "fail"] | None,
            typer.Option(help="Say what it means that the agent changes nothing; succeed unless given."),
        ],
    ),
    "approve": Field(
        *ROW_FIELDS["approve"],
        Annotated[
            bool | None,
            typer.Option("--approve", help="Hold the result until `llmctl approve`.", show_default=False),
        ],
    ),
    "at": Field(
        *ROW_FIELDS["at"],
        _text("Start not before 22:00 (the next) or 2031-01-31T22:00, in local time.", "TIME"),
    ),
    "delay": Field(*ROW_FIELDS["delay"], _duration("Start not before 10m, 2h, … from now.")),
    "hold": Field(
        *ROW_FIELDS["hold"],
        Annotated[
            bool | None,
            typer.Option(
                "--hold", help="Hold the task: it starts only after `llmctl release`.", show_default=False
            ),
        ],
    ),
    "timeout": Field(*ROW_FIELDS["timeout"], _duration("Stop a run that takes longer.")),
    "stall-timeout": Field(
        *ROW_FIELDS["stall-timeout"], _duration("Stop a run that prints nothing for this long.")
    ),
    "retries": Field(*ROW_FIELDS["retries"], _number(0, 99, "Retry N times after failures; 2 unless given.")),
    "retry-on": Field(
        *ROW_FIELDS["retry-on"],
        _text("Retry after these errors instead of the usual ones: agent_error,timeout,…", "CLASS,…"),
    ),
    "retry-delay": Field(
        *ROW_FIELDS["retry-delay"],
        _duration(
            "Wait at least this long before the first retry, then twice as long each time; 30s unless given."
        ),
    ),
    "tenant": Field(
        *ROW_FIELDS["tenant"],
        _text("Run the task for this tenant; tenants take fair turns.", kind="tenant"),
        title="tenant",
        usual="default",
    ),
    "queue": Field(
        *ROW_FIELDS["queue"],
        _text("Use this queue, which can be limited: `llmctl limit set queue:NAME 2`.", kind="queue"),
        title="queue",
        usual="default",
    ),
    "key": Field(
        *ROW_FIELDS["key"],
        _text("Queue nothing if a task has this idempotency key already."),
        title="key",
    ),
    "permission": Field(
        *ROW_FIELDS["permission"],
        Annotated[
            Permission | None,
            typer.Option(
                help="Set what the agent may do; edit unless given. config.yaml must allow full, too."
            ),
        ],
        title="permission",
        reaches="chooses what the agent may do",
    ),
    "workflow": Field(
        *ROW_FIELDS["workflow"],
        _text("Make the task a part of this workflow: a name that several tasks share.", kind="workflow"),
        title="workflow",
    ),
    "step": Field(*ROW_FIELDS["step"]),
    "after": Field(
        *ROW_FIELDS["after"],
        _tasks("Start only when these tasks have succeeded: 12,13; in files, steps."),
    ),
    "after-any": Field(
        *ROW_FIELDS["after-any"],
        _tasks("Start only when these tasks have ended, whatever came of them."),
    ),
    "after-failed": Field(*ROW_FIELDS["after-failed"], _tasks("Start only when these tasks have failed.")),
    "after-tree": Field(
        *ROW_FIELDS["after-tree"],
        _tasks("Start only when these tasks and all that they spawned have succeeded."),
    ),
    "on-unmet": Field(
        *ROW_FIELDS["on-unmet"],
        Annotated[
            OnUnmet | None,
            typer.Option(
                help="Say what becomes of the task when that cannot be any more; hold unless given,"
                " and skip for one that only comes after failures."
            ),
        ],
    ),
    "input-from": Field(
        *ROW_FIELDS["input-from"],
        _texts(
            "TASK:PATH[:NAME]",
            "Copy an output file of a task that this one comes after (as NAME). TASK/*:PATH[:DIR] copies that file"
            " of each task that TASK spawned to DIR/NUMBER/. Repeatable.",
        ),
    ),
    "spawns": Field(
        *ROW_FIELDS["spawns"],
        _text("Queue the tasks that the agent writes to this file, in the format of --from.", "PATH"),
        title="spawns from",
    ),
    "spawn-limits": Field(
        *ROW_FIELDS["spawn-limits"],
        _text(
            "Bound what it spawns in all: depth=2,children=50,tasks=200 (unless given), cost=5 in USD,"
            " tokens=1000000, tools=claude+codex.",
            "KEY=VALUE,…",
        ),
    ),
    "hook": Field(
        *ROW_FIELDS["hook"],
        _texts("NAME", "Tell this hook of config.yaml, which hears of named tasks only. Repeatable."),
    ),
}
"""By the name of the option, in the order of the help; a column of a file is called the same."""


def takes_fields(before: str) -> Callable[[Callable[Parameters, Returned]], Callable[Parameters, Returned]]:
    """Give a verb an option for each field, in front of its option ``before``; ``**fields`` receives them."""

    def with_options(verb: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
        own = signature(verb)
        options: list[Parameter] = []
        for parameter in own.parameters.values():
            if parameter.name == before:
                options += [
                    Parameter(
                        name.replace("-", "_"), Parameter.KEYWORD_ONLY, default=None, annotation=field.option
                    )
                    for name, field in FIELDS.items()
                    if field.option is not None
                ]
            if parameter.kind is not Parameter.VAR_KEYWORD:
                options.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
        vars(verb)["__signature__"] = own.replace(parameters=options)
        return verb

    return with_options


def task_of(options: Mapping[str, object]) -> dict[str, object]:
    """Return a task for submit_tasks(), made of the options that are not None."""
    return {
        FIELDS[option].key: FIELDS[option].read(value)
        for option, value in options.items()
        if value is not None
    }


def facts_of(task: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield title and value for each field that `llmctl show` prints; ``task`` is what show_task() returns."""
    for field in FIELDS.values():
        value = task.get(field.key)
        if field.title is not None and value and value != field.usual:
            is_top = field.key == "priority" and value == TOP
            yield field.title, "top" if is_top else words_of(value)
