"""How much each measure does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Counts, except where the name says seconds."""

    warm_ups: int
    starts: int
    drained: int
    drains: int
    claims: int
    backlog: int
    lanes: int
    groups: int
    submitted: int
    submits: int
    submitting_seconds: int
    clients: tuple[int, ...]
    heartbeats: int
    heartbeat_seconds: float
    silent_agents: int
    silent_agent_seconds: float
    watched_seconds: float
    processes: int
    passed: tuple[int, ...]
    posts: int
    streams: int
    waiting_streams: int
    repository_files: int
    repository_rounds: int
    dependents: int
    released: int
    chained: int
    schedules: int


FULL = Sizes(
    warm_ups=10,
    starts=200,
    drained=2000,
    drains=3,
    claims=50,
    backlog=1_000_000,
    lanes=10_000,
    groups=1000,
    submitted=100_000,
    submits=3,
    submitting_seconds=3,
    clients=(1, 16, 64),
    heartbeats=4,
    heartbeat_seconds=30,
    silent_agents=500,
    silent_agent_seconds=60,
    watched_seconds=20,
    processes=15,
    passed=(0, 50_000, 100_000, 200_000),
    posts=6,
    streams=200,
    waiting_streams=50,
    repository_files=10_000,
    repository_rounds=7,
    dependents=1_000_000,
    released=100_000,
    chained=1000,
    schedules=10_000,
)

QUICK = Sizes(
    warm_ups=2,
    starts=5,
    drained=20,
    drains=1,
    claims=5,
    backlog=1000,
    lanes=50,
    groups=5,
    submitted=1000,
    submits=1,
    submitting_seconds=1,
    clients=(1, 4),
    heartbeats=2,
    heartbeat_seconds=1,
    silent_agents=10,
    silent_agent_seconds=6,
    watched_seconds=1,
    processes=3,
    passed=(0, 64, 128, 256),
    posts=1,
    streams=5,
    waiting_streams=4,
    repository_files=200,
    repository_rounds=1,
    dependents=1000,
    released=500,
    chained=10,
    schedules=50,
)
"""Only to show that everything still works: these figures mean nothing."""
