"""Folders of specs against a real server: validate, plan, diff, apply, publish."""

import json
import re
import uuid

import pytest
from dulwich import porcelain
from dulwich.repo import Repo

from spec_service.settings import Settings

SPEC = """\
# the comment of NAME
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME}
state: {text: {type: string}}
start: greet
nodes:
  greet: {set: {text: "hello"}, next: end}
"""


@pytest.fixture(scope="module")
def publishing(tmp_path_factory, run_server):
    folder = tmp_path_factory.mktemp("publishing")
    Repo.init_bare(str(folder / "bare.git"), mkdir=True).close()
    (folder / "specloom.toml").write_text('[publish]\nrepository = "bare.git"\n')
    settings = Settings(data=folder / "data", catalog=folder / "specloom.toml", port=0)
    with run_server(settings) as server:
        yield server


@pytest.fixture
def prefix():
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def folder(tmp_path, monkeypatch, prefix):
    monkeypatch.chdir(tmp_path)
    specs = tmp_path / "specs"
    (specs / "deep").mkdir(parents=True)
    write(specs / "a.yaml", f"{prefix}-a")
    write(specs / "deep" / "b.yml", f"{prefix}-b")
    return specs


def write(path, name, **changes):
    text = SPEC.replace("NAME", name)
    for before, after in changes.items():
        text = text.replace(before, after)
    path.write_text(text)


@pytest.fixture
def ask(specloom, publishing):
    def run(*arguments):
        return specloom(*arguments, "--server", publishing.url)

    return run


def marks(said, prefix):
    return [f"{mark}{name}" for mark, name in re.findall(rf"^([+~=-]|\s) {prefix}(\S+)", said.out, re.MULTILINE)]


def stored(publishing, name):
    with publishing.client() as client:
        answer = client.get(f"/specs/{name}")
        return answer.json() if answer.status_code == 200 else None


def test_a_folder_is_shown_applied_and_then_is_as_it_should_be(ask, folder, prefix, publishing):
    (folder / "deployment.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\n")
    said = ask("diff", "-f", "specs")
    assert said.code == 0
    assert marks(said, prefix) == ["+-a", "+-b"]
    assert "skipped specs/deployment.yaml: no spec" in said.out

    dry = ask("apply", "-f", "specs", "--dry-run")
    assert (dry.code, stored(publishing, f"{prefix}-a")) == (0, None)
    assert ask("plan", "-f", "specs", "--detailed-exitcode").code == 2
    said = ask("apply", "-f", "specs")
    assert said.code == 0
    assert "Applied 2 changes." in said.out
    assert stored(publishing, f"{prefix}-a")["source"] == {"kind": "file", "path": "a.yaml", "commit": None}
    assert stored(publishing, f"{prefix}-b")["source"]["path"] == "deep/b.yml"

    again = ask("diff", "-f", "specs", "--detailed-exitcode")
    assert (again.code, marks(again, prefix)) == (0, ["=-a", "=-b"])


def test_changes_words_and_what_is_gone(ask, folder, prefix, publishing):
    ask("apply", "-f", "specs")
    write(folder / "a.yaml", f"{prefix}-a", hello="good day")
    write(folder / "deep" / "b.yml", f"{prefix}-b", comment="word")
    assert marks(ask("diff", "-f", "specs"), prefix) == ["~-a", "~-b"]
    with publishing.client() as client:
        by_api = SPEC.replace("NAME", f"{prefix}-by-hand")
        assert client.post("/specs", content=by_api, headers={"Content-Type": "application/yaml"}).status_code == 201
    write(folder / "c.yaml", f"{prefix}-c")
    ask("apply", "-f", "specs")
    (folder / "c.yaml").unlink()
    write(folder / "a.yaml", f"{prefix}-a", hello="farewell")

    assert marks(ask("plan", "-f", "specs"), prefix) == ["~-a", "=-b", " -by-hand", " -c"]
    said = ask("plan", "-f", "specs", "--prune")
    assert marks(said, prefix) == ["~-a", "=-b", " -by-hand", "--c"]
    assert "~ greet" in said.out
    assert "set.text: good day → farewell" in said.out

    assert ask("apply", "-f", "specs", "--prune").code == 0
    assert stored(publishing, f"{prefix}-c")["retired_at"] is not None
    assert stored(publishing, f"{prefix}-by-hand")["retired_at"] is None
    assert "the word of" in stored(publishing, f"{prefix}-b")["text"]


def test_nothing_is_applied_when_something_is_wrong(ask, folder, prefix, publishing):
    write(folder / "bad.yaml", f"{prefix}-bad", start="begin")
    (folder / "worse.yaml").write_text("apiVersion: specloom/v1\nkind: [\n")
    for command in ("apply", "validate", "plan"):
        said = ask(command, "-f", "specs")
        assert said.code == 1
        assert "specs/bad.yaml:" in said.out
        assert "specs/worse.yaml:" in said.out
        assert "nothing was changed" in said.out
    assert stored(publishing, f"{prefix}-a") is None


def test_a_version_that_is_taken_is_found_before_anything_is_stored(ask, folder, prefix, publishing):
    versioned = {"metadata: {name: ": "metadata: {version: 1.0.0, name: "}
    write(folder / "a.yaml", f"{prefix}-a", **versioned)
    assert ask("apply", "-f", "specs").code == 0
    write(folder / "a.yaml", f"{prefix}-a", **versioned, hello="other")
    write(folder / "z.yaml", f"{prefix}-z")
    said = ask("apply", "-f", "specs")
    assert (said.code, "version-exists" in said.out) == (1, True)
    assert stored(publishing, f"{prefix}-z") is None


def test_one_name_in_two_files_is_a_problem_that_names_both(ask, folder, prefix):
    write(folder / "z.yaml", f"{prefix}-a")
    said = ask("validate", "-f", "specs")
    assert said.code == 1
    assert "specs/a.yaml and specs/z.yaml" in said.err


def test_revisions_remember_the_commit_of_the_checkout(ask, folder, prefix, publishing):
    repository = porcelain.init(str(folder.parent))
    porcelain.add(repository, [str(folder / "a.yaml")])
    commit = porcelain.commit(repository, message=b"x", author=b"A <a@x>", committer=b"A <a@x>").decode()
    repository.close()
    assert ask("apply", "-f", "specs").code == 0
    assert stored(publishing, f"{prefix}-a")["source"] == {"kind": "git", "path": "specs/a.yaml", "commit": commit}


@pytest.mark.usefixtures("folder")
def test_machines_are_told_the_same(ask, prefix):
    out = ask("diff", "-f", "specs", "--json").out
    told = json.loads(out[out.index("{\n") :])  # after what the server in this process logs
    assert [(one["action"], one["file"]) for one in told["items"] if prefix in one["name"]] == [
        ("create", "specs/a.yaml"),
        ("create", "specs/deep/b.yml"),
    ]


@pytest.mark.usefixtures("folder")
def test_a_spec_is_published(ask, prefix):
    ask("apply", "-f", "specs")
    said = ask("publish", f"{prefix}-a", "-m", "why", "--author", "Ann <ann@example.org>")
    assert said.code == 0, said.err
    assert f"{prefix}-a@r1 committed: {prefix}-a.yaml on main, " in said.out
    assert "was there already" in ask("publish", f"{prefix}-a").out
    refused = ask("publish", f"{prefix}-a", "--base", "none", "--path", f"{prefix}-a.yaml")
    assert refused.code == 0  # the text is there already: nothing is replaced
    assert ask("publish", f"{prefix}-a", "--path", "../x.yaml").code == 1


def test_a_plan_tells_what_a_server_would_change(ask, folder, prefix):
    first = ask("plan", "specs/a.yaml", "--detailed-exitcode")
    assert first.code == 2
    assert "no plan of this spec yet" in first.out
    ask("apply", "-f", "specs")
    same = ask("plan", "specs/a.yaml", "--detailed-exitcode")
    assert (same.code, "No changes since the last plan." in same.out) == (0, True)
    write(folder / "a.yaml", f"{prefix}-a", hello="bye")
    changed = ask("plan", "specs/a.yaml", "--detailed-exitcode")
    assert changed.code == 2
    assert "  ~ greet  set" in changed.out
    assert ask("graph", f"{prefix}-a", "--format", "svg").out.endswith("</svg>\n")


def test_a_plan_without_a_server_is_compared_with_the_last_one_here(specloom, project):
    assert "no plan of this spec yet" in specloom("plan", "specs/hello.yaml").out
    assert not (project / ".specloom").exists()
    assert specloom("run", "specs/hello.yaml").code == 0
    assert "No changes since the last plan." in specloom("plan", "specs/hello.yaml").out
    path = project / "specs" / "hello.yaml"
    path.write_text(path.read_text().replace("timeout: 1m", "timeout: 2m"))
    said = specloom("plan", "specs/hello.yaml", "--detailed-exitcode")
    assert (said.code, "timeout_seconds: 60.0 → 120.0" in said.out) == (2, True), said.out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("drawing", "begin"), [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg ")])
def test_a_file_is_drawn(specloom, drawing, begin):
    said = specloom("graph", "specs/hello.yaml", "--format", drawing)
    assert (said.code, said.out.startswith(begin)) == (0, True)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [["validate"], ["plan"], ["validate", "specs/hello.yaml", "-f", "specs"], ["apply", "-f", "none"], ["diff"]],
)
def test_wrong_usage(specloom, arguments):
    assert specloom(*arguments).code == 64
