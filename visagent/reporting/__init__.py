"""Show an answer: markup, drawings, reports."""
