"""Graphs of tasks: what comes before what, which are alike, and pictures of that. No I/O."""
