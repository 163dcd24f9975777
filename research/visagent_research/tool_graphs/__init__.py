"""UltraTool and RestBench: requests whose plans are graphs of described tools."""
