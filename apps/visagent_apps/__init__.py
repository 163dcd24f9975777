"""User interfaces of visagent: the command line."""
