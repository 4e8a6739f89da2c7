"""What is known about each agent CLI: how to call it and how to read what it prints. No I/O in here."""
