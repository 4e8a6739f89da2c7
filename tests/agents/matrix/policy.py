"""What an error class does to the attempts, the task and the group."""

from collections.abc import Mapping
from typing import NamedTuple


class Policy(NamedTuple):
    """The effect of an error class: attempts used, and what happens to the task and the group."""

    attempts: int
    task: str
    group: str


POLICY: Mapping[str | None, Policy] = {
    None: Policy(0, "succeeded", "open"),
    "limit": Policy(0, "queued: limit", "cooling"),
    "throttled": Policy(0, "queued: retry", "open"),
    "overloaded": Policy(0, "queued: retry", "backs off"),
    "auth": Policy(0, "queued", "paused"),
    "no_credit": Policy(0, "queued", "paused"),
    "budget": Policy(1, "failed", "open"),
    "context_too_long": Policy(1, "failed", "open"),
    "invalid_request": Policy(1, "failed", "open"),
    "empty_result": Policy(1, "queued: retry", "open"),
    "agent_error": Policy(1, "queued: retry", "open"),
    "stalled": Policy(1, "queued: retry", "open"),
}
OF_A_MODEL = Policy(0, "queued: limit", "a model cools")
"""The effect of a limit of the model alone."""
