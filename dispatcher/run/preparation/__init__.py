"""Before an agent starts: what is refused, its workspace, its environment, and what is fetched for it."""
