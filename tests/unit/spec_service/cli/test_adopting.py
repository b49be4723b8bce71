"""Adopted pipelines: what is written plans, runs, and leaves the files that `luigi.build` leaves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from translator.language.reading import read

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
DAY = "day=2026-11-20"
SHOP = ROOT / "tests/unit/workflows/luigi/pipelines"
BUILD = """
import importlib, sys, luigi
sys.path[:0] = {paths!r}
kind = getattr(importlib.import_module({module!r}), {name!r})
task = kind.from_str_params({params!r})
luigi.build([task], local_scheduler=True, log_level="ERROR")
"""
PIPELINES = [
    (HERE / "pipelines", "shops:Everything", [DAY]),
    (HERE / "pipelines", "shops:Weekly", [DAY]),
    (HERE / "pipelines", "shops:Locked", ["token=hush"]),
    (ROOT / "examples", "market.stages:CollectSources", ["topic=tin ${x}"]),
    (ROOT / "examples", "repo_risk.stages:Risk", [f"repository={ROOT}", "max_commits=20"]),
    (SHOP, "shop:Top", []),
    (SHOP, "shop:Gather", []),
    (SHOP, "shop:Level", ["depth=3"]),
    (SHOP, "shop:Shapes", []),
    (SHOP, "shop:Mixed", []),
    (SHOP, "typed:Every", ["text=hello", 'table={"a": 1}', "colour=BLUE", "delta=1 d", "pair=[1, 2]"]),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in an empty folder, beside which pipelines lie."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPECLOOM_IDEMPOTENCY_KEY", "k")
    return tmp_path


@pytest.fixture
def adopt(specloom, folder):
    """Adopt a pipeline of some folder, and run what was written."""

    def run(path, task, params, *options):
        module = task.partition(":")[0]
        group = re.sub(r"[^a-z]", "", module)
        modules = json.dumps([module, "rates"] if module == "shops" else [module])
        (folder / "specloom.toml").write_text(f'[luigi.{group}]\nmodules = {modules}\npath = ["{path}"]\n')
        given = [text for one in params for text in ("--param", one)]
        return specloom("adopt", task, *given, *options)

    return run


def spec_in(text):
    document = read(text.encode(), "yaml")
    assert not isinstance(document, list), document
    return document.value


def files_of(place):
    """Return all files with what they hold; lines of a log in any order."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_file() and not name.startswith(".specloom/"):
            text = path.read_text()
            found[name] = sorted(text.splitlines()) if name.endswith(".log") else text
    return found


def run_spec(specloom, folder, file, *inputs):
    """Run a spec and return its exit code and the files that it leaves."""
    data = folder / f"data-{file}"
    given = [text for one in inputs for text in ("--input", one)]
    done = specloom("run", file, "--data", data, *given)
    places = [one for one in (data / "runs").iterdir() if one.is_dir()]
    assert len(places) == 1, done
    return done.code, files_of(places[0] / "work")


def built_by_luigi(path, task, params, place):
    """Return the files that `luigi.build` leaves, in a process of its own."""
    module, _, name = task.partition(":")
    place.mkdir()
    program = BUILD.format(
        paths=[str(path)], module=module, name=name, params=dict(one.split("=", 1) for one in params)
    )
    subprocess.run([sys.executable, "-c", program], cwd=place, check=True, env=dict(os.environ), capture_output=True)
    return files_of(place)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", PIPELINES, ids=[one[1] for one in PIPELINES])
def test_both_forms_leave_what_luigi_leaves(specloom, adopt, folder, pipeline):
    path, task, params = pipeline
    left = {}
    private = [one for one in params if one.startswith("token=")]
    for name, options in (("dag.yaml", ()), ("single.yaml", ("--single",))):
        written = adopt(path, task, params, "--out", name, *options)
        assert written.code == 0, written
        assert "hush" not in (folder / name).read_text()
        left[name] = run_spec(specloom, folder, name, *private)
    expected = built_by_luigi(path, task, params, folder / "luigi")
    if "runs.log" in expected:
        expected["runs.log"] = left["single.yaml"][1]["runs.log"]  # Luigi runs generators anew, and notes that twice
    assert left["dag.yaml"] == left["single.yaml"]
    assert left["dag.yaml"][1] == expected
    assert left["dag.yaml"][0] == (1 if task == "shop:Mixed" else 0)


def adopted(adopt, task, *params, options=()):
    written = adopt(HERE / "pipelines", task, params, *options)
    assert written.code == 0, written.err
    return spec_in(written.out), written


def test_a_node_for_each_task_and_one_for_many_alike(adopt):
    spec, written = adopted(adopt, "shops:Everything", DAY)
    assert list(spec["nodes"]) == ["shared", "sale", "shop_1", "count_1", "shop_2", "count_2", "sales", "everything"]
    assert spec["inputs"]["day"]["default"] == "2026-11-20"
    sale = spec["nodes"]["sale"]
    assert sale["map"]["each"] == "item"
    assert sale["map"]["in"][3] == {"number": 3, "label": "3 $${x}"}
    assert sale["with"] == {"day": "${ inputs.day }", "number": "${ item.number }", "label": "${ item.label }"}
    assert (sale["needs"], sale["requires"]) == (["shared"], "satisfied")
    count = spec["nodes"]["count_1"]
    assert count["with"] == {"day": "${ inputs.day }", "shop": 1, "weights": {"a": 1}}
    assert spec["nodes"]["sales"]["needs"] == ["sale", "count_1", "count_2"]
    assert spec["outputs"] == {"everything": "${ nodes.everything.result.outputs }"}
    assert "16 tasks of shops.Everything as 8 nodes" in written.err


def test_a_parameter_on_which_more_depends_stays_fixed(adopt):
    spec, written = adopted(adopt, "shops:Weekly", DAY)
    assert "inputs" not in spec
    assert spec["nodes"]["rates"]["with"] == {"week": "2026W47"}
    assert spec["nodes"]["prices"]["with"]["gap"] == "1 h"
    assert "fixed, since more depends on it than parameters of this name: day" in written.err
    single, _ = adopted(adopt, "shops:Weekly", DAY, options=["--single"])
    assert single["nodes"] == {"weekly": {"luigi": "shops.Weekly", "with": {"day": "${ inputs.day }"}, "next": "end"}}


def test_what_nobody_builds_is_waited_for(adopt):
    spec, _ = adopted(adopt, "shops:Delivered", DAY)
    poll = {"luigi": "shops.Orders", "with": {"day": "${ inputs.day }"}}
    assert spec["nodes"]["orders"] == {"wait": {"poll": poll, "every": "1m"}}
    assert spec["nodes"]["delivered"]["needs"] == ["orders"]


def test_private_values_are_asked_for_and_never_written(adopt):
    spec, written = adopted(adopt, "shops:Locked", "token=hush")
    assert "hush" not in written.out + written.err
    assert "default" not in spec["inputs"]["token"]
    for node in spec["nodes"].values():
        assert node["with"] == {"token": "${ inputs.token }"}
        assert node["mask"] == ["token"]


def test_a_value_of_another_type_is_told(adopt):
    spec, written = adopted(adopt, "shops:Sloppy")
    assert spec["nodes"]["rates"]["with"] == {"week": "7"}
    assert "given as text, though the pipeline passes another type: week of shops.Rates(week=7)" in written.err


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("shops:Homeless", "only public classes at the top of a module are stages"),
        ("shops:Torn", "ValueError: no plan today"),
        ("shops:Sail", "did you mean"),
        ("shops:Weekly", "--param day=TEXT"),
        ("shops", "name a task as MODULE:Task"),
    ],
)
def test_what_cannot_be_adopted_says_why(adopt, task, said):
    refused = adopt(HERE / "pipelines", task, [])
    assert refused.code in (1, 64)
    assert said in refused.err
    assert refused.out == ""


def test_parameters_are_checked(adopt):
    assert "this is no" in adopt(HERE / "pipelines", "shops:Weekly", ["day=2026-13-40"]).err
    assert "has no parameter days" in adopt(HERE / "pipelines", "shops:Weekly", ["days=1"]).err


def test_a_new_pipeline_is_added_to_the_catalog_with_all_modules(specloom, folder):
    for name in ("shops.py", "rates.py"):
        (folder / name).write_text((HERE / "pipelines" / name).read_text())
    told = specloom("adopt", "shops.py:Everything", "--param", DAY, "--out", "specs/all.yaml")
    assert told.code == 0
    assert "The catalog does not have it yet: --add-to-catalog adds this to specloom.toml" in told.err
    assert not (folder / "specloom.toml").exists()
    added = specloom("adopt", "shops:Everything", "--param", DAY, "--out", "specs/all.yaml", "--add-to-catalog")
    assert added.code == 0
    assert (folder / "specloom.toml").read_text() == ('[luigi.shops]\nmodules = ["shops", "rates"]\npath = ["."]\n')
    assert specloom("validate", "specs/all.yaml").code == 0


def test_a_module_that_the_catalog_lacks_is_named(specloom, folder):
    (folder / "specloom.toml").write_text(f'[luigi.a]\nmodules = ["shops"]\npath = ["{HERE / "pipelines"}"]\n')
    refused = specloom("adopt", "shops:Everything", "--param", DAY)
    assert refused.code == 1
    assert 'add "rates" to `modules` of [luigi.a] in the catalog file' in refused.err


def test_files_that_lie_here_keep_the_pipeline_here(specloom, folder):
    for name in ("shops.py", "rates.py"):
        (folder / name).write_text((HERE / "pipelines" / name).read_text())
    (folder / "orders-2026-11-20.csv").write_text("")
    added = specloom("adopt", "shops:Delivered", "--param", DAY, "--out", "d.yaml", "--add-to-catalog")
    assert "runs work here, too, and share what they write" in added.err
    seen = specloom("adopt", "shops:Delivered", "--param", DAY, "--observe")
    assert "✔ shops.Orders(day=2026-11-20)" in seen.out
    assert "2 tasks: 1 complete, 1 missing" in seen.out
    assert specloom("run", "d.yaml").code == 0
    assert (folder / "delivered-2026-11-20.txt").exists()
    (folder / "delivered-2026-11-20.txt").write_text("kept")
    again = specloom("run", "d.yaml")
    assert again.code == 0
    assert (folder / "delivered-2026-11-20.txt").read_text() == "kept"
    assert "1 Luigi task, 1 done already" in again.out
    assert "Delivered started" not in again.out


def test_a_dag_is_looked_at_without_running_anything(adopt, folder):
    (folder / "shared.txt").write_text("")
    shown = adopt(HERE / "pipelines", "shops:Everything", [DAY], "--observe")
    assert shown.out.splitlines()[:6] == [
        "· shops.Everything(day=2026-11-20)",
        "  · shops.Sales(day=2026-11-20, note=)",
        "    · shops.Sale, 9 of them  (9 missing)",
        "      ✔ shops.Shared()",
        '    · shops.Count(day=2026-11-20, shop=1, weights={"a": 1})',
        "      ✔ shops.Shared()",
    ]
    told = json.loads(adopt(HERE / "pipelines", "shops:Everything", [DAY], "--observe", "--json").out)
    assert told["counts"] == {"complete": 1, "missing": 15, "external": 0, "broken": 0}
    assert len(told["tasks"]) == 16
    assert sorted(one.name for one in folder.iterdir()) == ["shared.txt", "specloom.toml"]


def test_two_thousand_tasks_are_adopted_in_both_forms(adopt):
    spec, written = adopted(adopt, "shops:Thousands")
    assert "1,991 tasks" in written.err.replace("1991", "1,991")
    assert len(spec["nodes"]["shop"]["map"]["in"]) == 1000
    assert spec["nodes"]["thousands"]["needs"][0] == "shop"
    adopted(adopt, "shops:Thousands", options=["--single"])


@pytest.mark.slow
def test_a_plan_with_inputs_shows_what_would_be_built(specloom, adopt, folder):
    adopt(HERE / "pipelines", "shops:Everything", [DAY], "--single", "--out", "one.yaml")
    shown = specloom("plan", "one.yaml", "--input", "day=2026-11-21")
    assert "  everything  shops.Everything: 16 tasks: 16 missing" in shown.out
    assert "          · shops.Sale, 9 of them  (9 missing)" in shown.out
    told = json.loads(specloom("plan", "one.yaml", "-i", "day=2026-11-21", "--json").out)
    assert told["preview"][0]["missing"] == 16
    wrong = specloom("plan", "one.yaml", "-i", "day=tomorrow")
    assert wrong.code == 64
    assert "day: " in wrong.err
    adopt(HERE / "pipelines", "shops:Everything", [DAY], "--out", "many.yaml")
    assert "in all: 16 tasks: 16 missing" in specloom("plan", "many.yaml", "-i", DAY).out
    assert sorted(one.name for one in folder.iterdir()) == ["many.yaml", "one.yaml", "specloom.toml"]
