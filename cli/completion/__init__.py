"""Completion in bash, zsh and fish: what the shell is told, and the script with which it asks."""
