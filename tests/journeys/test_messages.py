"""A running Luigi task is told something, over HTTP and at the command line, and answers."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.journeys.server import PATIENCE, SPECLOOM, Server, serving

STAGES = """
import luigi


class Listener(luigi.Task):
    accepts_messages = True

    def output(self):
        return luigi.LocalTarget("heard.txt")

    def run(self):
        heard = [self.scheduler_messages.get(timeout=120) for _ in range(2)]
        for message in heard:
            message.respond("heard " + message.content)
        with self.output().open("w") as file:
            file.write(" ".join(f"{message} {message.payload.get('level')}" for message in heard))
"""


def test_a_task_is_told_something_and_answers(tmp_path: Path) -> None:
    (tmp_path / "ears.py").write_text(STAGES)
    catalog = tmp_path / "specloom.toml"
    catalog.write_text('[luigi.ears]\nmodules = ["ears"]\npath = ["."]\n')
    with serving(tmp_path, catalog) as server:
        run = server.post("/stages/ears.Listener/run", {"read": "text"})["id"]
        _until(server, run, "luigi.task-started")
        told = {"task": "ears.Listener()", "content": "slower", "payload": {"level": 3}}
        server.post(f"/runs/{run}/messages", told, status=202)
        refused = server.post(f"/runs/{run}/messages", {**told, "task": "ears.Listner()"}, status=422)
        assert refused["problems"][0]["suggestion"] == "did you mean ears.Listener()?"
        command = [SPECLOOM, "message", run, "ears.Listener()", "faster", "--data", str(server.data)]
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "ears.Listener() is told" in said.stdout
        ended = server.until(run, "succeeded")
        answers = [event["data"]["answer"] for event in server.events(run) if event["type"] == "luigi.task-answered"]
        assert answers == ["heard slower", "heard faster"]
        assert "slower 3 faster None" in str(ended["outputs"])
        late = server.post(f"/runs/{run}/messages", told, status=409)
        assert late["name"] == "run-ended"


def _until(server: Server, run: str, kind: str) -> None:
    end = time.monotonic() + PATIENCE
    while not any(event["type"] == kind for event in server.events(run)):
        assert time.monotonic() < end, f"no {kind} comes"
        time.sleep(0.05)
