"""What tasks changed in repositories, for people: pure functions."""
