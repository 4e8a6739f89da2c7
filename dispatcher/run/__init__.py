"""One run's life, from its claim to the report of its end: its process, its output, and what it leaves behind."""
