"""What was measured with visagent on public benchmarks, and the science behind it. Not part of visagent itself."""
