"""Remembers which run answered which turn of a conversation, so that the next turn follows it. Knows no protocol."""

from __future__ import annotations

from collections import OrderedDict


class Conversations:
    """Runs by who asked and what was said; the least recent are forgotten.

    Args:
        limit: Turns to remember.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._runs: OrderedDict[tuple[str, str], str] = OrderedDict()

    def remember(self, owner: str, fingerprint: str, run_id: str) -> None:
        """Keep that a run gave the last turn of a conversation.

        Args:
            owner: Whose conversation; others cannot follow its runs.
            fingerprint: Of all turns so far, the answer included.
            run_id: Of the answer.
        """
        for known in (fingerprint, run_id):
            self._runs[owner, known] = run_id
            self._runs.move_to_end((owner, known))
        while len(self._runs) > self._limit:
            self._runs.popitem(last=False)

    def find(self, owner: str, known: str) -> str | None:
        """The run that gave a turn.

        Args:
            owner: Who asks.
            known: The fingerprint of the turns so far, or the run's id as the client kept it.
        """
        return self._runs.get((owner, known))
