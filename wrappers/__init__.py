"""All that is known about each agent CLI: how to call it, and how to read what it prints. There is no I/O in here."""
