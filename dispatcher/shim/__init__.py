"""The process that starts the agents of one dispatcher, is their parent, and outlives it. Standard library only."""
