"""The commands before and after an agent: which there are, how they run, and what they print."""
