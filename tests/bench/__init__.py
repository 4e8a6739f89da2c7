"""Performance, as ratios taken in one run on one machine: `python -m tests.bench`, or `just bench P2` for one measure."""
