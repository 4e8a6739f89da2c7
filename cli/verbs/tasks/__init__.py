"""The verbs about tasks: submitting, listing, acting on them, and fetching what they made."""
