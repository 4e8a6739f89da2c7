"""Git repositories that tasks change: a clone for each run, and a record of all that an agent left in it."""
