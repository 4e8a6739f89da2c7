"""What is live: changes that the database tells, the streams that pass them on, and logs that follow their agents."""
