"""Rows that describe tasks: how `llmctl submit --from` and the file that an agent writes are read."""
