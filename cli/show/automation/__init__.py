"""What is shown of schedules and hooks: pure functions."""
