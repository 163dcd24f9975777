"""The nodes of the state machine: each a function of the state that delegates to one module."""
