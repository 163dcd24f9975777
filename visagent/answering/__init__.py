"""Evidence becomes cited sentences: look, decide, refine, write."""
