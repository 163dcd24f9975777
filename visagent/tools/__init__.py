"""Define tools and run them; adapters for the tools of others."""
