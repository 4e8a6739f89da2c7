"""What people decide in config.yaml and in the environment, read strictly and within bounds."""
