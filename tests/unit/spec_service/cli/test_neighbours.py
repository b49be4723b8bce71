"""Files that call workflows, without a server: what they call lies beside them."""

import json

import pytest

from spec_service.cli.neighbours import Neighbours

CHILD = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: child, version: 1.0.0}
inputs: {n: {type: integer}}
state: {n: {type: integer, default: 0}}
outputs: {n: "${ state.n }"}
nodes: {twice: {set: {n: "${ inputs.n * 2 }"}}}
"""
PARENT = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: parent}
outputs: {n: "${ nodes.call.result.n }"}
nodes: {call: {workflow: child@^1, with: {n: 21}}}
tests: [{name: it doubles, expect: {outputs: {n: 42}, path: [call, call/twice]}}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two specs, and files that are none."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "inner.yaml").write_text(CHILD)
    (tmp_path / "specs" / "outer.yaml").write_text(PARENT)
    (tmp_path / "specs" / "other.json").write_text('{"specloom/v1": [')
    (tmp_path / "specs" / "notes.txt").write_text(CHILD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_checked_and_planned_with_what_lies_beside_it(specloom, folder):
    assert specloom("validate", "specs/outer.yaml").code == 0
    plan = json.loads(specloom("plan", "specs/outer.yaml", "--json").out)
    (call,) = [step["call"] for step in plan["steps"]]
    assert (call["name"], call["version"]) == ("child", "1.0.0")
    assert list(plan["workflows"]) == [call["source_digest"]]
    assert not (folder / ".specloom").exists()


def test_what_does_not_lie_beside_it_is_unknown(specloom, folder):
    (folder / "lone.yaml").write_text(PARENT)
    said = json.loads(specloom("validate", "lone.yaml", "--json").out)
    assert [(one["name"], one["path"]) for one in said[0]["problems"]] == [("unknown-workflow", "/nodes/call/workflow")]


@pytest.mark.usefixtures("folder")
def test_its_tests_go_into_what_is_called(specloom):
    said = specloom("test", "specs/outer.yaml")
    assert (said.code, said.err) == (0, "")
    assert "  ok    it doubles" in said.out


def test_a_run_stores_what_it_calls(specloom, folder):
    said = specloom("run", "specs/outer.yaml", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out.splitlines()[-1])["outputs"] == {"n": 42}
    (folder / "specs" / "inner.yaml").write_text(CHILD.replace("1.0.0", "1.1.0").replace("* 2", "* 3"))
    said = specloom("run", "specs/outer.yaml", "--json")
    assert json.loads(said.out.splitlines()[-1])["outputs"] == {"n": 63}


def test_a_folder_is_planned_and_applied_as_a_whole(specloom, folder):
    assert specloom("run", "specs/inner.yaml", "--input", "n=1", "--json").code == 0  # there is a data directory now
    renamed = CHILD.replace("1.0.0", "1.1.0").replace("{n: {type: integer}}", "{m: {type: integer}}")
    (folder / "specs" / "inner.yaml").write_text(renamed.replace("inputs.n", "inputs.m"))
    said = specloom("plan", "-f", "specs", "--json")
    (refused,) = json.loads(said.out)["refused"]
    assert (said.code, refused["file"]) == (1, "specs/outer.yaml")
    assert {one["name"] for one in refused["problems"]} == {"unknown-parameter", "missing-parameter"}
    (folder / "specs" / "inner.yaml").write_text(CHILD.replace("1.0.0", "1.1.0").replace("* 2", "* 3"))
    assert specloom("apply", "-f", "specs").code == 0
    assert '"n":63' in specloom("run", "specs/outer.yaml", "--json").out.replace(" ", "")


@pytest.mark.anyio
async def test_several_files_of_one_name_are_its_versions(folder):
    (folder / "specs" / "newer.yaml").write_text(CHILD.replace("1.0.0", "1.10.0"))
    (folder / "specs" / "copy.yaml").write_text(CHILD)
    (folder / "specs" / "none.yaml").write_text(CHILD.replace(", version: 1.0.0", ""))
    beside = Neighbours.of("specs/outer.yaml", 1 << 20)
    found = await beside.revisions("child")
    assert [one.version for one in found] == ["1.10.0", "1.0.0", None]
    texts = [(await beside.text("child", one.revision))[0].decode() for one in found]
    assert ["1.10.0" in texts[0], "1.0.0" in texts[1], "version" in texts[2]] == [True, True, False]
    assert await beside.names() == ("child", "parent")
    assert await beside.revisions("nobody") == ()
