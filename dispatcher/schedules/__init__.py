"""Schedules: cron expressions, time zones, and when their instants are; nothing here does I/O but for zone data."""
