"""The move plugin."""
