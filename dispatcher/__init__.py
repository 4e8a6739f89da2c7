"""The dispatcher: settings, the database, the event loop and the life of each agent's run."""

__version__ = "0.1.0"
