"""The steam plugin."""
