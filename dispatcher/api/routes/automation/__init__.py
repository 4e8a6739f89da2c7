"""Routes about what belongs together or starts by itself: workflows, schedules and hooks."""
