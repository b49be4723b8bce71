"""The commands of the pages work as they stand: against a real server, and at the command line."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from docs.generating.parts import ROOT

SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPEC = re.compile(r"^```yaml\n(apiVersion:.*?)^```", re.MULTILINE | re.DOTALL)
SPECLOOM = "from spec_service.cli import main; main()"


def commands(page):
    return SHELL.findall((ROOT / "docs" / page).read_text())


def run_shell(script, folder, **variables):
    whole = f"set -eu\nspecloom() {{ '{sys.executable}' -c '{SPECLOOM}' \"$@\"; }}\n{script}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        ["bash", "-c", whole], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=90
    )


@pytest.fixture
def server(tmp_path):
    """The URL of a server of its own."""
    command = [sys.executable, "-c", SPECLOOM, "dev", "--port", "0", "--data", str(tmp_path / "data")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield _url_in(log, process)
        process.terminate()
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()


def _url_in(log, process):
    while process.poll() is None:
        if found := re.search(r"listens on (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl") or not (ROOT / ".git").exists(), reason="needs curl and a git checkout")
def test_the_page_on_http_can_be_followed_from_the_spec_to_its_report(server):
    first, *others = commands("http.md")
    assert first == "U=http://127.0.0.1:8321\n"

    done = run_shell("\n".join([f"U={server}", *others]), ROOT)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "event: run.succeeded" in done.stdout
    assert "# Where the risk lies" in done.stdout
    assert '"valid":true' in done.stdout


@pytest.mark.slow
def test_the_first_spec_of_the_page_on_the_language_runs(tmp_path):
    page = (ROOT / "docs" / "language.md").read_text()
    (tmp_path / "spec.yaml").write_text(SPEC.findall(page)[0])

    done = run_shell(commands("language.md")[0], tmp_path, SPECLOOM_CATALOG=str(ROOT / "specloom.toml"))

    assert done.returncode == 0, done.stderr[-2000:]
    assert "Hello, Ada!" in done.stdout
