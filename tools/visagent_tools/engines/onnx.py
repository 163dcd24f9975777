"""Opens packaged networks with onnxruntime. Knows no network and no tool."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from visagent.core.errors import MissingDependency, ModelError
from visagent.core.install import install_line


def onnx_session(path: Path, what: str, script: str, threads: int | None = None) -> Any:
    """An inference session on the CPU, safe to call from several threads at once.

    Args:
        path: The `.onnx` file.
        what: What the network is called in a message, for example `NanoDet detector`.
        script: The script that writes such a file, for the message.
        threads: CPU threads for one call; None leaves the choice to onnxruntime.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: the file is missing or is no network.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingDependency(
            f"The {what} runs on onnxruntime, which is not installed.",
            f"Install it with: {install_line('embedded')}",
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise ModelError(
            f"{path}: onnxruntime cannot load this as the {what}: {error}.",
            f"Reinstall visagent, or name a file written by {script}.",
        ) from error
