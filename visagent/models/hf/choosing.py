"""Which token each row of a batch writes next: from scores, under its grammar, by contrast. Knows no cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ModelError
from visagent.models.hf.decoding import Accepted, contrast

if TYPE_CHECKING:
    import torch

    from visagent.models.hf.rows import Lane, Row


@dataclass(frozen=True)
class Contrast:
    """Contrastive decoding against hallucination (VCD, arXiv 2311.16922).

    Attributes:
        alpha: How strongly the difference to the noised picture counts.
        beta: Plausibility: the least probability of a token, as a part of the largest.
        noise_steps: Diffusion steps of noise, 0 to 999.
    """

    alpha: float = 1.0
    beta: float = 0.1
    noise_steps: int = 500


@dataclass(frozen=True)
class Chooser:
    """Decides tokens.

    Attributes:
        eos_tokens: Tokens that end a reply.
        contrast: Contrast for rows with two lanes; None for none.
    """

    eos_tokens: frozenset[int]
    contrast: Contrast | None = None

    def open_rows(self, lanes: Sequence[Lane]) -> list[tuple[Row, int, int | None]]:
        """The rows that have no token pending, each with the places of its lane and of its noised lane, if any."""
        found: list[tuple[Row, int, int | None]] = []
        for place, lane in enumerate(lanes):
            if lane.row.settled or lane.row.pending:
                continue
            if found and found[-1][0] is lane.row:
                found[-1] = (lane.row, found[-1][1], place)
            else:
                found.append((lane.row, place, None))
        return found

    def choose(self, lanes: Sequence[Lane], logits: torch.Tensor) -> None:
        """Decide the next token of each row that has none pending.

        Args:
            lanes: The batch.
            logits: Logits of each lane, lanes x vocabulary.
        """
        rows = self.open_rows(lanes)
        if not rows:
            return
        scores = logits[[place for _, place, _ in rows]].float()
        for number, (row, _, _) in enumerate(rows):
            if row.grammar is not None:
                scores[number].masked_fill_(~_bits(row.grammar.allowed(), scores), -float("inf"))
        self.choose_from(rows, scores, logits)

    def choose_from(
        self,
        rows: Sequence[tuple[Row, int, int | None]],
        scores: torch.Tensor,
        logits: torch.Tensor,
        best: list[int] | None = None,
    ) -> None:
        """Decide the next tokens of some rows.

        Args:
            rows: Rows from `open_rows`.
            scores: Scores of each row, -inf for what its grammar forbids.
            logits: Logits of each lane.
            best: The token with the highest score of each row, if that is known.
        """
        import torch

        which = [number for number, (_, _, noised) in enumerate(rows) if noised is not None]
        if which and (settings := self.contrast) is not None:
            blurred = logits[[rows[number][2] for number in which]].float()
            scores = scores.clone()
            scores[which] = contrast(scores[which], blurred, settings.alpha, settings.beta)
            best = None
        if best is None:
            best = scores.argmax(dim=-1).tolist()
        for number, (row, _, _) in enumerate(rows):
            token = best[number]
            if row.temperature > 0:
                token = int(torch.multinomial(torch.softmax(scores[number] / row.temperature, dim=-1), 1))
            self._accept(row, token)

    def _accept(self, row: Row, token: int) -> None:
        try:
            if row.grammar is not None:
                row.append(row.grammar.accept(token, row.max_tokens - len(row.tokens)))
            else:
                ended = token in self.eos_tokens
                row.append(Accepted([] if ended else [token], finished=ended))
        except ModelError as error:
            row.error = error


def _bits(words: Any, like: torch.Tensor) -> torch.Tensor:
    """A grammar's bit mask as booleans, one for each logit."""
    import numpy as np
    import torch

    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    result = np.zeros(like.shape[-1], dtype=bool)
    result[: len(bits)] = bits[: like.shape[-1]]
    return torch.from_numpy(result).to(like.device)
