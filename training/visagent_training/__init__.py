"""Training planners and answerers: examples, supervised fine-tuning, export."""
