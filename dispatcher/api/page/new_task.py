"""`/ui/new`: a form that queues a task, once however often it is sent."""

import base64
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from uuid import uuid4

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.door import TAKES_TASKS
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import Form, form_of
from dispatcher.api.problems import problem_of
from dispatcher.configuration.settings import Settings
from dispatcher.durations import as_typed, seconds_of
from dispatcher.errors import DispatchError, UnauthorizedError, UsageError
from sql import api_calls, calls
from sql.rows.people import Task


class Field(NamedTuple):
    """A field of the form; ``key`` is its key in submit_tasks(), and what it is called in the form.

    ``read`` turns what was typed into what submit_tasks() takes, or raises :class:`ValueError` with a sentence. What it
    does not need to understand it leaves to SQL.
    """

    key: str
    title: str
    hint: str = ""
    kind: str = "text"
    choices: Sequence[str] = ()
    read: Callable[[str], object] = str
    part: str = ""
    """The part of the form that is opened for it; nothing for what is always shown."""


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _labels(text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for line in _lines(text):
        key, separator, meaning = line.partition("=")
        if not separator or not key:
            raise ValueError(f"{line!r} is not a label: expected KEY=VALUE")
        labels[key] = meaning
    return labels


def _utc(text: str) -> str:
    return f"{text}Z"


def _tasks(text: str) -> list[int]:
    numbers = text.replace(",", " ").split()
    for number in numbers:
        if not number.isdecimal() or not number.isascii() or len(number) > MOST_DIGITS:
            raise ValueError(f"{number!r} is not the number of a task: expected numbers such as 12, 13")
    return [int(number) for number in numbers]


def _ticked(_: str) -> bool:
    return True


def _fail(_: str) -> str:
    return "fail"


MOST_DIGITS = 18
"""Of the number of a task."""

CHANGE, MORE = "Repository and check", "More"


FIELDS = (
    Field("tool", "Tool", kind="select"),
    Field("account", "Account", "Any account of the tool unless given.", kind="choice"),
    Field("model", "Model", "The tool's own default unless given."),
    Field(
        "permission",
        "The agent may",
        kind="select",
        choices=("edit", "read", "full"),
        hint="edit changes its own directory only.",
    ),
    Field("name", "Name"),
    Field("priority", "Priority", "1 to 9; 9 starts first.", kind="select", choices=tuple("987654321")),
    Field("labels", "Labels", "KEY=VALUE, one a line.", kind="lines", read=_labels),
    Field("timeout_s", "Timeout", "Such as 30m: stop a run that takes longer.", read=seconds_of),
    Field("max_attempts", "Attempts", "With 3 it is tried again twice.", kind="number"),
    Field("delay_s", "Start in", "Such as 2h.", read=seconds_of),
    Field("scheduled_at", "Or start at (UTC)", kind="datetime-local", read=_utc),
    Field(
        "repository",
        "Repository",
        "A name in config.yaml, or a path on the dispatcher's host.",
        kind="choice",
        part=CHANGE,
    ),
    Field("ref", "Begin with", "A branch, tag or commit; HEAD unless given.", part=CHANGE),
    Field(
        "setup_command",
        "Setup",
        "Runs before the agent. That of the repository unless given; another needs security.allow_commands.",
        kind="lines",
        part=CHANGE,
    ),
    Field(
        "check_command",
        "Check",
        "Runs after the agent: the task succeeds only if it exits with 0. Otherwise as Setup.",
        kind="lines",
        part=CHANGE,
    ),
    Field("setup_timeout_s", "Longest setup", "Such as 10m.", read=seconds_of, part=CHANGE),
    Field("check_timeout_s", "Longest check", "Such as 10m.", read=seconds_of, part=CHANGE),
    Field("approve", "Hold the result until somebody approves", kind="tick", read=_ticked, part=CHANGE),
    Field("no_changes", "Fail if the agent changes nothing", kind="tick", read=_fail, part=CHANGE),
    Field("tenant_id", "Tenant", "Tenants take fair turns.", part=MORE),
    Field("queue", "Queue", "A limit can be set for it.", part=MORE),
    Field(
        "stall_timeout_s",
        "Longest silence",
        "Stop a run that prints nothing for so long.",
        read=seconds_of,
        part=MORE,
    ),
    Field("fallback_model", "Fallback model", "When the model is overloaded; claude only.", part=MORE),
    Field(
        "backoff_s",
        "Wait before a retry",
        "Such as 30s; then twice as long each time.",
        read=seconds_of,
        part=MORE,
    ),
    Field(
        "output_files",
        "Files to write",
        "Names, one a line. The task fails without them.",
        kind="lines",
        read=_lines,
        part=MORE,
    ),
    Field("workdir", "Directory", "Below a directory that config.yaml allows.", part=MORE),
    Field("workflow", "Workflow", "A name that several tasks share.", part=MORE),
    Field(
        "after",
        "After",
        "Numbers of tasks: it starts when they have succeeded.",
        read=_tasks,
        part=MORE,
    ),
    Field("idempotency_key", "Key", "Nothing is queued if a task has it already.", part=MORE),
)
KEYS = ("prompt", *(field.key for field in FIELDS))
_USUAL = ("", "default")
DEFAULTS = {"permission": "edit", "priority": "5", "max_attempts": "3"}


@get("/new")
async def new_task(request: ApiRequest, caller: Caller, like: int | None = None) -> Template:
    """Show the form: empty, or filled from the task ``like``."""
    values = (
        DEFAULTS
        if like is None
        else _values_of(await caller.call(calls.show_task(str(like), with_output=False)))
    )
    return await _form(request, caller, values)


@post("/new", opt={TAKES_TASKS: True})
async def submit(request: ApiRequest, caller: Caller) -> Template | Redirect:
    """Queue the task and lead to its page; or show what is wrong beside its field, with all that was typed."""
    form = await form_of(request)
    values = {key: form.text(key) for key in KEYS}
    task, complaints = _read(values)
    if complaints:
        return await _form(request, caller, values, complaints, form=form)
    task["input_files"] = [await _input_file(file) for file in form.files("input_files")]
    task.setdefault("idempotency_key", form.text("once") or str(uuid4()))
    try:
        (submitted,) = await caller.call(calls.submit_tasks([task]))
    except UnauthorizedError:
        raise
    except DispatchError as error:
        complaints = {_field_of(str(error)) if isinstance(error, UsageError) else "": error.with_hint}
        return await _form(request, caller, values, complaints, problem_of(error).status, form)
    if not submitted.same:
        complaint = (
            f"this was submitted already as task {submitted.number}, with another tool, model or prompt"
        )
        where = "idempotency_key" if values["idempotency_key"] else ""
        return await _form(request, caller, values, {where: complaint}, HTTPStatus.CONFLICT)
    return go_to(f"/ui/tasks/{submitted.number}")


def _read(values: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """Return a task for submit_tasks() of what was typed, and complaints by field."""
    task: dict[str, object] = {"prompt": values["prompt"]}
    complaints: dict[str, str] = {}
    for field in FIELDS:
        if typed := values[field.key].strip():
            try:
                task[field.key] = field.read(typed)
            except ValueError as error:
                complaints[field.key] = str(error)
    return task, complaints


async def _input_file(file: UploadFile) -> dict[str, str]:
    return {"path": file.filename, "content_base64": base64.b64encode(await file.read()).decode()}


def _field_of(complaint: str) -> str:
    """Return the field that a sentence of SQL is about: it begins with the key, or names it last."""
    known = {*KEYS, "input_files"}
    named = [word for word in complaint.split() if word in known]
    return "" if not named else named[0] if complaint.startswith(named[0]) else named[-1]


def _values_of(task: Task) -> dict[str, str]:
    """Return what to type for a task like this one."""
    return {
        "tool": task.tool,
        "prompt": task.prompt,
        "model": task.model or "",
        "account": task.account or "",
        "permission": task.permission,
        "name": task.name or "",
        "priority": str(min(task.priority, 9)),  # that of `top` cannot be submitted
        "labels": "\n".join(f"{key}={value}" for key, value in task.labels.items()),
        "timeout_s": as_typed(task.timeout_s) if task.timeout_s else "",
        "stall_timeout_s": as_typed(task.stall_timeout_s) if task.stall_timeout_s else "",
        "max_attempts": str(task.max_attempts),
        "tenant_id": task.tenant_id,
        "queue": task.queue,
        "workdir": task.workdir or "",
        "output_files": "\n".join(task.output_files),
        "workflow": task.workflow or "",
        "after": ", ".join(str(need.number) for need in task.after if need.kind == "succeeded"),
        "repository": task.repository or "",
        "ref": task.ref or "",
        "setup_command": task.setup_command or "",
        "check_command": task.check_command or "",
        "setup_timeout_s": as_typed(task.setup_timeout_s) if task.setup_timeout_s else "",
        "check_timeout_s": as_typed(task.check_timeout_s) if task.check_timeout_s else "",
        "approve": "yes" if task.approve else "",
        "no_changes": "yes" if task.no_changes == "fail" else "",
    }


async def _repositories(request: ApiRequest, caller: Caller) -> list[str]:
    """Return the names of repositories in config.yaml, which are for who acts for all tenants, like all of the host."""
    settings: Settings = request.app.state.settings
    return sorted(settings.repositories) if (await caller.acting()).tenants is None else []


async def _form(
    request: ApiRequest,
    caller: Caller,
    values: Mapping[str, str],
    complaints: Mapping[str, str] | None = None,
    status: int = HTTPStatus.BAD_REQUEST,
    form: Form | None = None,
) -> Template:
    """Return the form. After a complaint it keeps its key; a form without one gets a new key, which submits anew."""
    groups = await caller.call(api_calls.list_groups_in_public())
    context = {
        "fields": FIELDS,
        "values": {key: values.get(key, "") for key in KEYS},
        "complaints": complaints or {},
        "choices": {
            "tool": sorted(
                {group.tool for group in groups} | ({values["tool"]} if values.get("tool") else set())
            ),
            "account": sorted({group.account_name for group in groups}),
            "repository": await _repositories(request, caller),
        },
        "once": (form and form.text("once")) or str(uuid4()),
        "parts": (CHANGE, MORE),
        "open_parts": {field.part for field in FIELDS if values.get(field.key, "") not in _USUAL},
        "files": [file.filename for file in form.files("input_files")] if form else [],
    }
    return Template("new_task.html", context=context, status_code=status if complaints else HTTPStatus.OK)


ROUTES = (new_task, submit)
