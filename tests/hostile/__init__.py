"""Servers that lie, and what every program does when it meets them (python -m tests.hostile)."""
