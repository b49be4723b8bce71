import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import luigi
import pytest
from jsonschema import ValidationError
from luigi.task import flatten

from examples.repo_risk import stages

ROOT = Path(__file__).parents[3]
RANKING = [{"path": "src/engine.py", "score": 0.8, "parts": {"churn": 0.5, "hotspot": 0.3}, "reason": "busy"}]
BUILD = """
import json, sys, luigi
from repo_risk import stages
task = getattr(stages, sys.argv[1])(**json.loads(sys.argv[2]))
sys.exit(not luigi.build([task], local_scheduler=True, no_lock=True, log_level="WARNING"))
"""


@pytest.fixture
def run_dir(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def find(folder: Path, name: str) -> Path:
    """Return the one file of this name below a folder."""
    (found,) = folder.rglob(name)
    return found


def build(task: luigi.Task) -> list[str]:
    """Build a task and what it requires by hand, as a stage host does; return the names of those that ran."""
    ran = [name for needed in task.deps() for name in build(needed)]
    if not task.complete():
        task.run()
        assert task.complete()
        ran.append(type(task).__name__)
    return ran


def test_risk_builds_what_it_requires_once(repository, run_dir):
    ran = build(stages.Risk(repository=str(repository.path)))

    assert ran == ["ReadHistory", "Churn", "Ownership", "Hotspots", "Risk"]
    risk = json.loads(find(run_dir, "risk.json").read_text())
    assert [file["path"] for file in risk["files"]] == ["src/engine.py", "readme.md"]
    assert {path.name for path in run_dir.glob("history-*/*")} == {
        "churn.json", "history.json", "hotspots.json", "ownership.json", "risk.json",
    }  # fmt: skip


def test_report_goes_on_from_a_complete_risk(repository, run_dir):
    build(stages.Risk(repository=str(repository.path)))
    report = stages.Report(
        repository=str(repository.path), ranking=RANKING, verdict="approve", comment="Look | here <b>"
    )

    assert build(report) == ["Report"]
    assert {key: Path(target.path).name for key, target in report.output().items()} == {
        "markdown": "report.md",
        "json": "report.json",
        "plot": "risk.svg",
    }
    markdown = find(run_dir, "report.md").read_text()
    assert "# Where the risk lies: project" in markdown
    assert r"Look \| here \<b\>" in markdown
    assert "| 1 | `src/engine.py` | 0.80 | 4 | 2 |" in markdown
    data = json.loads(find(run_dir, "report.json").read_text())
    assert (data["format"], data["verdict"], data["files"][0]["measured"]["owner_share"]) == (1, "approve", 0.5)
    ET.parse(find(run_dir, "risk.svg"))  # noqa: S314 - written a moment ago


def test_every_target_is_a_relative_path(repository):
    tasks = [
        task(repository=str(repository.path))
        for task in (stages.ReadHistory, stages.Churn, stages.Ownership, stages.Hotspots, stages.Risk)
    ]
    targets = flatten([task.output() for task in [*tasks, stages.Report(ranking=[])]])

    assert len(targets) == 8
    assert not any(os.path.isabs(target.path) for target in targets)  # noqa: PTH117


def test_parameters_reach_every_required_task(repository):
    report = stages.Report(repository=str(repository.path), since="2026-01-01", max_commits=7, ranking=[])

    (risk,) = report.deps()
    for task in [risk, *risk.deps()]:
        assert (task.repository, task.since, task.max_commits) == (str(repository.path), "2026-01-01", 7)


def test_other_parameters_write_elsewhere(repository, run_dir):
    build(stages.ReadHistory(repository=str(repository.path)))

    assert build(stages.Churn(repository=str(repository.path), max_commits=2)) == ["ReadHistory", "Churn"]
    lengths = {len(json.loads(path.read_text())["commits"]) for path in run_dir.rglob("history.json")}
    assert lengths == {5, 2}
    once, again = (stages.Report(ranking=RANKING, comment=comment) for comment in ("", "again"))
    assert {t.path for t in flatten(once.output())}.isdisjoint(t.path for t in flatten(again.output()))


def test_excluded_files_are_a_parameter(repository, run_dir):
    build(stages.Risk(repository=str(repository.path), exclude=["src/"]))

    risk = json.loads(find(run_dir, "risk.json").read_text())
    assert [file["path"] for file in risk["files"]] == ["yarn.lock", "readme.md"]


def test_a_ranking_of_the_wrong_shape_is_refused():
    with pytest.raises(ValidationError, match="'score' is a required property"):
        stages.Report(ranking=[{"path": "x"}])


def test_a_failure_leaves_no_half_written_target(empty_repository, run_dir):
    with pytest.raises(Exception, match="nothing was committed yet"):
        build(stages.Risk(repository=str(empty_repository.path)))

    assert not [path for path in run_dir.rglob("*") if path.is_file()]


def test_a_repository_without_changes_still_gets_a_report(empty_repository, run_dir):
    empty_repository.commit("nothing yet", {})

    build(stages.Report(repository=str(empty_repository.path), ranking=[]))

    assert "nothing to rank" in find(run_dir, "report.md").read_text()
    assert "No file changed" in find(run_dir, "risk.svg").read_text()


def test_luigi_itself_builds_the_report_in_a_process_of_its_own(repository, tmp_path):
    parameters = json.dumps({"repository": str(repository.path), "ranking": RANKING})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "examples"), "LC_ALL": "C"}

    done = subprocess.run(
        [sys.executable, "-c", BUILD, "Report", parameters],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.glob("report-*/*")} == {"report.md", "report.json", "risk.svg"}
