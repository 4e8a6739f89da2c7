"""What the operating system offers and refuses. What only Linux has is here, and nowhere else."""
