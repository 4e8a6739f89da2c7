"""The workers of the peers: programs of their own, set up as their documentation recommends."""
