"""llama.cpp's server out of xllamacpp as a program of its own, with the flags of llama-server that visagent uses.

Imports nothing of visagent: any Python that has xllamacpp may run it.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    import xllamacpp

    parser = argparse.ArgumentParser(prog="llama-server", allow_abbrev=False)
    for flag in ("--model", "--host"):
        parser.add_argument(flag, required=True)
    for flag in ("--port", "--ctx-size", "--parallel"):
        parser.add_argument(flag, type=int, required=True)
    for flag in ("--jinja", "--no-webui", "--no-kv-unified"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--mmproj")
    parser.add_argument("--image-min-tokens", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--lora", action="append", default=[])
    given = parser.parse_args()

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = given.model, {Path(given.model).stem}
    params.hostnames, params.port = [given.host], given.port
    params.n_ctx, params.n_parallel, params.kv_unified = given.ctx_size, given.parallel, False
    params.use_jinja, params.ui, params.warmup = True, False, False
    if key := os.environ.get("LLAMA_API_KEY"):
        params.api_keys = [key]
    if given.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    if given.mmproj:
        params.mmproj.path = given.mmproj
        params.image_min_tokens = given.image_min_tokens or -1
    adapters = []
    for path in given.lora:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = path, 1.0
        adapters.append(adapter)
    params.lora_adapters = adapters
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(f"llama.cpp cannot serve {given.model}: {error}")
    print("listening at", server.listening_address, flush=True)
    threading.Event().wait()
