"""The fields of a task in a row: what each is called, and how its value is read.

`llmctl submit` makes its options of the same fields. task_keys.sql lists what the database takes under each key.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, get_args

from dispatcher.task_rows import dependencies, values
from wrappers.modes import Permission

OnUnmet = Literal["hold", "fail", "skip"]


class RowField(NamedTuple):
    key: str
    """The name of the field in submit_tasks() and in what show_task() returns."""

    read: Callable[[object], object]
    """Turns a parsed option, a cell of CSV or a value of JSON into what submit_tasks() takes; raises
    :class:`dispatcher.errors.UsageError`.
    """


ROW_FIELDS: Mapping[str, RowField] = {
    "tool": RowField("tool", values.text),
    "prompt": RowField("prompt", values.prompt),
    "model": RowField("model", values.text),
    "fallback-model": RowField("fallback_model", values.text),
    "account": RowField("account", values.text),
    "priority": RowField("priority", values.whole(1, 9)),
    "name": RowField("name", values.text),
    "label": RowField("labels", values.labels),
    "input": RowField("input_files", values.input_files),
    "output": RowField("output_files", values.texts),
    "workdir": RowField("workdir", values.directory),
    "repo": RowField("repository", values.repository),
    "ref": RowField("ref", values.text),
    "setup": RowField("setup_command", values.text),
    "check": RowField("check_command", values.text),
    "setup-timeout": RowField("setup_timeout_s", values.seconds),
    "check-timeout": RowField("check_timeout_s", values.seconds),
    "no-changes": RowField("no_changes", values.one_of("succeed", "fail")),
    "approve": RowField("approve", values.truth),
    "at": RowField("scheduled_at", values.moment),
    "delay": RowField("delay_s", values.seconds),
    "hold": RowField("hold", values.truth),
    "timeout": RowField("timeout_s", values.seconds),
    "stall-timeout": RowField("stall_timeout_s", values.seconds),
    "retries": RowField("max_attempts", values.attempts),
    "retry-on": RowField("retry_on", values.classes),
    "retry-delay": RowField("backoff_s", values.seconds),
    "tenant": RowField("tenant_id", values.text),
    "queue": RowField("queue", values.text),
    "key": RowField("idempotency_key", values.text),
    "permission": RowField("permission", values.one_of(*get_args(Permission))),
    "workflow": RowField("workflow", values.text),
    "step": RowField("step", dependencies.step),
    "after": RowField("after", dependencies.tasks),
    "after-any": RowField("after_any", dependencies.tasks),
    "after-failed": RowField("after_failed", dependencies.tasks),
    "after-tree": RowField("after_tree", dependencies.tasks),
    "on-unmet": RowField("on_unmet", values.one_of(*get_args(OnUnmet))),
    "input-from": RowField("input_from", dependencies.files_of_tasks),
    "spawns": RowField("spawns", values.text),
    "spawn-limits": RowField("spawn_limits", dependencies.spawn_limits),
    "hook": RowField("hooks", values.texts),
}
"""By the name of the column, which is that of the option, in the order of the help."""


def option_of(column: str) -> str | None:
    """Return the field that a column names (``Retry on`` and ``retry_on`` are ``retry-on``), or None."""
    name = re.sub(r"[ _]", "-", column.casefold())
    name = "label" if name == "labels" else name
    return name if name in ROW_FIELDS else None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant."""
    import difflib

    found = difflib.get_close_matches(name.casefold(), list(known), n=1, cutoff=0.8)
    return found[0] if found else None
