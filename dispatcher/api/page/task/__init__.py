"""The page of one task: what is shown of it, and what a person does with it."""
