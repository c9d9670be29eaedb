"""The consensus plugin."""
