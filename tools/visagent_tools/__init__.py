"""First-party experts, one file each, found through the entry-point group `visagent.tools` like anyone else's."""
