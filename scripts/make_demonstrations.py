"""Draw and cut the packaged demonstrations' media, and fill in what the experts find in them.

Questions and plans in prompts/visagent_prompts/demonstrations/*/*.yaml are written by hand; media, evidence and answers
are not: `python scripts/make_demonstrations.py` makes them anew with the embedded profile's experts. Needs PyAV.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from visagent.answering.phrasing import phrase
from visagent.answering.refiner import refine
from visagent.answering.remarks import refusal
from visagent.core.settings import load_profile
from visagent.evidence.values import Evidence, Value
from visagent.media.media import Media
from visagent.planning.demonstrations import Demonstration, read_demonstrations, write_demonstrations
from visagent.planning.plan import Plan, compile_plan
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Toolkit

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "prompts" / "visagent_prompts" / "demonstrations"
EXAMPLES = ROOT / "examples"
SAMPLES = ROOT / "tests" / "data" / "samples" / "images"
SLIP = ["GREEN GROCER", "Date 03/05/2026", "Milk $1.20", "Bread $2.50", "Tea $3.10", "Total $6.80"]
NOTICE = ["LIBRARY", "Phone: 020 7946 0199", "Email: mail@library.example"]
PRICES = [["Fruit", "Monday", "Tuesday"], ["Apples", "14", "9"], ["Pears", "6", "21"], ["Plums", "11", "3"]]
RECIPE = ["PLUM CAKE", "Bake at 180 °C for 40 minutes."]
SMALL_PRINT = "Please return all books in time."


def photo(name: str, width: int, folder: Path = EXAMPLES) -> Image.Image:
    """One of the example photos, `width` pixels wide."""
    picture = Image.open(folder / name).convert("RGB")
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


def written(lines: list[str], size: int, small: str = "") -> Image.Image:
    """Lines of text on white paper."""
    # Twice as high as the lines, so that the small print has the lower half to itself.
    height = size * 1.6 * len(lines) * (2 if small else 1) + size
    paper = Image.new("L", (round(size * 17), round(height)), 255)
    pen = ImageDraw.Draw(paper)
    for number, line in enumerate(lines):
        pen.text((size, size * (0.5 + 1.6 * number)), line, fill=0, font=ImageFont.load_default(size=size))
    font = ImageFont.load_default(size=size * 0.6)
    pen.text((size, paper.height - size * 1.4), small, fill=60, font=font)
    return paper


def table(rows: list[list[str]], size: int) -> Image.Image:
    """Words in rows and columns, without lines between them."""
    paper = Image.new("L", (round(size * 6.5 * len(rows[0])), round(size * (1.8 * len(rows) + 0.8))), 255)
    pen = ImageDraw.Draw(paper)
    for down, row in enumerate(rows):
        for across, word in enumerate(row):
            place = (size * (1 + 6.2 * across), size * (0.6 + 1.8 * down))
            pen.text(place, word, fill=0, font=ImageFont.load_default(size=size))
    return paper


def speech(file: Path, seconds: float) -> None:
    """The beginning of the example recording as Opus."""
    import av

    with av.open(str(EXAMPLES / "speech.wav")) as source, av.open(str(file), "w") as target:
        stream: Any = target.add_stream("libopus", rate=16000)
        stream.layout, stream.bit_rate = "mono", 16000
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
        for frame in source.decode(audio=0):
            if frame.time is not None and frame.time >= seconds:
                break
            for piece in resampler.resample(frame):
                target.mux(stream.encode(piece))
        target.mux(stream.encode(None))


def film(file: Path) -> None:
    """Two seconds in which the view wanders over the photo of the cat."""
    import av

    picture = np.asarray(photo("cat.png", 360))
    with av.open(str(file), "w") as target:
        stream: Any = target.add_stream("mpeg4", rate=4)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 320, 224, "yuv420p", Fraction(1, 4)
        stream.bit_rate = 300_000
        for step in range(9):
            view = np.ascontiguousarray(picture[2 : 2 + 224, 4 * step : 4 * step + 320])
            target.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        target.mux(stream.encode(None))


def make_media(folder: Path) -> None:
    """Write every medium that demonstrations name."""
    folder.mkdir(exist_ok=True)
    cat, coffee = photo("cat.png", 320), photo("coffee.png", 400)
    cat.save(folder / "cat.jpg", quality=80)
    coffee.save(folder / "coffee.jpg", quality=80)
    photo("camera.png", 256, SAMPLES).save(folder / "camera.jpg", quality=80)
    pair = Image.new("RGB", (cat.width + coffee.width, max(cat.height, coffee.height)), "gray")
    pair.paste(cat, (0, 0))
    pair.paste(coffee, (cat.width, 0))
    pair.save(folder / "pair.jpg", quality=80)
    stack = Image.new("RGB", (400, cat.height + coffee.height), "gray")
    stack.paste(cat, (0, 0))
    stack.paste(coffee, (0, cat.height))
    stack.save(folder / "stack.jpg", quality=80)
    written(SLIP, 28).save(folder / "receipt.png", optimize=True)
    written(NOTICE, 28, SMALL_PRINT).save(folder / "notice.png", optimize=True)
    written(RECIPE, 28).save(folder / "recipe.png", optimize=True)
    table(PRICES, 26).save(folder / "prices.png", optimize=True)
    written(["12 + 7 ="], 40).save(folder / "sum.png", optimize=True)
    speech(folder / "speech.ogg", 5.0)
    film(folder / "cat.mp4")


def rounded(value: Any) -> Any:
    """Numbers to four digits: demonstrations are read by people."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def solved(demonstration: Demonstration, tools: Toolkit, options: dict[str, Any]) -> Demonstration:
    """The demonstration with what the experts find now, and the refiner's answer."""
    media = {name: Media.load(FOLDER / "media" / file) for name, file in demonstration.media.items()}
    infos = {name: medium.info for name, medium in media.items()}
    language = demonstration.language
    tree = compile_plan(
        demonstration.question,
        Plan(steps=list(demonstration.plan)),
        tools,
        infos,
        lambda call, earlier: phrase(call, earlier, language, infos),
    )
    if tree.unanswerable is not None:
        return demonstration.model_copy(update={"evidence": {}, "answer": refusal(tree.unanswerable, language)})
    expert = ToolExecutor(tools, media, load_profile("embedded").budget, options=options)
    evidence: dict[str, Evidence] = asyncio.run(solve(tree, {}, expert.answer))
    names = {medium.hash: name for name, medium in media.items()}
    values: dict[str, Value] = {}
    for id_, found in evidence.items():
        value = found.value
        digest = getattr(value, "media", None)
        value = value.model_copy(update={"media": names[digest]}) if digest in names else value
        values[id_] = type(value).model_validate(rounded(value.model_dump(mode="json")))
    answer = " ".join(claim.text for claim in refine(tree, evidence, language))
    return demonstration.model_copy(update={"evidence": values, "answer": answer})


def main() -> None:
    make_media(FOLDER / "media")
    profile, tools = load_profile("embedded"), Toolkit.installed()
    for file in sorted(FOLDER.glob("*/*.yaml")):
        found = [
            solved(demonstration, tools, dict(profile.tools))
            for demonstration in read_demonstrations(file, file.parent.name, "packaged")
        ]
        file.write_text(write_demonstrations(found), "utf-8")
        print(f"{file.relative_to(ROOT)}: {len(found)} demonstrations")


if __name__ == "__main__":
    main()
