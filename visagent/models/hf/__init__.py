"""A model in this process, through transformers and torch: checkpoints, prompting, generation, decoding, caches."""
