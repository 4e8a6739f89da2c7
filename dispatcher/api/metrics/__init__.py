"""`/metrics` for Prometheus: what the database counts, in the formats that Prometheus reads."""
