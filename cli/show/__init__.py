"""Output for people and programs: tables, records, logs and results. Nothing here asks the database."""
