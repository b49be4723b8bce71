"""The pipeline's Luigi tasks: ReadHistory → Churn, Ownership → Hotspots → Risk → Report.

Ordinary Luigi, nothing of Specloom in it; from the folder `examples`, this runs the same:
`python -m luigi --module repo_risk.stages Risk --repository . --local-scheduler`.
Each task writes its target in one piece (LocalTarget moves a finished temporary file into place), relative to the
working directory, which is the run's own; a folder named after the parameters keeps what was made with others apart.
"""
# ruff: noqa: D102 - requires, output and run are Luigi's words, each task says what they do
# pyright: basic, reportIncompatibleMethodOverride=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false
# (Luigi's annotations are narrower than what Luigi does.)

import json
import operator
from collections.abc import Mapping
from typing import Any

import luigi
from luigi.format import UTF8

from .history import read_history
from .measures import measure_churn, measure_hotspots, measure_ownership, measure_risk
from .picture import draw_ranking
from .report import RankedFile, build_report, write_markdown

# Machines write these, or they are somebody else's: their churn says nothing about this project's people.
GENERATED = (
    "*.lock", "*-lock.json", "*-lock.yaml", "go.sum", "*.min.js", "*.min.css", "*.map", "*.snap", "*.svg", "CHANGELOG*",
    "vendor/", "third_party/", "node_modules/", "dist/",
)  # fmt: skip
RANKED_FILE = {
    "type": "object",
    "required": ["path", "score", "parts"],
    "properties": {
        "path": {"type": "string"},
        "score": {"type": "number", "minimum": 0},
        "parts": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
    },
}
KEPT_FILES = 200  # enough for any ranking, small enough to be handed from step to step


class HistoryParameters:
    """Which history: every task of the pipeline has these, so that all speak of the same commits."""

    repository = luigi.Parameter(default=".", description="A folder of the repository.")
    since = luigi.Parameter(default="", description="Start of the period: 2026-01-31, 6 months ago, or all of it.")
    max_commits = luigi.NumericalParameter(
        default=2000,
        var_type=int,
        min_value=1,
        max_value=1_000_000,
        right_op=operator.le,
        description="Read at most so many commits, the newest ones.",
    )
    exclude = luigi.ListParameter(
        default=GENERATED,
        schema={"type": "array", "items": {"type": "string", "minLength": 1}},
        description="Files to leave out: folder/ at any depth, or a glob of the path or the name.",
    )


class ReadHistory(HistoryParameters, luigi.Task):
    """Read the commits of the period and the size of each file that they touched."""

    def output(self) -> luigi.LocalTarget:
        return _target(_history_folder(self), "history.json")

    def run(self) -> None:
        history = read_history(self.repository, self.since, self.max_commits, self.exclude)
        _write_json(self.output(), history)


class Churn(HistoryParameters, luigi.Task):
    """Measure how much each file changed, and how often for a fix."""

    def requires(self) -> luigi.Task:
        return self.clone(ReadHistory)

    def output(self) -> luigi.LocalTarget:
        return _target(_history_folder(self), "churn.json")

    def run(self) -> None:
        _write_json(self.output(), measure_churn(_read_json(self.input())))


class Ownership(HistoryParameters, luigi.Task):
    """Measure who knows each file, and how many people the repository hangs on."""

    def requires(self) -> luigi.Task:
        return self.clone(ReadHistory)

    def output(self) -> luigi.LocalTarget:
        return _target(_history_folder(self), "ownership.json")

    def run(self) -> None:
        _write_json(self.output(), measure_ownership(_read_json(self.input())))


class Hotspots(HistoryParameters, luigi.Task):
    """Find the files that are both complex and often changed."""

    def requires(self) -> dict[str, luigi.Task]:
        return {"history": self.clone(ReadHistory), "churn": self.clone(Churn)}

    def output(self) -> luigi.LocalTarget:
        return _target(_history_folder(self), "hotspots.json")

    def run(self) -> None:
        found = {name: _read_json(target) for name, target in self.input().items()}
        _write_json(self.output(), measure_hotspots(found["history"], found["churn"]))


class Risk(HistoryParameters, luigi.Task):
    """Put the measures of each file side by side, as factors from 0 to 1."""

    def requires(self) -> dict[str, luigi.Task]:
        return {
            "history": self.clone(ReadHistory),
            "churn": self.clone(Churn),
            "ownership": self.clone(Ownership),
            "hotspots": self.clone(Hotspots),
        }

    def output(self) -> luigi.LocalTarget:
        return _target(_history_folder(self), "risk.json")

    def run(self) -> None:
        found = {name: _read_json(target) for name, target in self.input().items()}
        _write_json(self.output(), measure_risk(**found, keep=KEPT_FILES))


class Report(HistoryParameters, luigi.Task):
    """Write the ranking down for people (Markdown, with a plot) and for programs (JSON)."""

    ranking = luigi.ListParameter(
        schema={"type": "array", "items": RANKED_FILE},
        description="The files in order, as the tool risk.rank returns them.",
    )
    verdict = luigi.Parameter(default="", description="What the reviewer decided.")
    comment = luigi.Parameter(default="", description="What the reviewer said.")

    def requires(self) -> luigi.Task:
        return self.clone(Risk)

    def output(self) -> dict[str, luigi.LocalTarget]:
        files = {"markdown": "report.md", "json": "report.json", "plot": "risk.svg"}
        folder = f"report-{_mark(self)}"
        return {kind: _target(folder, name) for kind, name in files.items()}

    def run(self) -> None:
        ranking: list[RankedFile] = json.loads(json.dumps(_thaw(self.ranking)))
        report = build_report(_read_json(self.input()), ranking, self.verdict, self.comment)
        _write(self.output()["plot"], draw_ranking(report["files"], report["summary"]["name"]))
        _write_json(self.output()["json"], report)
        _write(self.output()["markdown"], write_markdown(report))


def _thaw(value: Any) -> Any:
    """Turn Luigi's frozen parameter values back into plain lists and dicts."""
    if isinstance(value, Mapping):
        return {key: _thaw(item) for key, item in value.items()}
    return [_thaw(item) for item in value] if isinstance(value, tuple) else value


def _mark(task: luigi.Task) -> str:
    """Return the end of Luigi's own id of a task: a hash of its parameters."""
    return task.task_id.rpartition("_")[2]


def _history_folder(task: luigi.Task) -> str:
    """Return the folder of all that is measured of one history."""
    return f"history-{_mark(task.clone(ReadHistory))}"


def _target(folder: str, name: str) -> luigi.LocalTarget:
    """Return a file below the working directory; UTF-8 whatever the machine's locale says."""
    return luigi.LocalTarget(f"{folder}/{name}", format=UTF8)


def _read_json(target: luigi.LocalTarget) -> Any:
    with target.open("r") as file:
        return json.load(file)


def _write_json(target: luigi.LocalTarget, value: Any) -> None:
    _write(target, json.dumps(value, indent=1, sort_keys=True) + "\n")


def _write(target: luigi.LocalTarget, text: str) -> None:
    with target.open("w") as file:
        file.write(text)
