"""What one agent prints: read from its log files, parsed, masked, and stored in batches."""
