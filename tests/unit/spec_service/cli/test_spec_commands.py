import io
import json
import sys

import pytest

from translator.language.json_schema import spec_json_schema
from translator.language.problem_kinds import KINDS


def test_validate_tells_machines_everything(specloom, project):
    (project / "bad.json").write_text('{"apiVersion": "specloom/v2"}')
    said = specloom("validate", "specs/hello.yaml", "bad.json", "--json")
    assert said.code == 1
    fine, bad = json.loads(said.out)
    assert (fine["file"], fine["valid"], fine["name"], fine["problems"]) == ("specs/hello.yaml", True, "hello", [])
    assert bad["valid"] is False
    assert "unsupported-version" in [one["name"] for one in bad["problems"]]
    assert {"code", "name", "path", "line", "column", "message", "suggestion"} == set(bad["problems"][0])


def test_a_spec_comes_from_standard_input(specloom, project, monkeypatch):
    text = (project / "specs/hello.yaml").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    said = specloom("validate", "-")
    assert (said.code, said.out) == (0, "<stdin>: fine: hello, 2 steps\n")


def test_plan_shows_what_each_step_is_bound_to_reads_and_leads_to(specloom, project):
    said = specloom("plan", "specs/hello.yaml")
    assert said.code == 0
    assert "greet  tool words.greet@1.0.0" in said.out
    assert "write  luigi hello.WriteGreeting@1.0.0" in said.out
    assert "reads nodes.greet.result.text" in said.out
    assert "timeout 1 min" in said.out
    assert "then write" in said.out
    assert not (project / ".specloom").exists()


@pytest.mark.usefixtures("project")
def test_plan_for_machines_is_the_plan_of_the_doors(specloom):
    plan = json.loads(specloom("plan", "specs/hello.yaml", "--json").out)
    assert [step["id"] for step in plan["steps"]] == ["greet", "write"]
    assert len(plan["digest"].removeprefix("sha256:")) == 64
    assert specloom("graph", "specs/hello.yaml").out.rstrip("\n") == plan["mermaid"].rstrip("\n")


def test_schema_prints_the_schema_of_the_language(specloom):
    assert json.loads(specloom("schema").out) == spec_json_schema()


@pytest.mark.parametrize("wanted", ["E304", "e304", "unknown-node"])
def test_explain_takes_codes_and_names(specloom, wanted):
    said = specloom("explain", wanted)
    assert said.code == 0
    assert said.out.startswith("E304 unknown-node")
    assert KINDS["unknown-node"].explanation.strip() in said.out


def test_explain_lists_every_kind(specloom):
    said = specloom("explain")
    for kind in KINDS.values():
        assert kind.name in said.out
    assert len(json.loads(specloom("explain", "--json").out)) == len(KINDS)


def test_stages_lists_entries_with_parameters_and_failures_at_the_end(specloom, project):
    (project / "tools/broken.py").write_text("import nothing_of_this_name\n")
    with (project / "specloom.toml").open("a") as catalog:
        catalog.write('[tools.broken]\nmodules = ["tools.broken"]\npath = ["."]\n')
    said = specloom("stages")
    assert said.code == 1
    assert "hello.WriteGreeting@1.0.0" in said.out
    assert "with: name*, mood" in said.out
    assert "nothing_of_this_name" in said.out.splitlines()[-1]
    assert "tools.broken" in said.out.splitlines()[-1]


@pytest.mark.usefixtures("project")
def test_one_stage_is_shown_with_types_and_defaults(specloom):
    said = specloom("stages", "words.greet")
    assert said.code == 0
    assert "name: string, required" in said.out
    assert 'mood: string, default "friendly"' in said.out
    assert json.loads(specloom("stages", "words.greet", "--json").out)["items"][0]["name"] == "words.greet"
    missing = specloom("stages", "words.gret")
    assert missing.code == 1
    assert "did you mean words.greet?" in missing.err


@pytest.mark.usefixtures("project")
def test_doctor_finds_a_project_in_order(specloom):
    said = specloom("doctor", "--json")
    findings = {one["about"]: one for one in json.loads(said.out)}
    assert {"python", "packages", "data", "disk", "catalog", "hosts", "git", "server"} <= set(findings)
    assert findings["catalog"]["text"].endswith("2 stages and tools")
    assert said.code == (1 if any(one["verdict"] == "fail" for one in findings.values()) else 0)


def test_doctor_says_what_to_do_about_a_broken_catalog(specloom, project):
    (project / "specloom.toml").write_text("[luigi.x]\nmodules = 3\n")
    said = specloom("doctor")
    assert said.code == 1
    assert "fail  catalog" in said.out
    assert "→ correct the file" in said.out
