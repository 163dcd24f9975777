"""A connection is opened while another thread is loading the library that the client looks for."""

import subprocess
import sys

SCRIPT = """
import sys, threading, time
class Slowly:
    def find_spec(self, name, path, target=None):
        if name == "httpx._models":
            time.sleep(1.5)
sys.meta_path.insert(0, Slowly())
import openai
from visagent.core.errors import ModelError
from visagent.models.endpoint import Endpoint
assert "httpx" not in sys.modules
threading.Thread(target=lambda: __import__("httpx")).start()
time.sleep(0.3)
try:
    Endpoint("http://127.0.0.1:9/v1", model="m", retries=0).load()
except ModelError as error:
    print("refused:", error)
"""


def test_a_half_loaded_httpx_is_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith("refused:"), done.stderr
