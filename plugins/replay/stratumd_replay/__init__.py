"""The replay plugin."""
