"""Seconds and memory by the length of a document, and how precisely pages and boxes are found.

python tests/end_to_end/measure_documents.py

Times are of the processor, in this process and in the PDF workers, so that they do not depend on what else runs.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path

import documents as made

from visagent import load_media
from visagent.answering.phrasing import phrase
from visagent.core.settings import load_profile
from visagent.evidence.values import Text
from visagent.media.media import Media
from visagent.media.workers import stop_workers
from visagent.planning.plan import Plan, compile_plan, name_media
from visagent.planning.plan_language import read_plan
from visagent.tools.evidence_cache import EvidenceCache
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit(["visagent_tools.read_text", "visagent_tools.text"])


def processor_seconds() -> float:
    stop_workers()  # their time counts once they have ended
    here, there = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return here.ru_utime + here.ru_stime + there.ru_utime + there.ru_stime


def found(media: list[Media], words: str, folder: Path) -> Text:
    named = dict(zip(name_media([medium.info for medium in media]), media, strict=True))
    steps = read_plan(f'find_text(read_text(),"{words}")', {name: tool.spec for name, tool in TOOLS.items()})
    tree = compile_plan("?", Plan(steps=steps), TOOLS, {name: one.info for name, one in named.items()}, phrase)
    cache = EvidenceCache(folder)
    expert = ToolExecutor(TOOLS, named, load_profile("embedded").budget, cache=cache)
    value = asyncio.run(solve(tree, {}, expert.answer))["q2"].value
    cache.close()
    assert isinstance(value, Text), value
    return value


def main() -> None:
    found(load_media(made.manual(2)), "Section", Path(tempfile.mkdtemp()))  # imports are not measured
    for pages in (30, 100, 300):
        data, folder = made.manual(pages), Path(tempfile.mkdtemp())
        before = processor_seconds()
        media = load_media(data)
        found(media, "Section", folder)
        indexed = processor_seconds()
        began = time.perf_counter()
        right = all(
            [line.media for line in found(media, fact, folder).lines] == [media[page - 1].hash]
            for page, fact in made.FACTS.items()
            if page <= pages
        )
        facts = sum(page <= pages for page in made.FACTS)
        each = (processor_seconds() - indexed) / facts
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        wall = (time.perf_counter() - began) / facts
        print(
            f"{pages} pages: first question {indexed - before:.1f} s, each further one {each:.2f} s "
            f"({wall:.1f} s on the clock), {memory} MB, {facts} facts on their pages: {right}"
        )


if __name__ == "__main__":
    main()
