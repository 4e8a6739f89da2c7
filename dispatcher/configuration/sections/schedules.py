"""The section about schedules: tasks that are submitted again and again."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from dispatcher.configuration.sections.values import Line, Seconds
from dispatcher.errors import UsageError

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class ScheduleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A task that is submitted at the times of a cron expression.

    A dispatcher brings it when it starts or reads the file again, and removes it when the file names it no more.
    `llmctl schedule` runs, pauses and resumes it.
    """

    cron: Line
    """When: minute, hour, day of month, month and weekday, such as `30 2 * * 1-5`; or `@hourly`, `@daily`, …"""
    task: Annotated[Mapping[str, Any], Meta(description="a map with the keys of a task")]
    """What is submitted: `tool`, `prompt` and the other [keys of submit_tasks()](sql.md). In the prompt,
    `{{scheduled_at}}` is the time, and `{{last_success_at}}` when a task of it last succeeded."""
    tz: Line | None = None
    """The time zone on whose clocks, such as `Europe/Berlin`; unless given, that of the host."""
    tenant: Line = "default"
    """The tenant of its tasks."""
    overlap: Literal["skip", "queue", "replace"] | None = None
    """What happens while a task of it has not ended: it submits none, one more, or one in its place. `skip`, unless
    `catch_up` is `all`: then `queue`."""
    catch_up: Literal["one", "all", "none"] = "one"
    """For which times it submits that passed while no dispatcher was there: the last one, all, or none."""
    within: Seconds | None = None
    """How far `all` goes back; `1d` unless given, and never more than 100 tasks."""
    max_failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    """It pauses itself when so many tasks have failed one after the other."""

    def __post_init__(self) -> None:
        from dispatcher.schedules import zones
        from dispatcher.schedules.cron import Cron

        try:
            Cron(self.cron)
            if self.tz is not None:
                zones.zone(self.tz)
        except UsageError as error:
            raise ValueError(str(error)) from None

    def as_json(self) -> dict[str, object]:
        """Return it as put_configured_schedules() takes it."""
        from dispatcher.schedules import zones

        return {
            "cron": self.cron,
            "zone": self.tz or zones.local_name(),
            "task": dict(self.task),
            "tenant": self.tenant,
            "overlap": self.overlap,
            "catch_up": self.catch_up,
            "within_s": self.within,
            "max_failures": self.max_failures,
        }
