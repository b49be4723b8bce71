"""The main job over real HTTP, with the server stopped in the middle, and the same through the command line."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.journeys.server import ROOT, SPECLOOM, serving

SPEC = ROOT / "specs" / "library" / "repo_risk.yaml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a short history, so that the test needs no history of its own checkout."""
    folder = tmp_path / "watched"
    folder.mkdir()
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]

    def git(*words: str) -> None:
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)

    git("init", "--quiet")
    for number in range(5):
        (folder / "engine.py").write_text("def turn():\n" + f"    return {number}\n" * (number + 1))
        (folder / "readme.md").write_text(f"version {number}\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", f"fix the engine, again ({number})")
    return folder


def test_spec_plan_execute_wait_restart_resume_and_artifacts(tmp_path: Path, repository: Path) -> None:
    with serving(tmp_path, ROOT / "specloom.toml", is_forked=False) as server:
        spec = server.post_spec(SPEC.read_bytes())
        plan = server.post(f"/specs/{spec['id']}/plan")
        assert [step["id"] for step in plan["steps"]] == ["measure", "rank", "approve", "publish"]
        assert server.get(f"/plans/{plan['digest']}")["digest"] == plan["digest"]
        body = {"inputs": {"repository": str(repository)}, "plan": plan["digest"], "labels": {"team": "core"}}
        answer = server.client.post(f"/specs/{spec['id']}/execute", json=body)
        assert answer.status_code == 202
        run = answer.json()
        assert answer.headers["location"] == f"/runs/{run['id']}"
        waiting = server.until(run["id"], "waiting")
        [question] = waiting["waiting_for"]
        assert (question["kind"], question["node"]) == ("person", "approve")
        assert question["schema"]["required"] == ["verdict"]
        assert "engine.py" in question["show"]["headline"]
        before = server.events(run["id"])
    assert server.process.returncode == 0, "a stopped server ends in peace"

    with serving(tmp_path, ROOT / "specloom.toml", is_forked=False) as server:
        assert server.get(f"/runs/{run['id']}")["status"] == "waiting"
        assert server.events(run["id"])[: len(before)] == before
        server.post(f"/runs/{run['id']}/resume", {"answer": {"verdict": "approve", "comment": "good"}})
        done = server.until(run["id"], "succeeded")
        assert done["attempts"] == 2
        assert done["labels"] == {"shows": "main-job", "team": "core"}, "the spec's, and the run's own"
        events = server.events(run["id"])
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        started = [event["data"]["name"] for event in events if event["type"] == "luigi.task-started"]
        assert len(started) == len(set(started)) == 6, "no task ran twice"
        kept = {item["path"]: item for item in server.get(f"/runs/{run['id']}/artifacts")["items"]}
        report = done["outputs"]["report"].removeprefix(f"specloom://runs/{run['id']}/artifacts/")
        assert report in kept
        text = server.client.get(f"/runs/{run['id']}/artifacts/{report}").text
        assert "engine.py" in text
        assert "good" in text
        plot = next(path for path in kept if path.endswith(".svg"))
        drawn = server.client.get(f"/runs/{run['id']}/artifacts/{plot}")
        assert drawn.headers["content-type"].startswith("image/svg")
        state = server.get(f"/runs/{run['id']}/state")
        assert state["values"]["report"] == done["outputs"]["report"]


def test_a_stream_follows_a_run_to_its_end_and_goes_on_from_where_it_was(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post_spec((ROOT / "specs/library/hello.yaml").read_bytes())
        run = server.post("/specs/hello/execute?wait=true", {"inputs": {"name": "Ann"}})
        assert run["status"] == "succeeded"
        numbers = [event["seq"] for event in server.events(run["id"])]
        assert _streamed(server.client, run["id"], {}) == numbers
        assert _streamed(server.client, run["id"], {"Last-Event-ID": "2"}) == numbers[2:]


def _streamed(client: httpx2.Client, run: str, headers: dict[str, str]) -> list[int]:
    headers = {"Accept": "text/event-stream", **headers}
    with client.stream("GET", f"/runs/{run}/events", headers=headers) as answer:
        return [int(line.removeprefix("id:")) for line in answer.iter_lines() if line.startswith("id:")]


def test_a_killed_server_leaves_a_run_that_the_next_one_finishes(tmp_path: Path, repository: Path) -> None:
    with serving(tmp_path) as server:
        server.post_spec(SPEC.read_bytes())
        run = server.post("/specs/repo-risk/execute", {"inputs": {"repository": str(repository)}})["id"]
        server.until(run, "running", "waiting")
        server.kill()
    with serving(tmp_path) as server:
        server.until(run, "waiting")
        server.post(f"/runs/{run}/resume", {"answer": {"verdict": "approve"}})
        assert server.until(run, "succeeded")["outputs"]["verdict"] == "approve"
        events = server.events(run)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_the_same_through_the_command_line(tmp_path: Path, repository: Path) -> None:
    def specloom(*words: str) -> subprocess.CompletedProcess[str]:
        command = [SPECLOOM, *words]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    catalog = ["--catalog", str(ROOT / "specloom.toml")]
    planned = specloom("plan", str(SPEC), *catalog)
    assert planned.returncode == 0, planned.stderr
    assert "repo.Report" in planned.stdout
    ran = specloom("run", str(SPEC), "--input", f"repository={repository}", *catalog)
    assert ran.returncode == 0, ran.stderr
    command = re.search(r"specloom approve (\S+)", ran.stdout)
    assert command is not None, ran.stdout
    approved = specloom("approve", command[1], *catalog)
    assert approved.returncode == 0, approved.stdout + approved.stderr
    shown = specloom("runs", command[1], "--json")
    run = json.loads(shown.stdout)
    run = run.get("run", run)
    assert run["status"] == "succeeded"
    reports = list((tmp_path / ".specloom").rglob("report.md"))
    assert len(reports) == 1
    assert os.path.relpath(reports[0], tmp_path) in approved.stdout.replace("\n", "")
