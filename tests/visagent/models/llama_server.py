"""An OpenAI-compatible server in a process of its own: llama.cpp's, on loopback.

python llama_server.py MODEL PORT KEY CONTEXT_TOKENS SLOTS
"""

from __future__ import annotations

import sys
import threading

import xllamacpp

if __name__ == "__main__":
    model, port, key, context, slots = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = model, {"small"}
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], int(port), [key]
    params.n_ctx, params.n_parallel, params.kv_unified = int(context) * int(slots), int(slots), False
    params.verbosity, params.warmup, params.cache_ram_mib, params.ui = -1, False, 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print("ready", server.listening_address, flush=True)
    threading.Event().wait()
