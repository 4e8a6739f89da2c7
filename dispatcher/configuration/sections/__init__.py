"""The sections of ``config.yaml``: a struct for each, and the kinds of their values."""
