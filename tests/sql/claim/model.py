"""What a claim should return, worked out in Python from the tables of tasks, groups and limits alone.

The model counts active tasks instead of reading counters. It knows nothing of lanes, heads, turns and inboxes, since it
is there to find errors in them. The test remembers which tenants were served and tells the model.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.sql.client import Client

NO_LIMIT = 10**9


@dataclass(frozen=True)
class Task:
    number: int
    tenant: str
    tool: str
    account: str | None
    model: str
    """Empty if the task names none."""
    priority: int
    scopes: frozenset[str]


@dataclass(frozen=True)
class Group:
    name: str
    tool: str
    account: str
    slots: int
    paused: bool
    cools_until: datetime | None
    hosts: Sequence[str] | None
    unproven: bool
    """The group has cooled down or still does, and no run since then has shown that its usage limit is over."""
    probing: bool
    """Such a run is under way."""
    models_cool_until: Mapping[str, datetime]
    """Models whose own usage limit is, or was, reached."""


@dataclass(frozen=True)
class Dispatcher:
    host: str
    groups: Sequence[str] | None

    def serves(self, group: Group) -> bool:
        return (self.groups is None or group.name in self.groups) and (
            group.hosts is None or self.host in group.hosts
        )


@dataclass
class World:
    """The state of a database at one moment. A pick changes it as if the task were claimed."""

    now: datetime
    ready: list[Task]
    due_later: list[datetime]
    groups: list[Group]
    limits: dict[str, int]
    taken: Counter[str] = field(default_factory=Counter)
    probed: set[str] = field(default_factory=set)

    def pick(self, dispatcher: Dispatcher, served: Sequence[str]) -> tuple[Task, Group] | None:
        """The task that comes next, and its group. ``served`` are tenants, the last served one at the end."""
        turn = {tenant: place for place, tenant in enumerate(served, 1)}
        candidates = [
            (-task.priority, turn.get(task.tenant, 0), task.tenant, task.number, task, group)
            for task in self.ready
            if (group := self._group_for(task, dispatcher)) and not self._full(task.scopes)
        ]
        if not candidates:
            return None
        *_, task, group = min(candidates, key=lambda candidate: candidate[:4])
        self.ready.remove(task)
        self.taken.update({*task.scopes, f"group:{group.name}"})
        self.probed.add(group.name)
        return task, group

    def deadline_s(self, dispatcher: Dispatcher, hinted: Collection[str] = ()) -> float | None:
        """How long until time alone lets a task run. Tools that are ``hinted`` count as tools with tasks."""
        moments = [moment for moment in self.due_later if moment > self.now]
        wanted = {task.tool for task in self.ready if not self._full([f"tenant:{task.tenant}"])} | set(hinted)
        moments += [
            group.cools_until
            for group in self.groups
            if group.cools_until and group.cools_until > self.now and not group.paused
            if dispatcher.serves(group) and group.tool in wanted
        ]
        moments += [
            min(later)
            for group in self.groups
            if not (group.cools_until and group.cools_until > self.now) and not group.paused
            if dispatcher.serves(group) and group.tool in wanted
            if (later := [end for end in group.models_cool_until.values() if end > self.now])
        ]
        return (min(moments) - self.now) / timedelta(seconds=1) if moments else None

    def _group_for(self, task: Task, dispatcher: Dispatcher) -> Group | None:
        free = [
            (-self._room_in(group), group.name, group)
            for group in self.groups
            if group.tool == task.tool and task.account in (None, group.account)
            if dispatcher.serves(group) and not group.paused
            if group.cools_until is None or group.cools_until <= self.now
            if group.models_cool_until.get(task.model, self.now) <= self.now
            if self._room_in(group) > 0
        ]
        return min(free, key=lambda choice: choice[:2])[2] if free else None

    def _room_in(self, group: Group) -> int:
        room = group.slots - self.taken[f"group:{group.name}"]
        if group.unproven:
            return 0 if group.probing or group.name in self.probed else min(1, room)
        return room

    def _full(self, scopes: Iterable[str]) -> bool:
        return any(self.taken[scope] >= self.limits[scope] for scope in scopes if scope in self.limits)


def look_at(db: Client, held: Collection[object] = ()) -> World:
    """Read the database. Tasks that are ``held`` by an open transaction do not count as ready."""
    [now] = db.one("select clock()")
    assert isinstance(now, datetime)
    cooling: dict[object, dict[str, datetime]] = {}
    for name, cool_model, until in db.rows("select group_name, model, cools_until from model_cooldowns"):
        cooling.setdefault(name, {})[cool_model] = until  # type: ignore[index, assignment]
    world = World(
        now=now,
        ready=[],
        due_later=[],
        groups=[
            Group(*(*row, cooling.get(row[0], {})))  # type: ignore[arg-type]
            for row in db.rows(
                "select group_name, tool, account_name, max_concurrent, paused, cooldown_until, hosts, unproven,"
                " exists (select from tasks join task_runs on task_runs.id = tasks.run_id"
                " where tasks.status in ('leased', 'running') and tasks.group_name = worker_groups.group_name"
                " and claimed_at >= coalesce(cooldown_until, '-infinity')) from worker_groups"
            )
        ],
        limits={
            str(scope): 0 if is_spent else NO_LIMIT if most is None else int(str(most))
            for scope, most, is_spent in db.rows(
                "select scope::text, max_concurrent, spent_usd >= budget_usd from concurrency_limits"
            )
        },
    )
    for number, status, waits, due, group, tenant, tool, account, priority, model, queue, workflow in db.rows(
        "select number, status, wait_reason, greatest(scheduled_at, next_attempt_at), group_name, tenant_id,"
        " tool, account, priority, model, queue, workflow from tasks where status in ('queued', 'leased', 'running')"
    ):
        scopes = {f"tool:{tool}", f"tenant:{tenant}", f"queue:{queue}"}
        scopes |= {f"{kind}:{name}" for kind, name in (("model", model), ("workflow", workflow)) if name}
        if status != "queued":
            world.taken.update({*scopes, f"group:{group}"})
        elif waits in ("scheduled", "retry", "limit") and isinstance(due, datetime) and due > now:
            world.due_later.append(due)
        elif waits in (None, "scheduled", "retry", "limit") and number not in held:
            task = Task(number, tenant, tool, account, model or "", priority, frozenset(scopes))  # type: ignore[arg-type]
            world.ready.append(task)
    return world
