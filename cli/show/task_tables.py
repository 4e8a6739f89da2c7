"""Tasks and their runs for people: pure functions of what the database returned."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from cli.show.changes.lists import change_of, change_style
from cli.show.changes.one_task import facts_of_change, failed_output
from cli.show.people import decisions, family
from cli.show.tables import Column, table
from cli.show.text import first_lines
from cli.show.words import priority_word, state_word, state_words
from dispatcher.durations import duration
from dispatcher.quantities import age, count, money, plural, size, stopwatch
from dispatcher.remarks import not_proven, ran_s, remark
from dispatcher.terminal import one_line
from sql.rows.output import TaskFileRow
from sql.rows.people import FileRow, RunRow, Task, TaskRow

STYLES = {
    "running": "green",
    "leased": "cyan",
    "queued": "",
    "scheduled": "blue",
    "dependency": "blue",
    "held": "blue",
    "question": "bold yellow",
    "approval": "bold yellow",
    "retry": "yellow",
    "limit": "magenta",
    "budget": "magenta",
    "succeeded": "dim",
    "canceled": "dim",
    "failed": "red",
    "timed_out": "red",
    "lost": "red",
    "rate_limited": "magenta",
    "interrupted": "yellow",
}

_PROMPT_LINES = 12


def state_style(task: TaskRow) -> str:
    return STYLES.get(task.wait_reason or task.status, "")


def _elapsed(task: TaskRow) -> str | None:
    seconds = ran_s(task)
    return None if seconds is None else stopwatch(seconds)


def _differs(field: str, usual: object) -> "Callable[[Sequence[TaskRow]], bool]":
    return lambda rows: any(getattr(row, field) != usual for row in rows)


def _tool(task: TaskRow) -> str:
    return f"{task.tool} (full)" if task.permission == "full" else task.tool


TASKS: Sequence[Column[TaskRow]] = (
    Column("TASK", lambda task: str(task.number), right=True),
    Column(
        "STATE",
        lambda task: state_words(task.wait_reason or task.status, proven=task.proven),
        style=state_style,
    ),
    Column("TOOL", _tool, style=lambda task: "red" if task.permission == "full" else ""),
    Column("MODEL", lambda task: task.model, spare=2, shown=_differs("model", None)),
    Column("GROUP", lambda task: task.group_name, spare=1, shown=_differs("group_name", None)),
    Column("TENANT", lambda task: task.tenant_id, spare=4, shown=_differs("tenant_id", "default")),
    Column("QUEUE", lambda task: task.queue, spare=3, shown=_differs("queue", "default")),
    Column("WORKFLOW", lambda task: task.workflow, spare=8, shown=_differs("workflow", None)),
    Column("PRI", lambda task: priority_word(task.priority), right=True, shown=_differs("priority", 5)),
    Column(
        "NAME",
        lambda task: task.title,
        elastic=True,
        style=lambda task: "" if task.name else "dim",
        shown=_differs("title", ""),
    ),
    Column(
        "CHANGE",
        change_of,
        spare=7,
        style=change_style,
        shown=lambda tasks: any(change_of(task) for task in tasks),
    ),
    Column("AGE", lambda task: age(task.age_s), right=True),
    Column("ELAPSED", _elapsed, right=True),
    Column("TRY", lambda task: f"{task.attempt}/{task.max_attempts}", right=True),
    Column("TOKENS", lambda task: None if task.tokens is None else count(task.tokens), right=True, spare=6),
    Column(
        "COST",
        lambda task: None if task.cost_usd is None else money(float(task.cost_usd)),
        right=True,
        spare=5,
    ),
    Column("WHY", remark, elastic=True, style=lambda task: "red" if task.status == "failed" else ""),
)


def _run_length(run: RunRow) -> str | None:
    return None if run.latency_ms is None else stopwatch(run.latency_ms / 1000)


def _run_tokens(run: RunRow) -> str | None:
    if run.input_tokens is None and run.output_tokens is None:
        return None
    return f"{count(run.input_tokens or 0)} + {count(run.output_tokens or 0)}"


def _run_cost(run: RunRow) -> str | None:
    if run.cost_usd is None:
        return None
    return money(float(run.cost_usd)) + (" notional" if run.is_notional else "")


def _run_end(run: RunRow) -> str | None:
    return run.signal or (None if run.exit_code is None else str(run.exit_code))


RUNS: Sequence[Column[RunRow]] = (
    Column("RUN", lambda run: str(run.run_no), right=True),
    Column("STATE", lambda run: run.status, style=lambda run: STYLES.get(run.status, "")),
    Column("TRY", lambda run: str(run.attempt), right=True, spare=1),
    Column("GROUP", lambda run: run.group_name),
    Column("HOST", lambda run: run.host, spare=2),
    Column("PID", lambda run: None if run.pid is None else str(run.pid), right=True, spare=3),
    Column("STARTED", lambda run: when(run.started_at or run.claimed_at)),
    Column("RAN", _run_length, right=True),
    Column("EXIT", _run_end, right=True),
    Column("TOKENS", _run_tokens, right=True, spare=4),
    Column("COST", _run_cost, right=True, spare=5),
    Column("AUTH", lambda run: run.auth_mode, spare=6),
    Column(
        "DENIED",
        lambda run: ", ".join(run.denials),
        elastic=True,
        style=lambda _: "yellow",
        shown=lambda runs: any(run.denials for run in runs),
    ),
    Column(
        "ERROR",
        lambda run: ": ".join(part for part in (run.error_class, run.error_message) if part),
        elastic=True,
        shown=lambda runs: any(run.error_class for run in runs),
    ),
)


FILES: Sequence[Column[FileRow]] = (
    Column(
        "TASK",
        lambda file: str(file.number) if isinstance(file, TaskFileRow) else None,
        right=True,
        shown=lambda files: any(isinstance(file, TaskFileRow) for file in files),
    ),
    Column("PATH", lambda file: file.path),
    Column("KIND", lambda file: "input" if file.is_input else "output"),
    Column("SIZE", lambda file: size(file.size_bytes), right=True),
    Column("MODE", lambda file: f"{file.mode:04o}"),
    Column("RUN", lambda file: None if file.run_no is None else str(file.run_no), right=True),
    Column(
        "KEPT", lambda file: file.stored, shown=lambda files: any(file.stored != "database" for file in files)
    ),
)


def when(moment: datetime) -> str:
    """Return a time in the local time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def describe(task: Task, settings: Iterable[tuple[str, str]]) -> str:
    """Return everything about one task as lines of text. ``settings`` are titles and values of what was asked of it."""
    facts = [(title, text) for title, text in _facts(task, settings) if text]
    broad = max(len(title) for title, _ in facts)
    parts = ["\n".join(f"{title:<{broad}}  {one_line(text)}" for title, text in facts)]
    parts.append("prompt:\n" + _indented(first_lines(task.prompt, _PROMPT_LINES)))
    parts.extend(f"{title}:\n{_indented(text)}" for title, text in decisions.parts(task))
    if task.runs:
        title = "runs"
        if (earlier := task.run_count - len(task.runs)) > 0:
            title = f"runs ({earlier:,} earlier ones: `llmctl runs {task.number}`)"
        parts.append(f"{title}:\n" + _indented("\n".join(line.plain for line in table(task.runs, RUNS))))
    parts += [f"{title}:\n{_indented(text)}" for title, text in failed_output(task)]
    if task.files:
        parts.append("files:\n" + _indented("\n".join(line.plain for line in table(task.files, FILES))))
    if task.result is not None:
        parts.append("result:\n" + _indented(first_lines(str(task.result.get("text", "")), _PROMPT_LINES)))
    return "\n\n".join(parts)


def _facts(task: Task, settings: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str | None]]:
    yield "task", f"{task.number} ({task.id})"
    yield "name", task.name
    yield (
        "state",
        state_word(task.wait_reason or task.status)
        + (", asked to stop" if task.cancel_requested_at and _is_active(task) else "")
        + (f" ({not_proven(task.tool)})" if task.proven is False else ""),
    )
    yield "why", task.why
    yield "doing", task.activity
    yield "error", ": ".join(part for part in (task.error_class, task.error_message) if part)
    yield "tool", " ".join(part for part in (task.tool, task.model) if part)
    yield "group", task.group_name
    yield from settings
    yield from family.facts(task)
    yield from facts_of_change(task)
    yield "failures", f"{task.failures} of {task.max_attempts} attempts"
    yield "timeout", _limits(task)
    yield "session", task.session_id
    yield "created", when(task.created_at)
    yield "not before", when(task.scheduled_at) if task.scheduled_at else None
    yield "started", when(task.started_at) if task.started_at else None
    yield "finished", when(task.finished_at) if task.finished_at else None
    of = f" in the last {len(task.runs)} runs" if task.run_count > len(task.runs) else ""
    yield "tokens", (spent := _spent_tokens(task.runs)) and spent + of
    yield "cost", (cost := _spent_money(task.runs)) and cost + of


def _is_active(task: Task) -> bool:
    return task.status in ("leased", "running")


def _limits(task: Task) -> str | None:
    parts = [duration(task.timeout_s)] if task.timeout_s else []
    if task.stall_timeout_s:
        parts.append(f"{duration(task.stall_timeout_s)} without output")
    return ", ".join(parts)


def _spent_tokens(runs: Sequence[RunRow]) -> str | None:
    read = sum(run.input_tokens or 0 for run in runs)
    cached = sum(run.cached_input_tokens or 0 for run in runs)
    written = sum(run.output_tokens or 0 for run in runs)
    if not read and not written:
        return None
    return (
        f"{count(read)} read"
        + (f" ({count(cached)} of them cached)" if cached else "")
        + f", {count(written)} written"
    )


def _spent_money(runs: Sequence[RunRow]) -> str | None:
    costs = [float(run.cost_usd) for run in runs if run.cost_usd is not None]
    unknown = sum(run.has_unknown_cost for run in runs)
    return (
        money(sum(costs)) + (f" + unknown cost of {plural(unknown, 'run')}" if unknown else "")
        if costs
        else None
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
