"""The work directory with the files of all runs: what is made, kept, moved and deleted in it."""
