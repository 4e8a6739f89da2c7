"""Many tasks from a file: read, filled in, sent in chunks, and told of."""
