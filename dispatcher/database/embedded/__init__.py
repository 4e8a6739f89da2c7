"""The PostgreSQL server that comes in a wheel: where it is, how it is configured, started and stopped."""
