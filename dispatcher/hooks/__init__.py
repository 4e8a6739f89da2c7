"""Telling others what happens: the deliveries of hooks, by a command or a webhook."""
