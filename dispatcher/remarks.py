"""What people are told about a task beside its state, and about limits, on the command line and on the page."""

from dispatcher.durations import duration
from sql.rows.people import CappedTool, TaskRow

SILENCE = 60.0
"""After this many seconds without output a list says so."""


def remark(task: TaskRow) -> str | None:
    """Return what the task does, why it waits, or what went wrong."""
    if task.status == "queued":
        return task.why
    if task.silent_s is not None and task.silent_s >= SILENCE:
        return f"{task.activity or 'no output'}, silent for {duration(task.silent_s)}"
    if task.activity is not None:
        return task.activity
    return task.error_message or task.error_class if task.status == "failed" else None


def not_proven(tool: str) -> str:
    """Say why a success is doubted."""
    return f"not proven: the output of {tool} does not tell a success from a failure"


def capped(tool: CappedTool) -> str:
    """Return which slots are never used at the same time, and the command that raises the limit."""
    scope = f"tool:{tool.tool}"
    return (
        f"at most {tool.max_concurrent} {tool.tool} agents run at a time, although the groups have {tool.slots} slots: "
        f"limit {scope} is {tool.max_concurrent}; `llmctl limit set {scope} {tool.slots}` raises it"
    )


def ran_s(task: TaskRow) -> float | None:
    """Return how long the agent has been running, or ran. A task that waits for its next attempt has no such time."""
    return None if task.status == "queued" else task.elapsed_s
