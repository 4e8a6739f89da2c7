"""What an agent left, as data: nothing of it runs, and no link of it leads anywhere."""
