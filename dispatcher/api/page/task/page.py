"""`/ui/tasks/N`: everything about one task, and what may be done with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import uuid4

from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.params import Parameter
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.door import TAKES_TASKS
from dispatcher.api.page.charts import attempts
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import form_of
from dispatcher.api.page.task.change import changed_by
from dispatcher.api.page.task.log import log_of
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import NotFoundError
from sql import calls
from sql.rows.people import RunRow, Task

PROMPT_CHARACTERS = 2_000
ANSWER_CHARACTERS = 50_000
"""So much of a prompt and of an answer is shown at first; a link shows all."""
MOST_RUNS = 50
"""The page shows the last attempts at first; a link shows all that show_task() has."""
MOST_CHARACTERS = 2**30


@dataclass(frozen=True)
class Cut:
    """The beginning of a text, and whether there is more."""

    text: str
    more: bool


@get("/tasks/{number:int}")
async def task_page(
    request: ApiRequest,
    caller: Caller,
    number: Number,
    full: bool = False,
    run: Annotated[int | None, Parameter(ge=1, le=2**31 - 1)] = None,
    stream: str = "stdout",
    begin: Annotated[int | None, Parameter(ge=0, le=2**62)] = None,
) -> Template:
    """Show a task. ``full`` shows the whole prompt and answer, and all attempts; the others choose a part of the log.

    What the script asks for to bring the page up to date has no log in it, since the log has a stream of its own.
    """
    most = MOST_CHARACTERS if full else PROMPT_CHARACTERS
    task = await caller.call(calls.show_task(str(number), most + 1, with_output=False))
    now = datetime.now(UTC)
    runs = task.runs if full else task.runs[-MOST_RUNS:]
    context = {
        "task": task,
        "ended": task.status in ("succeeded", "failed", "canceled"),
        "prompt": _cut(task.prompt, most),
        "answer": _cut(_answer_of(task), MOST_CHARACTERS if full else ANSWER_CHARACTERS),
        "runs": list(zip(runs, attempts(runs, now), strict=True))[::-1],
        "spent": _spent(task.runs),
        "full": full,
        "changed": await changed_by(caller, task, full=full),
        "commands": next((run for run in task.runs[::-1] if run.commands), None),
        "log": await log_of(caller, number, run, stream, begin, is_refresh="hx-request" in request.headers),
        "once": str(uuid4()),
    }
    return Template("task/page.html", context=context)


@get("/tasks/{number:int}/answer", media_type=MediaType.TEXT)
async def answer(caller: Caller, number: Number) -> Response[str]:
    """Return the answer as a file. (A browser asks the API's `/tasks/N/result` for anything, and would save JSON.)"""
    text = _answer_of(await caller.call(calls.show_task(str(number), 0)))
    if text is None:
        raise NotFoundError(f"task {number} has no answer")
    saved_as = {"Content-Disposition": f'attachment; filename="answer-{number}.txt"'}
    return Response(text, media_type=MediaType.TEXT, headers=saved_as)


@post("/tasks/{number:int}/reply", opt={TAKES_TASKS: True})
async def reply(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    """Queue the reply, once however often the form is sent, and lead to its task."""
    form = await form_of(request)
    call = calls.reply_task(str(number), form.text("prompt"), idempotency_key=form.text("once") or None)
    queued = await caller.call(call)
    return go_to(f"/ui/tasks/{queued.number}")


def _cut(text: str | None, most: int) -> Cut | None:
    return None if text is None else Cut(text[:most], len(text) > most)


def _answer_of(task: Task) -> str | None:
    text = (task.result or {}).get("text")
    return text if isinstance(text, str) else None


@dataclass(frozen=True)
class Spent:
    """What the runs of a task took together. ``notional`` is the list price of what subscriptions covered."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    paid: Decimal
    notional: Decimal
    unknown_runs: int
    """Runs that are missing in both, if any other run reported a cost."""


def _spent(runs: Sequence[RunRow]) -> Spent:
    return Spent(
        sum(run.input_tokens or 0 for run in runs),
        sum(run.cached_input_tokens or 0 for run in runs),
        sum(run.output_tokens or 0 for run in runs),
        sum((run.cost_usd or Decimal() for run in runs if not run.is_notional), Decimal()),
        sum((run.cost_usd or Decimal() for run in runs if run.is_notional), Decimal()),
        sum(run.has_unknown_cost for run in runs) if any(run.cost_usd is not None for run in runs) else 0,
    )


ROUTES = (task_page, answer, reply)
