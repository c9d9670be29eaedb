"""The file plugin."""
