"""The connection of a command to the database: calls, events, and waiting for tasks, through restarts."""
