"""Benchmarks and measures: how good answers and plans are, with their uncertainty."""
