"""The live table of `llmctl watch`."""
