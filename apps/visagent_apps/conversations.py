"""Remembers which run answered which turn of a conversation, so that the next turn follows it. Knows no protocol."""

from __future__ import annotations

from cachetools import LRUCache


class Conversations:
    """Runs by who asked and what was said; the least recent are forgotten.

    Args:
        limit: Turns to remember.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._runs: LRUCache[tuple[str, str], str] = LRUCache(limit)

    def remember(self, owner: str, fingerprint: str, run_id: str) -> None:
        """Keep that a run gave the last turn of a conversation.

        Args:
            owner: The visitor whose conversation it is; others cannot follow its runs.
            fingerprint: Fingerprint of all turns so far, the answer included.
            run_id: Id of the answer.
        """
        for known in (fingerprint, run_id):
            self._runs[owner, known] = run_id

    def find(self, owner: str, known: str) -> str | None:
        """The run that gave a turn.

        Args:
            owner: Who asks.
            known: The fingerprint of the turns so far, or the run's id as the client kept it.
        """
        return self._runs.get((owner, known))
