"""Performance, as ratios taken in one run on one machine: `just bench`, or `just bench P2` for one measure."""
