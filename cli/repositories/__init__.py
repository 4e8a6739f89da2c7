"""What the user's own git does with recorded changes: no database, and nothing of the dispatcher's clones."""
