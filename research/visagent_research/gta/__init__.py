"""GTA: chains of tool calls over pictures, step by step."""
