"""What batching gains: 8 sibling sub-questions asked one by one, and at once.

    python benchmarks/batching.py [--model NAME] [--tokens N] [--json FILE]

Both share the system prompt's key-value cache. Without `--model` the weights are random, in the shape of SmolLM2-135M.
Memory is what the process or, with a GPU, torch on the GPU holds at its peak during the run, beyond the weights.
"""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from pathlib import Path

from local_model import SMOL, Clock, arguments, open_model, report

from visagent.models.hf.model import TransformersMLLM
from visagent.models.protocol import Message

LETTERS = {"type": "string", "minLength": 2000, "maxLength": 2000}
"""Nothing ends a reply but its number of tokens, so that all runs generate the same number."""


def build(folder: Path) -> Path:
    import tiny

    return tiny.text_model(folder, **SMOL)


class Memory:
    """The most memory in use during a `with` block, in MiB beyond what was in use before it."""

    def __enter__(self) -> Memory:
        import torch

        self._cuda = torch.cuda.is_available()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._before = self._peak = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        self._stop.set()
        self._thread.join()
        peak = torch.cuda.max_memory_allocated() if self._cuda else self._peak
        self.mib = max(0, peak - self._before) / 2**20

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._peak = max(self._peak, self._now())
            time.sleep(0.005)

    def _now(self) -> int:
        import torch

        if self._cuda:
            return torch.cuda.memory_allocated()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()


async def ask(model: TransformersMLLM, siblings: int, tokens: int, *, batch: bool) -> None:
    system = Message("system", "You are a careful assistant who looks at the evidence before it answers. " * 4)
    questions = [
        [system, Message("user", f"Is person {number} left of the bus?" + " Look." * number)]
        for number in range(siblings)
    ]
    calls = [model.chat(question, schema=LETTERS, max_tokens=tokens) for question in questions]
    replies = await asyncio.gather(*calls) if batch else [await call for call in calls]
    assert all(reply.usage.generated == tokens for reply in replies)


def main() -> None:
    options = arguments(__doc__, siblings=8, tokens=24)
    model = open_model(options, build)
    asyncio.run(ask(model, 1, 2, batch=False))
    rows = {}
    for name, batch in {"one by one": False, "as one batch": True}.items():
        with Memory() as memory, Clock() as clock:
            asyncio.run(ask(model, options.siblings, options.tokens, batch=batch))
        rows[name] = {"seconds": clock.seconds, "CPU seconds": clock.cpu_seconds, "peak MiB": memory.mib}
    report(rows, "one by one", options.json)
    print(f"batched: {rows['one by one']['seconds'] / rows['as one batch']['seconds']:.1f} times as fast")
    model.close()


if __name__ == "__main__":
    main()
