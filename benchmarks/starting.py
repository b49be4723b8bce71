"""How long a person waits for the command line and for a server."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.figures import Figure, best_of

ROOT = Path(__file__).parent.parent
SPECLOOM = Path(sys.executable).with_name("specloom")
PATIENCE_SECONDS = 30


def figures() -> list[Figure]:
    """Return the times of `--help` and of `dev` to its first answer, beside an interpreter that does nothing."""
    bare = best_of(5, lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    help_ = best_of(5, lambda: subprocess.run([SPECLOOM, "--help"], check=True, stdout=subprocess.DEVNULL))
    first = min(_first_answer("/healthz") for _ in range(3))
    catalog = min(_first_answer("/stages") for _ in range(3))
    return [
        Figure("specloom --help", help_, "s", 0.4, f"a bare interpreter: {bare:.2f} s"),
        Figure("specloom dev to the first answered request", first, "s", 3.0, "the catalog of the examples"),
        Figure("specloom dev to the first answer from the catalog", catalog, "s", 3.0, "GET /stages"),
    ]


def _first_answer(door: str) -> float:
    """Start a server in an empty directory and return the seconds until this door answers."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        command = [SPECLOOM, "dev", "--port", str(port), "--data", folder, "--catalog", str(ROOT / "specloom.toml")]
        begin = time.perf_counter()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not _answers(f"http://127.0.0.1:{port}{door}"):
                if time.perf_counter() - begin > PATIENCE_SECONDS or server.poll() is not None:
                    raise SystemExit(f"the server did not answer {door} within {PATIENCE_SECONDS} s")
                time.sleep(0.005)
            return time.perf_counter() - begin
        finally:
            server.terminate()
            server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
