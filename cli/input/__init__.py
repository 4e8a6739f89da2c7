"""What people and files give to `llmctl`: prompts, task fields, times, and files of tasks."""
