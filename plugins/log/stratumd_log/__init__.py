"""The log plugin."""
