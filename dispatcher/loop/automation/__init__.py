"""What dispatchers do without being asked each time: submitting the tasks of schedules."""
