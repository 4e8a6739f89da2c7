"""The PostgreSQL server that is installed from a wheel: its place, its configuration, its start and its stop."""
