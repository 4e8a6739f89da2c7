"""Input of `llmctl`: prompts, task fields, times, and files of tasks."""
