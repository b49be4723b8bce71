"""The library's specs: each is planned against the catalog of the examples, and passes the tests that come with it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spec_service.cli.neighbours import Neighbours
from spec_service.settings import Settings
from spec_service.trying import Trial, open_trial
from translator.language.document import Document
from translator.language.model import Spec
from translator.language.reading import read
from translator.language.shape import check_shape
from workflows.testing import SpecTestRunner

ROOT = Path(__file__).parents[3]
SPECS = sorted((ROOT / "specs" / "library").glob("*.yaml"))
TO_COME = {"compensate"}

each_spec = pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)


def load(path: Path) -> Spec:
    document = read(path.read_bytes(), "yaml")
    assert isinstance(document, Document), document
    spec, problems = check_shape(document)
    assert spec is not None, problems
    return spec


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    async with open_trial(Settings(catalog=ROOT / "specloom.toml"), [], may_call=True) as opened:
        yield opened


def every_node(spec: Spec) -> list:
    found = [*spec.nodes.values(), *spec.finally_.values()]
    for node in found:
        found.extend(node.nodes.values())
    return found


def test_there_are_worked_examples_with_names_of_their_own():
    names = [load(path).metadata.name for path in SPECS]

    assert len(names) >= 12
    assert len(set(names)) == len(names)


def test_together_they_show_every_verb_and_every_key_of_a_node():
    nodes = [node for path in SPECS for node in every_node(load(path))]
    used = {name for node in nodes for name in node.model_fields_set}

    known = {name for node in nodes[:1] for name in type(node).model_fields}
    assert known - used == TO_COME


@each_spec
def test_a_spec_says_what_it_shows_and_how_to_run_it(path):
    spec = load(path)
    opening = path.read_text().split("apiVersion:")[0]

    assert re.fullmatch(r"\d+\.\d+\.\d+", spec.metadata.version or "")
    assert (spec.metadata.description or "").endswith(".")
    assert spec.metadata.labels["shows"]
    assert all(line.startswith("#") for line in opening.splitlines())
    assert f"specloom run specs/library/{path.name}" in opening
    assert "It shows " in opening


@pytest.mark.anyio
async def test_every_spec_passes_its_tests_and_they_reach_all_of_it(trial):
    beside = Neighbours(ROOT / "specs" / "library", 1 << 20)
    for path in SPECS:
        checked = await trial.planner.check(path.read_bytes(), "yaml")
        plan = await trial.planner.plan(checked, beside)
        report = await SpecTestRunner(checked.spec, checked.document, plan, trial.workshop).run()

        told = {case.name: case.failures for case in report.cases if not case.is_passed}
        assert report.cases, f"{path.name} has no tests"
        assert told == {}, path.name
        assert report.unreached is not None
        assert (path.name, report.unreached.nodes, report.unreached.branches) == (path.name, (), ())
