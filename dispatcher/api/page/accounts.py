"""`/ui/accounts`: worker groups, which are accounts of tools, and limits. Operators change them here."""

from litestar import get, post
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import form_of, seconds
from dispatcher.api.page.frame.roles import may_operate
from dispatcher.configuration.sections.values import MOST_SLOTS
from dispatcher.errors import UsageError
from sql import calls

PAGE = "/ui/accounts"


@get("/accounts")
async def accounts_page(caller: Caller) -> Template:
    """Show groups and limits. Nothing of it is a variable of a group, or where its login is."""
    context = {
        "groups": await caller.call(calls.list_groups()),
        "limits": await caller.call(calls.list_limits()),
        "may_operate": may_operate(await caller.acting()),
    }
    return Template("accounts.html", context=context)


@post("/accounts/{verb:str}")
async def change_group(request: ApiRequest, caller: Caller, verb: str) -> Redirect:
    """Pause, resume or cool down a group, or end its cool-down. The group is a field: its name may hold a slash."""
    form = await form_of(request)
    group, reason = form.text("group"), form.text("reason").strip() or None
    match verb:
        case "pause":
            await caller.call(calls.pause_group(group, reason))
        case "resume":
            await caller.call(calls.resume_group(group))
        case "cool":
            length = seconds(form.text("for"))
            await caller.call(calls.cool_down_group(group, None, reason, for_s=length))
        case "uncool":
            await caller.call(calls.clear_cooldown(group))
        case _:
            raise UsageError(f"{verb!r} is not a valid verb: expected pause, resume, cool or uncool")
    return go_to(PAGE)


@post("/limits/set")
async def set_limit(request: ApiRequest, caller: Caller) -> Redirect:
    """Set a limit, also a new one: then its scope is a kind and a name."""
    form = await form_of(request)
    scope = form.text("scope") or f"{form.text('kind')}:{form.text('name').strip()}"
    most = form.text("max").strip()
    if not most.isdecimal() or int(most[:12]) > MOST_SLOTS:
        raise UsageError(f"{most[:40]!r} is not a valid limit: expected 0 or more, at most {MOST_SLOTS:,}")
    await caller.call(calls.set_limit(scope, int(most)))
    return go_to(PAGE)


@post("/limits/remove")
async def remove_limit(request: ApiRequest, caller: Caller) -> Redirect:
    form = await form_of(request)
    await caller.call(calls.remove_limit(form.text("scope")))
    return go_to(PAGE)


ROUTES = (accounts_page, change_group, set_limit, remove_limit)
