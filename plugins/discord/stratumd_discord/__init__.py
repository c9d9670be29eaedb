"""The discord plugin."""
