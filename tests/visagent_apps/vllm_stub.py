"""Plays vLLM's command line: writes down how it was called, and is healthy, or not, as VLLM_STUB says."""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

if __name__ == "__main__":
    given, mode = sys.argv[1:], os.environ.get("VLLM_STUB", "")
    # A worker of its own, as vLLM has: it must not outlive the server.
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    called = {"argv": given, "key": os.environ.get("VLLM_API_KEY"), "pids": [os.getpid(), worker.pid]}
    Path(os.environ["VLLM_STUB_FILE"]).write_text(json.dumps(called))
    print("INFO loading weights", flush=True)
    if mode == "ends":
        print("ValueError: No available memory for the cache blocks.\nINFO engine is shut down", flush=True)
        sys.exit(3)
    started = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            loading = mode == "loads for ever" or time.monotonic() - started < 0.5
            self.send_response(503 if loading else 200)
            self.end_headers()
            if not loading:
                self.wfile.write(json.dumps({"object": "list", "data": [{"id": given[1]}]}).encode())

        def log_message(self, *args: object) -> None:
            pass

    HTTPServer(("127.0.0.1", int(given[given.index("--port") + 1])), Handler).serve_forever()
