"""What one agent prints and writes: read from its log files, parsed, masked and stored; and its output files."""
