"""Errors, text and configuration that every other package may use. Knows nothing of pictures, models or tools."""
