"""`llmctl demo`: its simulated agents."""
