"""The library's specs against the language of this version and against the catalog of the examples."""

import importlib
import re
import tomllib
from pathlib import Path

import luigi
import pytest
import yaml
from langchain_core.tools import BaseTool

ROOT = Path(__file__).parents[3]
SPECS = sorted((ROOT / "specs" / "library").glob("*.yaml"))
CATALOG = tomllib.loads((ROOT / "specloom.toml").read_text())
VERBS = {"luigi", "tool", "human", "dag", "set", "fail"}
KEYS = {"with", "read", "save", "result", "next", "needs", "when", "timeout", "retry", "auth"}


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def nodes_of(spec: dict) -> dict[str, dict]:
    """All nodes of a spec by id, those of blocks too."""
    found = dict(spec["nodes"])
    for node in spec["nodes"].values():
        found |= node.get("dag", {})
    return found


def calls() -> list:
    """Every call of a stage or a tool: spec, node, kind, reference, arguments."""
    return [
        pytest.param(verb, node[verb], node.get("with", {}), id=f"{path.stem}-{name}")
        for path in SPECS
        for name, node in nodes_of(load(path)).items()
        for verb in ("luigi", "tool")
        if verb in node
    ]


@pytest.fixture
def catalog_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


def targets(step) -> list[str]:
    """Where a `next` leads."""
    if isinstance(step, str):
        return [step]
    if isinstance(step, dict):
        return [*step["cases"].values(), *([step["default"]] if "default" in step else [])]
    return [branch.get("to") or branch["else"] for branch in step]


def test_there_are_worked_examples_with_names_of_their_own():
    names = [load(path)["metadata"]["name"] for path in SPECS]

    assert {path.stem for path in SPECS} >= {"hello", "repo_risk", "review_loop", "dag", "approval_timeout"}
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_says_what_it_shows_and_how_to_run_it(path):
    spec = load(path)
    opening = path.read_text().split("apiVersion:")[0]

    assert (spec["apiVersion"], spec["kind"]) == ("specloom/v1", "Workflow")
    assert re.fullmatch(r"\d+\.\d+\.\d+", spec["metadata"]["version"])
    assert spec["metadata"]["description"].endswith(".")
    assert all(line.startswith("#") for line in opening.splitlines())
    assert f"specloom run specs/library/{path.name}" in opening


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_uses_what_this_version_has(path):
    for name, node in nodes_of(load(path)).items():
        assert len(VERBS & set(node)) == 1, name
        assert set(node) <= VERBS | KEYS, name


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_node_that_is_named_exists(path):
    spec = load(path)
    known = {*nodes_of(spec), "end"}

    named = {need for node in nodes_of(spec).values() for need in node.get("needs", [])}
    named |= {target for node in nodes_of(spec).values() for target in targets(node.get("next", []))}
    named |= set(re.findall(r"\bnodes\.(\w+)", path.read_text())) | {spec.get("start", "end")}

    assert named <= known


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_input_and_channel_that_is_read_is_declared(path):
    spec = load(path)

    assert set(re.findall(r"\binputs\.(\w+)", path.read_text())) <= set(spec.get("inputs", {}))
    assert set(re.findall(r"\bstate\.(\w+)", path.read_text())) <= set(spec.get("state", {}))


@pytest.mark.usefixtures("catalog_path")
@pytest.mark.parametrize(("verb", "reference", "arguments"), calls())
def test_a_call_fits_the_catalog(verb, reference, arguments):
    group, name = reference.partition("@")[0].split(".")
    entry = CATALOG["luigi" if verb == "luigi" else "tools"][group]
    found = getattr(importlib.import_module(entry["modules"][0]), name)

    if verb == "luigi":
        assert issubclass(found, luigi.Task)
        parameters, required = _parameters(found)
    else:
        assert isinstance(found, BaseTool)
        schema = found.get_input_jsonschema()
        parameters, required = set(schema["properties"]), set(schema.get("required", []))
    assert required <= set(arguments) <= parameters
    assert entry["version"].startswith("1.")
    assert reference.endswith("@^1")


def _parameters(task: type[luigi.Task]) -> tuple[set[str], set[str]]:
    """Return the names of a task's parameters, and of those without a default."""
    found = dict(task.get_params())
    return set(found), {name for name, one in found.items() if not one.has_task_value(task.get_task_family(), name)}
