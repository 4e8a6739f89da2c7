"""Many tasks from a file: reading it, filling in templates, sending in chunks, and the report."""
