"""The odds-api plugin."""
