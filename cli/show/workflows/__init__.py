"""Workflows for people: tables and graphs. Pure functions of what the database returned."""
