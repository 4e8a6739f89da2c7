"""The bodies that requests send, for decoding and for the description. What values are valid, the SQL functions say."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from sql.selection import Selection
from wrappers.modes import Permission

Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
BigInteger = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
COMMANDS = "A token's task may bring commands only where security.allow_commands of config.yaml says so."
Files = Annotated[
    Sequence[str] | None, Meta(description="Files that the agent must write, and that are kept then.")
]
Tasks = Sequence[int | str] | None
Key = Annotated[str | None, Meta(description="Queue nothing if a task has this key already.")]


class InputFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file for the agent. Its content is given as text or as base64."""

    path: Annotated[str, Meta(description="Where it lies below the work directory.")]
    content: str | None = None
    content_base64: str | None = None
    mode: Annotated[
        int | None, Meta(description="The permissions as a number; 420 (0o644) unless given.")
    ] = None


class FileOfTask(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file that another task wrote, for the agent."""

    task: Annotated[int | str, Meta(description="The number of the task, or its step of the same batch.")]
    path: Annotated[str, Meta(description="The output file of that task.")]
    name: Annotated[
        str | None, Meta(description="Where it lies below the work directory; as there unless given.")
    ] = None
    of_tree: Annotated[
        bool | None,
        Meta(description="Take it of each task that this one spawned, and place it in NUMBER/ below name."),
    ] = None


class SpawnLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all that a task spawns may take."""

    depth: Annotated[int | None, Meta(description="Generations; 2 unless given.")] = None
    children: Annotated[int | None, Meta(description="Tasks that one task may spawn; 50 unless given.")] = (
        None
    )
    tasks: Annotated[int | None, Meta(description="Tasks in all; 200 unless given.")] = None
    cost_usd: Annotated[float | None, Meta(description="What all runs may cost; no bound unless given.")] = (
        None
    )
    tokens: Annotated[int | None, Meta(description="What all runs may use; no bound unless given.")] = None
    tools: Annotated[
        Sequence[str] | None, Meta(description="The tools that they may use; that of the task unless given.")
    ] = None


class NewTask(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A task to queue."""

    tool: Annotated[str, Meta(description="The agent CLI, or a tool of config.yaml.")]
    prompt: Annotated[str, Meta(description="What the agent is asked; at most 32 MB.")]
    model: Annotated[str | None, Meta(description="Run the tool with this model.")] = None
    fallback_model: Annotated[
        str | None, Meta(description="Use this model when the first one is overloaded; claude only.")
    ] = None
    account: Annotated[str | None, Meta(description="Use only this account of the tool.")] = None
    tenant_id: Annotated[
        str | None, Meta(description="Run the task for this tenant; tenants take fair turns.")
    ] = None
    queue: Annotated[str | None, Meta(description="Use this queue, which can be limited.")] = None
    priority: Annotated[int | None, Meta(description="From 1 to 9; 9 starts first, and 5 is usual.")] = None
    name: Annotated[str | None, Meta(description="A name for people.")] = None
    labels: Annotated[Mapping[str, Any] | None, Meta(description="Labels by which tasks are found.")] = None
    input_files: Annotated[
        Sequence[InputFile] | None, Meta(description="Files for the agent, in its work directory.")
    ] = None
    output_files: Files = None
    permission: Annotated[
        Permission | None,
        Meta(description="What the agent may do; edit unless given. config.yaml must allow full, too."),
    ] = None
    workdir: Annotated[
        str | None, Meta(description="Work there; it must lie below security.allowed_roots of config.yaml.")
    ] = None
    timeout_s: Annotated[int | None, Meta(description="Stop a run that takes more seconds.")] = None
    stall_timeout_s: Annotated[
        int | None, Meta(description="Stop a run that prints nothing for so many seconds.")
    ] = None
    max_attempts: Annotated[int | None, Meta(description="Start it at most so often; 3 unless given.")] = None
    backoff_s: Annotated[
        float | None,
        Meta(
            description="Fewest seconds before the second attempt, then twice as many each time, up to 300; 30."
        ),
    ] = None
    retry_on: Annotated[
        Sequence[str] | None,
        Meta(description="Try again after these classes of errors instead of the usual."),
    ] = None
    scheduled_at: Annotated[datetime | None, Meta(description="Start not before this time.")] = None
    delay_s: Annotated[float | None, Meta(description="Start not before so many seconds from now.")] = None
    hold: Annotated[bool | None, Meta(description="Start it only when somebody releases it.")] = None
    idempotency_key: Key = None
    session_id: Annotated[str | None, Meta(description="Go on with this session of the tool.")] = None
    repository: Annotated[
        str | None,
        Meta(
            description="Work in a clone of this git repository: a name in config.yaml, or an absolute path on the "
            "dispatcher's host, below security.allowed_roots."
        ),
    ] = None
    ref: Annotated[
        str | None, Meta(description="Begin with this branch, tag or commit of it; HEAD unless given.")
    ] = None
    setup_command: Annotated[
        str | None,
        Meta(
            description="Run this command before the agent. That of the repository in config.yaml unless given; an "
            f"empty text means none. {COMMANDS}"
        ),
    ] = None
    check_command: Annotated[
        str | None,
        Meta(
            description="Run this command after the agent: only if it exits with 0 the task succeeds. As setup_command "
            "otherwise."
        ),
    ] = None
    setup_timeout_s: Annotated[
        int | None, Meta(description="Stop a setup that takes more seconds; 600 unless given.")
    ] = None
    check_timeout_s: Annotated[
        int | None, Meta(description="Stop a check that takes more seconds; 600 unless given.")
    ] = None
    no_changes: Annotated[
        Literal["succeed", "fail"] | None,
        Meta(description="What it means that the agent changes nothing; succeed unless given."),
    ] = None
    approve: Annotated[
        bool | None, Meta(description="Hold the result until somebody approves or denies it.")
    ] = None
    workflow: Annotated[str | None, Meta(description="The workflow that it belongs to: a name.")] = None
    step: Annotated[
        str | None, Meta(description="What other tasks of the same batch call it in after and its like.")
    ] = None
    after: Annotated[
        Tasks, Meta(description="Start only when these tasks have succeeded: numbers, or steps of the batch.")
    ] = None
    after_any: Annotated[
        Tasks, Meta(description="Start only when these tasks have ended, whatever came of them.")
    ] = None
    after_failed: Annotated[Tasks, Meta(description="Start only when these tasks have failed.")] = None
    after_tree: Annotated[
        Tasks, Meta(description="Start only when these tasks and all that they spawned have succeeded.")
    ] = None
    on_unmet: Annotated[
        Literal["hold", "fail", "skip"] | None,
        Meta(description="What becomes of it when that cannot be any more; hold unless given."),
    ] = None
    input_from: Annotated[
        Sequence[FileOfTask] | None, Meta(description="Files of other tasks, whose success it needs.")
    ] = None
    spawns: Annotated[
        str | None, Meta(description="The file in which the agent writes tasks to queue when it succeeds.")
    ] = None
    hooks: Annotated[
        Sequence[str] | None,
        Meta(description="Hooks of config.yaml to tell, which hear of named tasks only."),
    ] = None
    spawn_limits: Annotated[SpawnLimits | None, Meta(description="What all that it spawns may take.")] = None


class Variant(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """In what a try differs from the task."""

    tool: Annotated[str | None, Meta(description="Its agent CLI.")] = None
    model: Annotated[str | None, Meta(description="Its model.")] = None
    account: Annotated[str | None, Meta(description="Use only this account of the tool.")] = None


class NewTries(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several tries at one task, of which one is picked."""

    task: Annotated[NewTask, Meta(description="What all of them try.")]
    variants: Annotated[
        Sequence[Variant], Meta(min_length=2, max_length=20, description="What is special about each try.")
    ]
    pick: Annotated[
        Literal["first-green", "judge"] | None,
        Meta(
            description="The first that succeeds ends the others, or a task chooses among those that succeeded; "
            "first-green unless given."
        ),
    ] = None
    judge: Annotated[
        Mapping[str, Any] | None,
        Meta(description="Keys of the task that chooses, if it is not the usual one."),
    ] = None


class Reply(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the agent of a task that has ended is asked next. What is not given is as in that task."""

    prompt: str
    name: str | None = None
    priority: Integer | None = None
    timeout_s: Integer | None = None
    permission: Permission | None = None
    output_files: Files = None
    idempotency_key: Key = None


class TaskAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent of a task is told that asked something."""

    answer: Annotated[str, Meta(description="The answer; at most 20,000 bytes.")]


class DecisionMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A message beside an approval or a denial; it is kept with the name of the token."""

    message: Annotated[str | None, Meta(description="Why; at most 20,000 bytes.")] = None


class TaskChanges(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What changes of a queued task, or of one that is tried again; what is not given stays.

    Null gives what a task has that never had the setting.
    """

    prompt: Annotated[str | UnsetType, Meta(description="What the agent is asked.")] = UNSET
    name: Annotated[str | UnsetType | None, Meta(description="A name for people.")] = UNSET
    labels: Annotated[
        Mapping[str, Any] | UnsetType | None,
        Meta(description="Labels to set; a label that is null is removed, and others stay."),
    ] = UNSET
    priority: Annotated[Integer | UnsetType | None, Meta(description="From 1 to 9; 9 starts first.")] = UNSET
    model: Annotated[str | UnsetType | None, Meta(description="Run the tool with this model.")] = UNSET
    fallback_model: Annotated[
        str | UnsetType | None, Meta(description="Use this model when the first one is overloaded.")
    ] = UNSET
    permission: Annotated[
        Permission | UnsetType | None, Meta(description="What the agent may do; edit without it.")
    ] = UNSET
    queue: Annotated[str | UnsetType | None, Meta(description="Use this queue.")] = UNSET
    timeout_s: Annotated[
        Integer | UnsetType | None, Meta(description="Stop a run that takes more seconds.")
    ] = UNSET
    stall_timeout_s: Annotated[
        Integer | UnsetType | None, Meta(description="Stop a run that prints nothing for so many seconds.")
    ] = UNSET
    max_attempts: Annotated[
        Integer | UnsetType | None, Meta(description="Start it at most so often; 3 without it.")
    ] = UNSET
    backoff_s: Annotated[
        float | UnsetType | None, Meta(description="Seconds before the second attempt; 30 without it.")
    ] = UNSET
    setup_command: Annotated[
        str | UnsetType | None, Meta(description="Run this command before the agent.")
    ] = UNSET
    check_command: Annotated[
        str | UnsetType | None,
        Meta(description="Run this command after the agent: it says whether the task succeeds."),
    ] = UNSET
    setup_timeout_s: Annotated[
        Integer | UnsetType | None, Meta(description="Stop a setup that takes more seconds; 600 without it.")
    ] = UNSET
    check_timeout_s: Annotated[
        Integer | UnsetType | None, Meta(description="Stop a check that takes more seconds; 600 without it.")
    ] = UNSET

    def given(self) -> dict[str, object]:
        """Return the changes as act_on_tasks() takes them."""
        return {key: value for key, value in asdict(self).items() if value is not UNSET}


class BulkAction(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Act on all tasks that are selected, where their state allows it.

    Ask with ``dry_run`` first, show the count to a person, and send it as ``expect`` then: if another number of tasks
    is selected by now, nothing is done.
    """

    action: Literal["cancel", "retry", "hold", "release", "top", "edit"]
    select: Selection
    expect: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    dry_run: bool = False
    changes: Annotated[
        TaskChanges | None, Meta(description="What an edit changes, or a retry; other actions take none.")
    ] = None


class Pause(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a group is paused."""

    reason: str | None = None


class CoolDown(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Start nothing more before ``until``, or for ``for_s`` seconds."""

    until: Annotated[datetime, Meta(tz=True)] | None = None
    for_s: float | None = None
    reason: str | None = None


class GroupChanges(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What changes of a group. A budget of 0 takes the budget away."""

    max_concurrent: Integer | None = None
    failover: bool | None = None
    daily_budget_usd: float | None = None
    task_budget_usd: float | None = None


class NewLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """How many tasks of a scope may run at a time. A workflow may have a budget, too, or one alone; 0 takes it away."""

    max_concurrent: Integer | None = None
    budget_usd: float | None = None
    token_budget: BigInteger | None = None
