"""What the operating system offers and refuses. Code that works only on Linux is here and nowhere else."""
