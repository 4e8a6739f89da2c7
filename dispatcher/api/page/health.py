"""`/ui/health`: what `dispatcher check` finds on this host, the dispatchers, the counters and the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import trio
from litestar import get, post
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.roles import may_see_host
from dispatcher.checks.checklist import check
from dispatcher.checks.finding import Finding
from dispatcher.checks.report import summary
from dispatcher.configuration.settings import Settings
from dispatcher.errors import ForbiddenError
from sql import calls
from sql.call import Call

Result = TypeVar("Result")

LEVELS = ("problem", "warning", "ok")


@dataclass(frozen=True)
class Checked:
    """What the checks found, and when they ended."""

    at: datetime
    findings: list[Finding]

    @property
    def summary(self) -> str:
        return summary(self.findings)


class Checkup:
    """Runs the checks when a person asks. They start programs and take seconds, so two at once share one run."""

    def __init__(self) -> None:
        self.last: Checked | None = None
        self._running = trio.Lock()

    async def run(self, settings: Settings) -> None:
        asked = datetime.now(UTC)
        async with self._running:
            if self.last is None or self.last.at < asked:
                findings = await trio.to_thread.run_sync(check, settings)
                self.last = Checked(datetime.now(UTC), findings)


@get("/health")
async def health_page(request: ApiRequest, caller: Caller) -> Template:
    """Show what is wrong. The checks read this host, so only who operates all of it sees what they found."""
    sees_host = may_see_host(await caller.acting())
    checked: Checked | None = request.app.state.checkup.last if sees_host else None
    context = {
        "sees_host": sees_host,
        "checked": checked,
        "findings": sorted(checked.findings, key=lambda one: LEVELS.index(one.level)) if checked else [],
        "dispatchers": await caller.call(calls.list_dispatchers()),
        "counts": await caller.call(calls.count_tasks()),
        "schema": await caller.call(calls.schema_version()),
        "drifted": await _or_none(caller, calls.check_counters()),
        "unserved": await _or_none(caller, calls.unserved_tasks()),
    }
    return Template("health.html", context=context)


@post("/health")
async def run_checks(request: ApiRequest, caller: Caller) -> Redirect:
    """Run the checks again."""
    if not may_see_host(await caller.acting()):
        raise ForbiddenError("this token may not look at the host: that needs the role operator or admin")
    await request.app.state.checkup.run(request.app.state.settings)
    return go_to("/ui/health")


async def _or_none(caller: Caller, call: Call[Result]) -> Result | None:
    """Return what a call returns, or None where the token may not make it: a producer sees no counters."""
    try:
        return await caller.call(call)
    except ForbiddenError:
        return None


ROUTES = (health_page, run_checks)
