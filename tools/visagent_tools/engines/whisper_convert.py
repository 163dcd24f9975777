"""CTranslate2 Whisper weights as an openai-whisper model: both hold the same numbers under other names.

The file format is read from CTranslate2's own writer (`ctranslate2/specs/model_spec.py`): a header, then for each
variable its name, shape, type and bytes, little-endian. CTranslate2 joins the projections of queries, keys and values
of an attention layer into one matrix; openai-whisper keeps them apart, and has no bias for keys.
"""

from __future__ import annotations

import importlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD_SIZE = 64  # of every published Whisper


def to_openai(folder: Path) -> Any:
    """The model in a CTranslate2 folder as a `whisper.model.Whisper` in float32, on the CPU.

    Raises:
        ModelError: the folder holds no Whisper model in CTranslate2's format.
    """
    library = importlib.import_module("whisper.model")
    weights = read_variables(folder / "model.bin")
    try:
        state, dimensions = rename(weights)
    except KeyError as error:
        raise ModelError(
            f"{folder}: the CTranslate2 model is no Whisper: it has no {error.args[0]}.", "Name a Whisper model."
        ) from error
    torch = importlib.import_module("torch")
    model = library.Whisper(library.ModelDimensions(**dimensions))
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=True)
    return model.eval()


def read_variables(path: Path) -> dict[str, NDArray[np.generic]]:
    """All variables of a CTranslate2 `model.bin`, by name.

    Raises:
        ModelError: the file is missing or damaged.
    """
    import numpy as np

    types = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
    try:
        data = path.read_bytes()
        place = 0

        def number(code: str) -> int:
            nonlocal place
            (value,) = struct.unpack_from(f"<{code}", data, place)
            place += struct.calcsize(code)
            return int(value)

        def string() -> str:
            nonlocal place
            length = number("H")
            place += length
            return data[place - length : place].rstrip(b"\0").decode()

        version = number("I")
        string()  # the name of the specification
        number("I")  # its revision
        variables: dict[str, NDArray[np.generic]] = {}
        for _ in range(number("I")):
            name = string()
            shape = [number("I") for _ in range(number("B"))]
            dtype = np.dtype(types[number("B")])
            length = number("I")
            variables[name] = np.frombuffer(data, dtype, length // dtype.itemsize, place).reshape(shape)
            place += length
        if version >= 3:
            for _ in range(number("I")):
                alias = string()
                variables[alias] = variables[string()]
    except (OSError, struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: this is no CTranslate2 model: {error}.", "Name a CTranslate2 folder.") from error
    return variables


def rename(weights: dict[str, NDArray[np.generic]]) -> tuple[dict[str, NDArray[np.float32]], dict[str, int]]:
    """Openai-whisper's state and dimensions, from CTranslate2's variables.

    Raises:
        KeyError: a variable that every Whisper has is missing.
    """
    import numpy as np

    state: dict[str, NDArray[np.float32]] = {}

    def get(name: str) -> NDArray[np.float32]:
        value = np.array(weights[name], np.float32)
        if weights[name].dtype == np.int8:
            # Quantised by rows: what is stored is the value times the scale.
            scale = np.array(weights[f"{name}_scale"], np.float32)
            value /= scale.reshape(-1, *[1] * (value.ndim - 1))
        return value

    def linear(target: str, source: str) -> None:
        state[f"{target}.weight"], state[f"{target}.bias"] = get(f"{source}/weight"), get(f"{source}/bias")

    def norm(target: str, source: str) -> None:
        state[f"{target}.weight"], state[f"{target}.bias"] = get(f"{source}/gamma"), get(f"{source}/beta")

    def attention(target: str, source: str, crossed: bool) -> None:
        if crossed:
            linear(f"{target}.query", f"{source}/linear_0")
            key, value = np.split(get(f"{source}/linear_1/weight"), 2)
            _, value_bias = np.split(get(f"{source}/linear_1/bias"), 2)
        else:
            query, key, value = np.split(get(f"{source}/linear_0/weight"), 3)
            query_bias, _, value_bias = np.split(get(f"{source}/linear_0/bias"), 3)
            state[f"{target}.query.weight"], state[f"{target}.query.bias"] = query, query_bias
        state[f"{target}.key.weight"] = key
        state[f"{target}.value.weight"], state[f"{target}.value.bias"] = value, value_bias
        linear(f"{target}.out", f"{source}/linear_{2 if crossed else 1}")

    for name in ("conv1", "conv2"):
        linear(f"encoder.{name}", f"encoder/{name}")
    state["encoder.positional_embedding"] = get("encoder/position_encodings/encodings")
    norm("encoder.ln_post", "encoder/layer_norm")
    state["decoder.token_embedding.weight"] = get("decoder/embeddings/weight")
    state["decoder.positional_embedding"] = get("decoder/position_encodings/encodings")
    norm("decoder.ln", "decoder/layer_norm")
    layers = {}
    for side in ("encoder", "decoder"):
        layers[side] = sum(
            name.startswith(f"{side}/layer_") and name.endswith("/ffn/linear_0/bias") for name in weights
        )
        for number in range(layers[side]):
            source, target = f"{side}/layer_{number}", f"{side}.blocks.{number}"
            norm(f"{target}.attn_ln", f"{source}/self_attention/layer_norm")
            attention(f"{target}.attn", f"{source}/self_attention", crossed=False)
            if side == "decoder":
                norm(f"{target}.cross_attn_ln", f"{source}/attention/layer_norm")
                attention(f"{target}.cross_attn", f"{source}/attention", crossed=True)
            norm(f"{target}.mlp_ln", f"{source}/ffn/layer_norm")
            linear(f"{target}.mlp.0", f"{source}/ffn/linear_0")
            linear(f"{target}.mlp.2", f"{source}/ffn/linear_1")
    width, bands, _ = state["encoder.conv1.weight"].shape
    dimensions = {
        "n_mels": bands,
        "n_audio_ctx": len(state["encoder.positional_embedding"]),
        "n_audio_state": width,
        "n_audio_head": width // HEAD_SIZE,
        "n_audio_layer": layers["encoder"],
        "n_vocab": len(state["decoder.token_embedding.weight"]),
        "n_text_ctx": len(state["decoder.positional_embedding"]),
        "n_text_state": width,
        "n_text_head": width // HEAD_SIZE,
        "n_text_layer": layers["decoder"],
    }
    return state, dimensions
