"""`/ui/schedules`: when tasks are submitted again, and how the last ones ended."""

from litestar import get, post
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import form_of
from dispatcher.api.page.frame.roles import may_submit
from dispatcher.errors import UsageError
from dispatcher.schedules.wording import local, words
from sql import schedule_calls

PAGE = "/ui/schedules"


@get("/schedules")
async def schedules_page(caller: Caller) -> Template:
    """Show the schedules of the token's tenants."""
    context = {
        "rows": await caller.call(schedule_calls.list_schedules()),
        "words": words,
        "local": local,
        "may_submit": may_submit(await caller.acting()),
    }
    return Template("automation/schedules.html", context=context)


@post("/schedules/{verb:str}")
async def change_schedule(request: ApiRequest, caller: Caller, verb: str) -> Redirect:
    """Run, pause or resume a schedule. It is a field of the form, and so is its tenant."""
    form = await form_of(request)
    name, tenant = form.text("name"), form.text("tenant") or None
    match verb:
        case "run":
            submitted = await caller.call(schedule_calls.run_schedule(name, tenant))
            return go_to(f"/ui/tasks/{submitted.number}")
        case "pause":
            reason = form.text("reason").strip() or None
            await caller.call(schedule_calls.pause_schedule(name, reason, tenant))
        case "resume":
            await caller.call(schedule_calls.resume_schedule(name, tenant))
        case _:
            raise UsageError(f"{verb!r} is not a valid verb: expected run, pause or resume")
    return go_to(PAGE)


ROUTES = (schedules_page, change_schedule)
