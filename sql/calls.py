"""The SQL functions that people's programs call, one Python function for each. A dispatcher's are in dispatcher_calls.

Each returns a description of the call; whoever has a connection executes it. An argument that is not given takes the
default of the SQL function. What a function does, locks and raises is said in its file, ``functions/*/NAME.sql``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Raw

from sql.call import NOTHING, OPTIONAL_TEXT, Call, as_array, as_json, given, many, one, value
from sql.rows.groups import GroupRow
from sql.rows.output import LogState, OutputPiece, StoredFile, TaskResult, WholeTask
from sql.rows.people import (
    ActiveTask,
    BulkResult,
    CappedTool,
    DispatcherRow,
    DriftedCounter,
    DriftedTally,
    FileRow,
    FoundDispatcher,
    KnownValue,
    LimitRow,
    Pruned,
    RunRow,
    SchemaVersion,
    StateCount,
    Submitted,
    Task,
    TaskPage,
    TaskRow,
    TaskState,
    TokenRow,
    UnservedTasks,
)
from sql.rows.sums import StatsRow
from sql.selection import Selection

INLINE_BYTES = 16 * 2**20
"""Bytes of the largest file that is kept in the database."""
LARGEST_TEXT = 64 * 2**20
"""Bytes that a prompt or an answer may have."""


def submit_tasks(tasks: Sequence[Mapping[str, object]] | Raw) -> Call[list[Submitted]]:
    """Queue all tasks or none; returns a row for each, in order. ``Raw`` is a JSON array that is encoded already."""
    return Call("submit_tasks", {"tasks": as_json(tasks)}, many(Submitted))


def explain_refusal(tasks: Sequence[Mapping[str, object]] | Raw) -> Call[None]:
    """Queue nothing, but raise the error of the first task that is refused, with its place from 1 in DETAIL."""
    return Call("explain_refusal", {"tasks": as_json(tasks)}, NOTHING)


def reply_task(
    task: str,
    prompt: str,
    *,
    name: str | None = None,
    priority: int | None = None,
    timeout_s: int | None = None,
    permission: str | None = None,
    output_files: Sequence[str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Submitted]:
    """Queue a task that goes on with the session of one that has ended."""
    return Call(
        "reply_task",
        {
            "task": task,
            "prompt": prompt,
            **given(
                name=name,
                priority=priority,
                timeout_s=timeout_s,
                permission=permission,
                output_files=None if output_files is None else as_json(output_files),
                idempotency_key=idempotency_key,
            ),
        },
        one(Submitted),
    )


def cancel_task(task: str, *, cascade: bool | None = None) -> Call[str]:
    """Cancel a task, or ask its agent to stop, and with ``cascade`` all that is there because of it."""
    return Call("cancel_task", {"task": task, **given(cascade=cascade)}, value(str))


def retry_task(task: str) -> Call[None]:
    return Call("retry_task", {"task": task}, NOTHING)


def show_task(
    task: str, prompt_characters: int | None = None, *, with_output: bool | None = None
) -> Call[Task]:
    """Show everything about a task, with its whole prompt or only so many characters of it."""
    arguments = {"task": task, **given(prompt_characters=prompt_characters, with_output=with_output)}
    return Call("show_task", arguments, value(Task), result_size=LARGEST_TEXT)


def show_whole_task(
    task: str, prompt_characters: int | None = None, *, with_output: bool | None = None
) -> Call[WholeTask]:
    """Show everything about a task, and what its runs printed and answered."""
    arguments = {"task": task, **given(prompt_characters=prompt_characters, with_output=with_output)}
    return Call("show_task", arguments, value(WholeTask), result_size=LARGEST_TEXT)


def list_tasks(select: Selection | None = None, limit: int | None = None) -> Call[list[TaskRow]]:
    """List the tasks of a selection that interest people most: active ones, then waiting ones, then ended ones."""
    return Call("list_tasks", given(select=_optional(select), limit=limit), many(TaskRow))


def list_page(
    select: Selection | None = None, before: int | None = None, limit: int | None = None
) -> Call[TaskPage]:
    """List the newest tasks of a selection that are below the number ``before``. A page may be short and go on."""
    return Call("list_page", given(select=_optional(select), before=before, limit=limit), one(TaskPage))


def count_tasks(select: Selection | None = None) -> Call[list[StateCount]]:
    return Call("count_tasks", given(select=_optional(select)), many(StateCount))


def task_numbers(select: Selection) -> Call[list[int]]:
    """Return the numbers of all tasks of a selection, lowest first."""
    return Call("task_numbers", {"select": as_json(select)}, value(list[int]))


def act_on_tasks(
    action: str,
    select: Selection,
    expect: int | None = None,
    *,
    dry_run: bool | None = None,
    changes: Mapping[str, object] | None = None,
) -> Call[BulkResult]:
    """Cancel, retry, hold, release, top or edit all selected tasks for which that is allowed now.

    With ``dry_run`` they are only returned. ``changes`` are for edit and retry, under the keys of submit_tasks().
    """
    arguments = {"action": action, "select": as_json(select)}
    more = given(expect=expect, dry_run=dry_run, changes=None if changes is None else as_json(changes))
    return Call("act_on_tasks", arguments | more, one(BulkResult))


def known_values(kind: str, prefix: str = "", limit: int | None = None) -> Call[list[KnownValue]]:
    """Return the values of a kind that begin with ``prefix``, for whoever types one."""
    return Call("known_values", {"kind": kind, **given(prefix=prefix or None, limit=limit)}, many(KnownValue))


def task_states(tasks: Sequence[str]) -> Call[list[TaskState]]:
    return Call("task_states", {"tasks": as_array(tasks)}, many(TaskState))


def read_results(tasks: Sequence[str]) -> Call[list[TaskResult]]:
    """Read what came of tasks, lowest number first: as many as fit into one result, and at least one."""
    return Call("read_results", {"tasks": as_array(tasks)}, many(TaskResult), result_size=LARGEST_TEXT)


def why_waiting(task: str) -> Call[str | None]:
    """Say in one sentence why a queued task does not run; None for other tasks."""
    return Call("why_waiting", {"task": task}, OPTIONAL_TEXT)


def list_runs(task: str) -> Call[list[RunRow]]:
    return Call("list_runs", {"task": task}, many(RunRow))


def stats(by: str, since: datetime | None = None, select: Selection | None = None) -> Call[list[StatsRow]]:
    return Call("stats", {"by": by, **given(since=since, select=_optional(select))}, many(StatsRow))


def log_state(task: str, run_no: int | None = None) -> Call[LogState]:
    """Say which log there is of a run, or of the last one, and whether more may come."""
    return Call("log_state", {"task": task, **given(run_no=run_no)}, one(LogState))


def read_output(
    task: str, run_no: int | None, stream: str, start: int | None = None
) -> Call[list[OutputPiece]]:
    """Read some 1 MB of a stream from the position ``start`` on; nothing when there is no more."""
    arguments = {"task": task, "run_no": run_no, "stream": stream, **given(**{"from": start})}
    return Call("read_output", arguments, many(OutputPiece), binary=True)


def list_files(task: str) -> Call[list[FileRow]]:
    return Call("list_files", {"task": task}, many(FileRow))


def read_file(task: str, path: str, run_no: int | None = None) -> Call[StoredFile]:
    arguments = {"task": task, "path": path, **given(run_no=run_no)}
    return Call("read_file", arguments, one(StoredFile), binary=True, result_size=INLINE_BYTES)


def prune_tasks(older_than_s: float, most: int | None = None) -> Call[Pruned]:
    """Delete some tasks that ended so many seconds ago; call it again until it deletes none."""
    return Call("prune_tasks", {"older_than_s": older_than_s, **given(most=most)}, one(Pruned))


def count_prunable(older_than_s: float) -> Call[Pruned]:
    """Count what prune_tasks() would delete in all."""
    return Call("count_prunable", {"older_than_s": older_than_s}, one(Pruned))


def put_tool(name: str, models: Sequence[str] | None = None, is_proven: bool | None = None) -> Call[None]:
    models = None if models is None else list(models)
    return Call("put_tool", {"name": name, **given(models=models, is_proven=is_proven)}, NOTHING)


def list_groups() -> Call[list[GroupRow]]:
    return Call("list_groups", {}, many(GroupRow))


def reopen_group(group: str, host: str | None = None, dispatcher: str | None = None) -> Call[None]:
    """Open a group again where a dispatcher could not run it: on this host, for this dispatcher, or everywhere."""
    return Call("reopen_group", {"group": group, **given(host=host, dispatcher=dispatcher)}, NOTHING)


def put_group(
    group: str,
    tool: str,
    account: str,
    max_concurrent: int | None = None,
    env_vars: Mapping[str, str] | None = None,
    *,
    config_home: str | None = None,
    hosts: Sequence[str] | None = None,
    only_new: bool | None = None,
    failover: bool | None = None,
    daily_budget_usd: float | None = None,
    task_budget_usd: float | None = None,
) -> Call[None]:
    """Create a worker group, or unless ``only_new`` bring one to what is given."""
    return Call(
        "put_group",
        {
            "group": group,
            "tool": tool,
            "account": account,
            **given(
                max_concurrent=max_concurrent,
                env_vars=None if env_vars is None else as_json(env_vars),
                config_home=config_home,
                hosts=as_array(hosts),
                only_new=only_new,
                failover=failover,
                daily_budget_usd=daily_budget_usd,
                task_budget_usd=task_budget_usd,
            ),
        },
        NOTHING,
    )


def change_group(
    group: str,
    *,
    max_concurrent: int | None = None,
    env_vars: Mapping[str, str | None] | None = None,
    config_home: str | None = None,
    hosts: Sequence[str] | None = None,
    failover: bool | None = None,
    daily_budget_usd: float | None = None,
    task_budget_usd: float | None = None,
) -> Call[None]:
    """Change what is given. A variable that is None is removed, and a budget of 0 takes the budget away."""
    return Call(
        "change_group",
        {
            "group": group,
            **given(
                max_concurrent=max_concurrent,
                env_vars=None if env_vars is None else as_json(env_vars),
                config_home=config_home,
                hosts=as_array(hosts),
                failover=failover,
                daily_budget_usd=daily_budget_usd,
                task_budget_usd=task_budget_usd,
            ),
        },
        NOTHING,
    )


def pause_group(group: str, reason: str | None = None) -> Call[None]:
    return Call("pause_group", {"group": group, **given(reason=reason)}, NOTHING)


def resume_group(group: str) -> Call[None]:
    return Call("resume_group", {"group": group}, NOTHING)


def cool_down_group(
    group: str, until: datetime | None, reason: str | None = None, for_s: float | None = None
) -> Call[datetime]:
    """Start nothing more in a group before a time, or for so many seconds; returns that time."""
    arguments = {"group": group, "until": until, **given(reason=reason, for_s=for_s)}
    return Call("cool_down_group", arguments, value(datetime))


def clear_cooldown(group: str) -> Call[None]:
    return Call("clear_cooldown", {"group": group}, NOTHING)


def remove_group(group: str) -> Call[None]:
    return Call("remove_group", {"group": group}, NOTHING)


def list_limits() -> Call[list[LimitRow]]:
    return Call("list_limits", {}, many(LimitRow))


def capped_tools() -> Call[list[CappedTool]]:
    return Call("capped_tools", {}, many(CappedTool))


def set_limit(
    scope: str,
    max_concurrent: int | None = None,
    budget_usd: float | None = None,
    token_budget: int | None = None,
) -> Call[None]:
    """Set what is given of a limit; None leaves what is there, and a budget of 0 takes it away."""
    more = given(max_concurrent=max_concurrent, budget_usd=budget_usd, token_budget=token_budget)
    return Call("set_limit", {"scope": scope, **more}, NOTHING)


def remove_limit(scope: str) -> Call[None]:
    return Call("remove_limit", {"scope": scope}, NOTHING)


def list_tokens() -> Call[list[TokenRow]]:
    return Call("list_tokens", {}, many(TokenRow))


def add_token(
    name: str,
    hash: bytes,  # noqa: A002 - named as the parameter
    role: str,
    tenants: Sequence[str] | None = None,
    expires_in_s: float | None = None,
) -> Call[None]:
    """Make a token for the HTTP API out of the SHA-256 of its secret."""
    arguments = {"name": name, "hash": hash, "role": role}
    return Call("add_token", arguments | given(tenants=as_array(tenants), expires_in_s=expires_in_s), NOTHING)


def remove_token(name: str) -> Call[None]:
    return Call("remove_token", {"name": name}, NOTHING)


def end_sessions(token: str) -> Call[int]:
    """Log out all browsers of a token; returns how many they were."""
    return Call("end_sessions", {"token": token}, value(int))


def check_counters() -> Call[list[DriftedCounter]]:
    """Return the counters of limits and groups that differ from what is active."""
    return Call("check_counters", {}, many(DriftedCounter))


def check_tallies() -> Call[list[DriftedTally]]:
    """Return the kinds of tasks whose tally differs from the tasks that there are."""
    return Call("check_tallies", {}, many(DriftedTally))


def unserved_tasks() -> Call[list[UnservedTasks]]:
    return Call("unserved_tasks", {}, many(UnservedTasks))


def list_dispatchers() -> Call[list[DispatcherRow]]:
    return Call("list_dispatchers", {}, many(DispatcherRow))


def find_dispatchers(boot_id: str, work_dir: str) -> Call[list[FoundDispatcher]]:
    """List the dispatchers that were started in this directory and have not ended properly."""
    return Call("find_dispatchers", {"boot_id": boot_id, "work_dir": work_dir}, many(FoundDispatcher))


def note_gone(work_dir: str, database: str, boot_id: str) -> Call[bool]:
    """Say that nobody holds the lock of this work directory; returns whether its dispatcher seemed to live."""
    arguments = {"work_dir": work_dir, "database": database, "boot_id": boot_id}
    return Call("note_gone", arguments, value(bool))


def list_active() -> Call[list[ActiveTask]]:
    return Call("list_active", {}, many(ActiveTask))


def database_id() -> Call[str]:
    return Call("database_id", {}, value(str, "text"))


def schema_version() -> Call[SchemaVersion]:
    return Call("schema_version", {}, one(SchemaVersion))


def _optional(select: Selection | None) -> str | None:
    return None if select is None else as_json(select)
