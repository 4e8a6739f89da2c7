"""The service that delivers: it takes what is due from the outbox, and waits without a statement for the rest.

A delivery that hangs costs its own slot only. After a crash, what was taken is due again when its lease is over.
"""

import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.configuration.sections.hooks import HookSettings, parts_of
from dispatcher.database.store import Store
from dispatcher.hooks import addresses, command
from dispatcher.hooks.attempt import Attempt, body_of
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.environment import SecretError
from dispatcher.run.sweeping import Sweeper
from dispatcher.wall import Wall, in_a_sentence
from sql import hook_calls
from sql.rows.hooks import Delivery

if TYPE_CHECKING:
    import ssl

log = structlog.get_logger()

MOST = 4
MOST_OF_HOOK = 2
"""Deliveries at a time: of this dispatcher, and of those of one hook."""
MARGIN = 30.0
"""Seconds of the lease beyond the time limit: to kill a command, and to say what came of it."""
KEEP = 7 * 86400.0
"""Seconds that a delivery is kept after its end."""


class Hooks:
    """Delivers what hooks of config.yaml are to be told. :meth:`wake` it when something may be due."""

    def __init__(
        self,
        store: Store,
        configuration: CurrentConfiguration,
        sweeper: Sweeper,
        resolve: addresses.Resolve = addresses.resolve,
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._sweeper = sweeper
        self._resolve = resolve
        self._woken = AutoResetEvent()
        self._next_due = math.inf
        self._at_work: Counter[str] = Counter()
        self._tls: ssl.SSLContext | None = None

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Deliver for ever. Without hooks in config.yaml, no statement is made."""
        self._at_work.clear()
        self.wake()
        async with trio.open_nursery() as nursery:
            while True:
                await self._woken.wait(until=self._next_due)
                for delivery in await self._take():
                    self._at_work[delivery.hook] += 1
                    nursery.start_soon(self._deliver, delivery)

    async def _take(self) -> list[Delivery]:
        self._next_due = math.inf
        room = {
            name: {"most": MOST_OF_HOOK - self._at_work[name], "lease_s": hook.time_limit + MARGIN}
            for name, hook in self._configuration.settings.hooks.items()
            if self._at_work[name] < MOST_OF_HOOK
        }
        free = MOST - self._at_work.total()
        if not room or not free:
            return []
        take = hook_calls.take_deliveries(self._store.dispatcher_id, room, free)
        taken = await self._store.patiently("looking for what hooks are to be told", take)
        if taken.next_due_s is not None:
            self._next_due = trio.current_time() + taken.next_due_s
        return list(taken.deliveries)

    async def _deliver(self, delivery: Delivery) -> None:
        attempt = Attempt("failed", "it failed unexpectedly")
        with Wall("telling a hook", hook=delivery.hook) as wall:
            attempt = await self._attempt(delivery)
        if wall.error is not None:
            attempt = Attempt("failed", in_a_sentence(wall.error))
        finish = hook_calls.finish_delivery(
            self._store.dispatcher_id,
            delivery.number,
            delivery.attempt,
            attempt.outcome,
            attempt.detail.replace("\0", ""),
            attempt.retry_after_s,
        )
        await self._store.patiently("saying what came of a delivery", finish)
        if attempt.outcome != "delivered":
            log.warning(
                "a hook was not told", hook=delivery.hook, id=delivery.event, type=delivery.type,
                attempt=delivery.attempt, outcome=attempt.outcome, why=attempt.detail,
            )  # fmt: skip
            # A receiver that is away is what lets an outbox grow.
            await self._store.patiently("pruning deliveries", hook_calls.prune_deliveries(KEEP))
        self._at_work[delivery.hook] -= 1
        self.wake()

    async def _attempt(self, delivery: Delivery) -> Attempt:
        hook = self._configuration.settings.hooks.get(delivery.hook)
        if hook is None:
            return Attempt("failed", "it is no longer in config.yaml")
        try:
            if hook.command is None:
                return await self._post(hook, delivery)
            return await self._run(hook, hook.command, delivery)
        except SecretError as error:
            return Attempt("failed", str(error))

    async def _post(self, hook: HookSettings, delivery: Delivery) -> Attempt:
        # Here, since most dispatchers have no webhook: both take 50 ms.
        from standardwebhooks import Webhook

        from dispatcher.hooks import webhook

        body, now = body_of(delivery), datetime.now(UTC)
        headers = {"webhook-id": delivery.event, "webhook-timestamp": str(int(now.timestamp()))}
        if hook.secret is not None:
            secret = await in_thread(environment.resolve, "secret", hook.secret)
            try:
                headers["webhook-signature"] = Webhook(secret).sign(delivery.event, now, body.decode())
            except Exception:  # noqa: BLE001 - it raises what base64 does, and its text may hold the secret
                return Attempt("failed", "secret is not one of Standard Webhooks: expected whsec_ and base64")
        url = await in_thread(environment.resolve, "url", str(hook.url))
        try:
            parts = parts_of(url, allow_private=hook.allow_private)
        except ValueError as error:
            return Attempt("failed", str(error))
        if self._tls is None:
            self._tls = await in_thread(webhook.tls)
        with trio.move_on_after(hook.time_limit):
            return await webhook.post(
                parts,
                body,
                headers,
                allow_private=hook.allow_private,
                resolve=self._resolve,
                context=self._tls,
            )
        return Attempt("failed", f"{parts.hostname} did not answer within {hook.time_limit:g} s")

    async def _run(self, hook: HookSettings, argv: tuple[str, ...], delivery: Delivery) -> Attempt:
        mark = f"hook-{delivery.number}-{delivery.attempt}"
        given = environment.build(
            hook.env, _variables_of(delivery), environment.marks_of(mark, self._sweeper.owner)
        )
        self._sweeper.begin(mark)
        try:
            attempt = await command.tell(
                argv, body_of(delivery), given.variables, hook.time_limit, lambda: self._sweeper.kill(mark)
            )
        finally:
            self._sweeper.over(mark, contained=True)
        return attempt._replace(detail=Masking(given.secrets).text(attempt.detail))


def _variables_of(delivery: Delivery) -> Mapping[str, str]:
    """Return what a command can tell without reading JSON."""
    task = delivery.payload.get("task")
    number = str(task["number"]) if isinstance(task, dict) else ""
    return {"LLMCTL_EVENT": delivery.type, "LLMCTL_TASK": number}
