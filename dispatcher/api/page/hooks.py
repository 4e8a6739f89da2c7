"""`/ui/hooks`: whom hooks tell what, and what was given up. Hooks hear of all tenants, so it is for the whole site."""

from litestar import get, post
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import form_of
from dispatcher.errors import UsageError
from sql import hook_calls

PAGE = "/ui/hooks"


@get("/hooks")
async def hooks_page(caller: Caller) -> Template:
    """Show the hooks, each with what is pending and dead and what came of the last attempt."""
    return Template("automation/hooks.html", context={"rows": await caller.call(hook_calls.list_hooks())})


@post("/hooks/{verb:str}")
async def change_hook(request: ApiRequest, caller: Caller, verb: str) -> Redirect:
    """Tell a hook again what was given up, or an event for a test."""
    name = (await form_of(request)).text("name")
    match verb:
        case "retry":
            await caller.call(hook_calls.retry_hook(name))
        case "test":
            await caller.call(hook_calls.test_hook(name))
        case _:
            raise UsageError(f"{verb!r} is not a valid verb: expected retry or test")
    return go_to(PAGE)


ROUTES = (hooks_page, change_hook)
