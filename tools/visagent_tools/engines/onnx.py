"""Opens packaged networks with onnxruntime. Knows no network and no tool."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from visagent.core.errors import ModelError
from visagent.core.install import requiring


def onnx_session(path: Path, what: str, remedy: str, threads: int | None = None) -> Any:
    """An inference session on the CPU, safe to call from several threads at once.

    Args:
        path: The `.onnx` file.
        what: What the network is called in a message, for example `NanoDet detector`.
        remedy: Where such a file comes from, a sentence for the message.
        threads: CPU threads for one call; None leaves the choice to onnxruntime.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: the file is missing or is no network.
    """
    with requiring(f"The {what} runs on onnxruntime", "embedded"):
        onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    # Fatal errors alone: files have initialisers that nothing reads, and onnxruntime warns of each.
    options.log_severity_level = 4
    # Threads that spin while they wait took a third of the processor's time of a look, and gained none.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise ModelError(f"{path}: onnxruntime cannot load this as the {what}: {error}.", remedy) from error
