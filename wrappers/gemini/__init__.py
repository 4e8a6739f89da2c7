"""Google's `gemini`, npm package @google/gemini-cli."""
