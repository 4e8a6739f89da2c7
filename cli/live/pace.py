"""How fast tasks end, and when the last of them will have: pure functions of a snapshot."""

from cli.live.snapshot import Snapshot
from dispatcher.durations import duration
from dispatcher.quantities import money

HOUR = 3600.0
ENOUGH = 3
"""So many tasks have to have ended within the hour before their pace says something about the rest."""


def per_hour(snapshot: Snapshot, seconds: float = 0.0) -> float | None:
    """Return how many tasks end in an hour, by those that ended within the last one; None if they were too few."""
    ago = sorted(
        age
        for task in snapshot.ended
        if task.finished_at is not None
        and (age := task.age_s + seconds - (task.finished_at - task.created_at).total_seconds()) <= HOUR
    )
    if len(ago) < ENOUGH:
        return None
    # From the end of the first of them on, the others ended.
    return (len(ago) - 1) * HOUR / max(ago[-1], 60.0)


def progress(snapshot: Snapshot, seconds: float = 0.0) -> str:
    """``14 done/h, 61 of 112 done, about 3 h 40 min left, $41.20 today``: what is known of it."""
    rate = per_hour(snapshot, seconds)
    parts = [] if rate is None else [f"{rate:,.0f} done/h"]
    left = snapshot.total - snapshot.done
    if snapshot.selected and snapshot.total:
        parts.append(f"{snapshot.done:,} of {snapshot.total:,} done")
        if rate and left:
            parts.append(f"about {duration(left / rate * HOUR)} left")
    if spent := sum(group.spent_usd for group in snapshot.groups):
        parts.append(f"{money(float(spent))} today")
    return ", ".join(parts)
