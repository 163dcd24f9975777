"""Rows for a model with eyes, made from verified runs: what to say, what not, and what is not so. Knows no model.

- `sentence_examples`: a sentence that evidence bears out, with sentences on the same question that it contradicts: the
  preference pairs of LLaVA-RLHF (arXiv:2309.14525), whose preferences people gave; here the verifier gives them.
- `instruction_examples`: questions that presuppose what is not there, with their answers, and as many that presuppose
  what is: the negative instructions of LRV-Instruction (arXiv:2306.14565), of its kinds nonexistent object and existent
  object. GPT-4 wrote theirs; here a run found out what is there.

A contradicted sentence is one of the same run or of another run on the same question and media; or one made of a
supported sentence by changing its number, its yes or no, or what it quotes, and kept only if the rules of
`visagent.verification.citations` contradict it by the evidence that the sentence cites.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from visagent.agent.runs import RunRecord
from visagent.answering.sentences import CITATION, QUOTATION
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.values import Boxes
from visagent.verification.citations import verify
from visagent_training.data_source import Drawn, Refused
from visagent_training.examples import TrainingExample, TurnRecord
from visagent_training.sources import read_traces

FREE_TEXT = {"gbnf": 'root ::= [^\\n]+ ("\\n" [^\\n]+)*'}
"""What a reply in words is held to."""
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.]*\d)")
_YES, _NO = re.compile(r"^Yes\b"), re.compile(r"^No\b")


def sentence_examples(path: Path) -> Iterator[Drawn]:
    """The supported sentences of runs, each with the contradicted ones on the same question.

    Args:
        path: A file of `--trace`, or a folder of runs.

    Raises:
        InputError: there is nothing at the path.
    """
    by_question: dict[tuple[str, tuple[str, ...]], list[Answer]] = defaultdict(list)
    for answer in _answers(path):
        if isinstance(answer, Refused):
            yield answer
        else:
            by_question[answer.question, tuple(info.hash for info in answer.media.values())].append(answer)
    for answers in by_question.values():
        contradicted = [words(claim) for one in answers for claim in one.claims if claim.verdict == "contradicted"]
        for answer in answers:
            for number, claim in enumerate(answer.claims, start=1):
                if claim.verdict != "supported" or answer.status != "answered":
                    continue
                said = words(claim)
                spoiled = [words(other) for other in contradictions(claim, answer)]
                rejected = tuple(text for text in dict.fromkeys([*contradicted, *spoiled]) if text != said)
                where = f"{answer.run_id}, sentence {number}"
                if not rejected:
                    yield Refused(where, "no sentence on its question is contradicted, and none can be made")
                    continue
                yield _example(
                    f"sentences/{answer.run_id}/{number}", "sentences", answer, answer.question, said, rejected
                )


def instruction_examples(path: Path) -> Iterator[Drawn]:
    """Questions about what runs found to be there and not to be there, as many of the one kind as of the other.

    Args:
        path: A file of `--trace`, or a folder of runs.

    Raises:
        InputError: there is nothing at the path.
    """
    for answer in _answers(path):
        if isinstance(answer, Refused):
            yield answer
            continue
        made = [*_nonexistent(answer), *_existent(answer)]
        for number, (question, right) in enumerate(dict.fromkeys(made), start=1):
            yield _example(f"negatives/{answer.run_id}/{number}", "negatives", answer, question, right, ())
        if not made:
            yield Refused(answer.run_id, "no supported sentence of it can be turned into a question")


def contradictions(claim: Claim, answer: Answer) -> Iterator[Claim]:
    """A supported sentence made wrong in one place, as far as the evidence that it cites says that it is wrong."""
    for text in _spoiled(claim.text):
        (judged,) = verify([claim.model_copy(update={"text": text})], answer.evidence, answer.question, answer.media)
        if judged.verdict == "contradicted":
            yield judged


def words(claim: Claim) -> str:
    """A sentence without its citations.

    >>> words(Claim(text="There are 2 dogs [q2]."))
    'There are 2 dogs.'
    """
    return " ".join(CITATION.sub("", claim.text).split()).replace(" .", ".")


def _spoiled(text: str) -> Iterator[str]:
    bare = CITATION.sub(lambda found: " " * len(found[0]), text)
    for found in _NUMBER.finditer(bare):
        for wrong in (int(found[0]) + 1, int(found[0]) + 3):
            yield text[: found.start()] + str(wrong) + text[found.end() :]
    if _YES.search(text):
        yield _YES.sub("No", text)
    if _NO.search(text):
        yield _NO.sub("Yes", text)
    for found in QUOTATION.finditer(text):
        inside = found[0][1:-1].split()
        if len(inside) > 1:
            yield text[: found.start() + 1] + " ".join(reversed(inside)) + text[found.end() - 1 :]


def _nonexistent(answer: Answer) -> Iterator[tuple[str, str]]:
    """What was looked for and not found, where a sentence says so, and what was found."""
    supported = {id_ for claim in answer.claims if claim.verdict == "supported" for id_ in claim.cites}
    resting = answer.tree.with_needs(supported & set(answer.tree.graph))
    for node in answer.tree.nodes:
        label, found = node.solver.arguments.get("label"), answer.evidence.get(node.id)
        if node.id not in resting or not isinstance(label, str) or found is None or not isinstance(found.value, Boxes):
            continue
        if not found.value.boxes:
            yield f"What is the {label} in the picture doing?", f"There is no {label} in the picture."
            yield f"Is there a {label} in the picture?", "No."
        else:
            yield f"Is there a {label} in the picture?", "Yes."


def _existent(answer: Answer) -> Iterator[tuple[str, str]]:
    """Supported sentences put as questions, as they are and made wrong."""
    for claim in answer.claims:
        wrong = next(contradictions(claim, answer), None) if claim.verdict == "supported" else None
        if wrong is not None:
            yield f"Is this right? {words(wrong)}", f"No. {words(claim)}"
            yield f"Is this right? {words(claim)}", f"Yes. {words(claim)}"


def _answers(path: Path) -> Iterator[Answer | Refused]:
    for trace in read_traces(path):
        if isinstance(trace, Refused):
            yield trace
            continue
        answer = trace.answer if isinstance(trace, RunRecord) else trace
        if answer is None:
            yield Refused(trace.id if isinstance(trace, RunRecord) else "", "the run has no answer")
        elif isinstance(trace, RunRecord) and trace.rating == "down":
            yield Refused(trace.id, "a person rated it down")
        else:
            yield answer


def _example(
    id_: str, source: str, answer: Answer, question: str, right: str, rejected: Sequence[str]
) -> TrainingExample:
    return TrainingExample(
        id=id_,
        source=source,
        question=question,
        messages=(TurnRecord(role="user", content=question),),
        media={name: info.hash for name, info in answer.media.items()},
        schema=FREE_TEXT,
        target=right,
        rejected=tuple(rejected),
    )
