"""The demo plugin."""
