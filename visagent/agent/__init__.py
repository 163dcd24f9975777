"""Ask, resume, edit and batch: the state machine of a run, its records and its events."""
