"""Any other CLI, described under `tools:` in config.yaml."""
