"""LoRA adapters of planners that were studied on benchmarks."""
