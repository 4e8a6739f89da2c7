"""The verbs of `llmctl`: a module for each, or for a family of them. `cli.registry` lists them all."""
