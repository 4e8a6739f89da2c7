"""The directory in which runs live, and what is kept, moved or deleted in it."""
