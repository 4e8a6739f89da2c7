"""The matrix of each CLI with each failure: what is played, what must come of it, and what came of it."""
