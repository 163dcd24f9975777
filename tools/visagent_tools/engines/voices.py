"""Whose turn it is in speech: parts of it as vectors of a voice, and those of one voice together.

The network is that of Resemblyzer (GE2E, Wan et al., 2018, arXiv:1710.10467), whose wheel holds its weights; its own
code imports parts of scipy that are gone, so these are read by the few lines that the network has. Knows no tool.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from visagent.core.errors import ModelError
from visagent.core.install import requiring
from visagent.evidence.spans import united
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.pretrained import load_libraries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 16_000
WINDOW, STEP = 1.6, 0.8
"""Seconds of sound of one vector, as the network was trained, and from one to the next, as its authors have it."""
PAUSE, LONGEST, JOINED = 0.3, 4.0, 2.0
"""Seconds without a word from which on somebody else may go on; of a part of speech that is taken for one voice's; and
of silence within one turn."""
LOUDNESS = 0.0316
"""Root mean square to which quieter sound is raised: -30 dBFS, as the network was trained."""
SAME_VOICE = 0.3
"""Mean cosine distance up to which two groups of parts are of one voice: not measured on people, so that the number of
speakers can be given instead."""
MOST_PARTS = 2000
"""Parts that are compared each with each; of longer speech the others join the nearest group."""


class Turn(NamedTuple):
    """A stretch in which one voice speaks.

    Attributes:
        start: Seconds.
        end: Seconds.
        speaker: Counted from 1, in the order in which they begin to speak.
    """

    start: float
    end: float
    speaker: int


class VoiceEncoder:
    """One loaded network; safe to call from several threads at once.

    Args:
        model: A key of the catalogue, or a model source: the file `pretrained.pt` of Resemblyzer.

    Raises:
        MissingDependency: torch, transformers or scipy is not installed.
        ModelError: the weights cannot be fetched, or are not of this network.
    """

    def __init__(self, model: str) -> None:
        from visagent.models.catalogue import find_source

        self._torch, library = load_libraries("Telling voices apart")
        nn = self._torch.nn
        self._layers = nn.ModuleDict(
            {"lstm": nn.LSTM(40, 256, 3, batch_first=True), "linear": nn.Linear(256, 256)}
        ).eval()
        path = str(find_source(model).resolve())
        try:
            state = self._torch.load(path, map_location="cpu", weights_only=True)["model_state"]
            kept = {name: value for name, value in state.items() if name.partition(".")[0] in self._layers}
            self._layers.load_state_dict(kept)
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model}: these are not the weights of the voice encoder.", "Leave voices out."
            ) from error
        self._audio: Any = library.audio_utils
        self._filters: Any = self._audio.mel_filter_bank(
            201, 40, 0.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney"
        )
        self._lock = threading.Lock()

    def embed(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """One row of length 1 for each window of `WINDOW` seconds of mono sound at 16 kHz."""
        import numpy as np

        hann = self._audio.window_function(400, "hann")
        mels = [
            self._audio.spectrogram(window, hann, 400, 160, fft_length=400, power=2.0, mel_filters=self._filters).T
            for window in windows
        ]
        batch = self._torch.from_numpy(np.stack(mels).astype(np.float32))
        with self._lock, self._torch.inference_mode():
            _, (hidden, _) = self._layers["lstm"](batch)
            rows = self._torch.relu(self._layers["linear"](hidden[-1]))
            found: NDArray[np.float32] = self._torch.nn.functional.normalize(rows, dim=1).numpy()
        return found


_encoders: Memo[str, VoiceEncoder] = Memo(limit=1)


def encoder_for(model: str) -> VoiceEncoder:
    """A voice encoder, loaded when first asked for and kept; see `VoiceEncoder`."""
    return _encoders.get(model, lambda: VoiceEncoder(model))


def turns(
    words: Iterable[tuple[float, float]],
    pieces: Iterable[tuple[float, NDArray[np.float32]]],
    encoder: VoiceEncoder,
    speakers: int | None = None,
) -> list[Turn]:
    """Who speaks when.

    Args:
        words: Begin and end of each word, in seconds.
        pieces: When each piece of the sound starts, and its samples: mono, 16 kHz.
        encoder: Makes vectors of voices.
        speakers: How many there are; None to go by how alike the voices are.

    Raises:
        MissingDependency: scipy is not installed.
    """
    import numpy as np

    said = [part for start, end in united(words, PAUSE) for part in _parts(start, end)]
    heard: list[tuple[float, float]] = []
    rows: list[NDArray[np.float32]] = []
    for begins, samples in pieces:
        loudness = float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
        louder = samples * max(1.0, LOUDNESS / loudness) if loudness else samples
        for start, end in said:
            if begins <= (start + end) / 2 < begins + len(samples) / RATE:
                windows = [_window(louder, middle - begins) for middle in _middles(start, end)]
                row = encoder.embed(windows).mean(axis=0)
                rows.append(row / np.linalg.norm(row))
                heard.append((start, end))
    if not rows:
        return []
    found: list[Turn] = []
    numbers: dict[int, int] = {}
    for (start, end), voice in zip(heard, _grouped(np.stack(rows), speakers), strict=True):
        speaker = numbers.setdefault(voice, len(numbers) + 1)
        if found and found[-1].speaker == speaker and start - found[-1].end <= JOINED:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Turn(start, end, speaker))
    return [turn._replace(start=round(turn.start, 3), end=round(turn.end, 3)) for turn in found]


def _parts(start: float, end: float) -> list[tuple[float, float]]:
    """A stretch of speech in parts of about `LONGEST` seconds at most: somebody may go on without a pause."""
    count = max(1, round((end - start) / LONGEST))
    edges = [start + place * (end - start) / count for place in range(count + 1)]
    return list(pairwise(edges))


def _middles(start: float, end: float) -> list[float]:
    """The middles of the windows of a stretch of speech, about `STEP` apart."""
    inner = max(0.0, end - start - WINDOW)
    count = round(inner / STEP)
    first = (start + end - inner) / 2
    return [first + place * inner / max(count, 1) for place in range(count + 1)]


def _window(samples: NDArray[np.float32], middle: float) -> NDArray[np.float32]:
    import numpy as np

    length = round(WINDOW * RATE)
    first = max(0, min(round(middle * RATE) - length // 2, len(samples) - length))
    cut = samples[first : first + length]
    return np.pad(cut, (0, length - len(cut)))


def _grouped(rows: NDArray[np.float32], speakers: int | None) -> list[int]:
    """The number of the voice of each row."""
    import numpy as np

    if len(rows) == 1:
        return [1]
    with requiring("Telling voices apart needs scipy", "local"):
        from scipy.cluster.hierarchy import fcluster, linkage
    sample = rows[:: -(-len(rows) // MOST_PARTS)]
    tree = linkage(sample, method="average", metric="cosine")
    if speakers is None:
        groups = fcluster(tree, SAME_VOICE, criterion="distance")
    else:
        groups = fcluster(tree, speakers, criterion="maxclust")
    names = sorted(set(groups.tolist()))
    centres = np.stack([sample[groups == name].mean(axis=0) for name in names])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return [names[at] for at in (rows @ centres.T).argmax(axis=1).tolist()]
