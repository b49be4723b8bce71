"""A project in an empty folder, and the command line as processes of their own."""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.forking import ROOT, forker

SECONDS = 60
_NUMBERS = itertools.count(1)
COMMAND = [sys.executable, "-m", "spec_service.cli"]

SLOW_PIPELINE = '''\
import pathlib
import time

import luigi


class Write(luigi.Task):
    """Writes a text."""

    text = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("letter.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(self.text)


class First(luigi.Task):
    """Counts how often it runs, beside the project."""

    counter = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("first.txt")

    def run(self):
        with pathlib.Path(self.counter).open("a") as file:
            file.write("first\\n")
        with self.output().open("w") as file:
            file.write("first")


class Second(luigi.Task):
    """Waits for a file to appear."""

    gate = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("second.txt")

    def run(self):
        while not pathlib.Path(self.gate).exists():
            time.sleep(0.02)
        with self.output().open("w") as file:
            file.write("second")
'''

SPECS = {
    "slow.yaml": """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: slow}
inputs: {counter: {type: string, format: path}, gate: {type: string, format: path}}
outputs: {file: "${ nodes.second.result.outputs.uri }"}
start: first
nodes:
  first: {luigi: slow.First@*, with: {counter: "${ inputs.counter }"}, next: second}
  second: {luigi: slow.Second@*, with: {gate: "${ inputs.gate }"}, next: end}
""",
    "gate.yaml": """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: gate}
inputs: {name: {type: string, default: Ada}}
state: {letter: {type: string}}
outputs: {file: "${ nodes.write.result.outputs.uri }", comment: "${ nodes.ask.result.comment }"}
start: greet
nodes:
  greet: {set: {letter: "Dear ${ inputs.name }"}, next: ask}
  ask:
    human: {title: "Send it to ${ inputs.name }?", show: {letter: "${ state.letter }"}}
    result:
      type: object
      required: [verdict]
      properties: {verdict: {enum: [approve, reject]}, comment: {type: string, maxLength: 20}}
    next: {switch: "${ result.verdict }", cases: {approve: write, reject: refused}}
  write: {luigi: slow.Write@*, with: {text: "${ state.letter }"}, next: end}
  refused: {fail: {error: rejected, message: Somebody said no.}}
""",
}
CATALOG = '[luigi.slow]\nmodules = ["pipelines.slow"]\npath = ["."]\n'


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def run_id(self) -> str:
        found = re.search(r"\brun ([0-9a-f-]{36})", self.out)
        assert found, self
        return found[1]


@dataclass(frozen=True)
class Project:
    """A folder with a catalog, a pipeline, tools and specs."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str, **options) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def __call__(self, *arguments: str) -> Said:
        """Run a command to its end, in a process that need not import everything first."""
        place = self.folder.with_name(f"{self.folder.name}-said")
        place.mkdir(exist_ok=True)
        number = next(_NUMBERS)
        out, errors = place / f"{number}.out", place / f"{number}.err"
        process = forker().start(arguments, self.folder, out, self.environment, errors=errors)
        code = process.wait(SECONDS)
        assert "Traceback" not in errors.read_text(), errors.read_text()
        return Said(code, out.read_text(), errors.read_text())


def ended(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in err, err
    return Said(process.returncode, out, err)


@pytest.fixture
def specloom(tmp_path: Path) -> Project:
    """Return the command line in a project of one pipeline, which two specs use."""
    mine = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SPECLOOM_")}
    for folder in ("pipelines", "specs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pipelines/slow.py").write_text(SLOW_PIPELINE)
    (tmp_path / "specloom.toml").write_text(CATALOG)
    for name, text in SPECS.items():
        (tmp_path / "specs" / name).write_text(text)
    return Project(tmp_path, kept | mine)


@pytest.fixture
def finished() -> Callable[[subprocess.Popen[str]], Said]:
    """Return what waits for a process and gives what it said."""
    return ended
