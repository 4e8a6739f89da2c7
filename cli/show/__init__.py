"""What people and programs are shown: tables, records, logs and results."""
