"""The dislocation plugin."""
