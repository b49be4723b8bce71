"""What goes in and out while a server runs: signals, files as inputs, folders of specs, commits to a repository."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.journeys.test_cli_with_server import Server

DELIVERY = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: delivery}
inputs: {order: {type: string}}
outputs: {by: "${ nodes.paid.result.by }"}
start: paid
nodes:
  paid:
    wait: {signal: payment, key: "${ inputs.order }"}
    result: {type: object, required: [by], properties: {by: {type: string}}}
    timeout: 1h
    next: end
"""
READER = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: reader}
inputs: {doc: {type: string, format: artifact}}
outputs: {text: "${ nodes.copy.result.data }"}
start: copy
nodes: {copy: {luigi: files.Shout@*, with: {source: "${ inputs.doc }"}, read: text, next: end}}
"""
FILES = '''\
import luigi


class Shout(luigi.Task):
    """Writes what a file holds in capitals."""

    source = luigi.PathParameter()

    def output(self):
        return luigi.LocalTarget("loud.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(self.source.read_text().upper())
'''
OUTER = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: outer}
outputs: {said: "${ nodes.ask.result.said }"}
start: ask
nodes: {ask: {workflow: inner@*, next: end}}
"""
INNER = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: inner}
outputs: {said: TEXT}
start: a
nodes: {a: {wait: {for: 1ms}, next: end}}
"""


@pytest.fixture
def started(specloom):
    """Return what starts a server, once the project is as a test wants it."""
    servers = []

    def start() -> Server:
        servers.append(Server(specloom.start("dev", "--port", "0")).wait_until_it_listens())
        return servers[-1]

    yield start
    for one in servers:
        if one.process.poll() is None:
            one.stop()


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_signal_lets_a_run_go_on_and_what_does_not_fit_is_refused(specloom, started):
    write(specloom.folder / "specs", delivery=DELIVERY)
    started()
    run = specloom("run", "specs/delivery.yaml", "--input", "order=o7")
    assert "payment" in run.out
    unknown = specloom("signal", run.run_id, "refund")
    assert (unknown.code, "(it waits for payment)" in unknown.err) == (1, True)
    bad = specloom("signal", run.run_id, "payment", "--data-json", '{"who": 1}')
    assert (bad.code, bad.err.splitlines()[0]) == (1, "specloom: the signal is refused")
    no_json = specloom("signal", run.run_id, "payment", "--data-json", "{")
    assert (no_json.code, "is no JSON" in no_json.err) == (64, True)
    paid = specloom("signal", run.run_id, "payment", "--data-json", '{"by": "Ada"}')
    assert paid.code == 0, paid
    assert "delivery@r1 succeeded" in paid.out
    assert json.loads(specloom("runs", run.run_id, "--json").out)["outputs"] == {"by": "Ada"}


@pytest.mark.parametrize("has_server", [True, False])
def test_a_file_is_sent_and_read_by_a_luigi_stage(specloom, started, has_server):
    write(specloom.folder / "specs", reader=READER)
    (specloom.folder / "pipelines/files.py").write_text(FILES)
    with (specloom.folder / "specloom.toml").open("a") as catalog:
        catalog.write('[luigi.files]\nmodules = ["pipelines.files"]\npath = ["."]\n')
    (specloom.folder / "letter.txt").write_text("dear ada " * 9_000)
    if has_server:
        started()
    said = specloom("run", "specs/reader.yaml", "--input", "doc=@letter.txt", "--json")
    ended = json.loads(said.out.splitlines()[-1])
    assert (said.code, ended["status"]) == (0, "succeeded"), said
    assert re.fullmatch(r"specloom://uploads/[0-9a-f]{64}", ended["inputs"]["doc"])
    shown = ended["outputs"]["text"]
    assert shown == "DEAR ADA " * 9_000 or "artifacts" in str(shown)
    missing = specloom("run", "specs/reader.yaml", "--input", "doc=@nowhere.txt")
    assert (missing.code, "there is no file nowhere.txt" in missing.err) == (64, True)


def test_what_a_file_calls_goes_with_it_unless_the_server_has_its_own(specloom, started):
    write(specloom.folder / "own", outer=OUTER, inner=INNER.replace("TEXT", "mine"))
    write(specloom.folder / "other", inner=INNER.replace("TEXT", "theirs"))
    started()
    first = json.loads(specloom("run", "own/outer.yaml", "--json").out.splitlines()[-1])
    assert first["outputs"] == {"said": "mine"}
    assert specloom("apply", "-f", "other").code == 0
    second = json.loads(specloom("run", "own/outer.yaml", "--json").out.splitlines()[-1])
    assert second["outputs"] == {"said": "theirs"}


def test_a_folder_is_compared_with_a_server_and_brought_to_it(specloom, started):
    folder = write(specloom.folder / "wanted", outer=OUTER, inner=INNER.replace("TEXT", "one"))
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    git(folder, *who, "commit", "--quiet", "--message", "specs")
    url = started().url
    there = ["-f", "wanted", "--server", url]
    fine = specloom("validate", "-f", "wanted")
    assert (fine.code, fine.out.count("fine:")) == (0, 2), fine
    diff = specloom("diff", *there, "--detailed-exitcode")
    assert diff.code == 2
    assert "2 new specs, 0 changed" in diff.out
    assert specloom("plan", *there, "--detailed-exitcode").code == 2
    dry = specloom("apply", *there, "--dry-run")
    assert dry.code == 0
    assert "2 new specs" in specloom("diff", *there).out
    applied = specloom("apply", *there)
    assert applied.code == 0, applied
    assert specloom("diff", *there, "--detailed-exitcode").code == 0
    assert specloom("plan", *there, "--detailed-exitcode").code == 0
    (folder / "inner.yaml").write_text(INNER.replace("TEXT", "two"))
    (folder / "outer.yaml").unlink()
    changed = specloom("diff", *there, "--prune")
    assert re.search(r"^~ inner", changed.out, re.MULTILINE)
    assert re.search(r"^- outer", changed.out, re.MULTILINE)
    (folder / "inner.yaml").write_text(INNER.replace("TEXT", '"${ nodes.b.result }"'))
    broken = specloom("apply", *there, "--prune")
    assert (broken.code, "inner.yaml" in broken.err + broken.out) == (1, True)
    assert re.search(r"^- outer", specloom("diff", *there, "--prune").out, re.MULTILINE)  # nothing was done
    (folder / "inner.yaml").write_text(INNER.replace("TEXT", "two"))
    assert specloom("apply", *there, "--prune").code == 0
    assert specloom("diff", *there, "--prune", "--detailed-exitcode").code == 0


def test_a_stored_spec_is_committed_to_a_real_repository_as_it_was_posted(specloom, started):
    repository = specloom.folder / "published.git"
    git(specloom.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(repository))
    with (specloom.folder / "specloom.toml").open("a") as catalog:
        catalog.write('[publish]\nrepository = "published.git"\nbranch = "main"\nroot = "specs"\n')
        catalog.write('author = "Specloom <specloom@example.org>"\n')
    text = "# a comment of mine\n" + INNER.replace("TEXT", "one")
    write(specloom.folder / "specs", inner=text)
    started()
    assert specloom("run", "specs/inner.yaml").code == 0
    said = specloom("publish", "inner")
    assert said.code == 0, said
    assert "inner@r1 committed: specs/inner.yaml on main" in said.out
    assert git(repository, "show", "main:specs/inner.yaml") == text
    again = specloom("publish", "inner")
    assert again.code == 0
    assert git(repository, "rev-list", "--count", "main").strip() == "1"
    clone = specloom.folder / "clone"
    git(specloom.folder, "clone", "--quiet", str(repository), str(clone))
    (clone / "specs/inner.yaml").write_text("# changed there\n" + text)
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    git(clone, *who, "commit", "--quiet", "--all", "--message", "by hand")
    git(clone, "push", "--quiet", "origin", "main")
    write(specloom.folder / "specs", inner=INNER.replace("TEXT", "two"))
    assert specloom("run", "specs/inner.yaml").code == 0
    moved = specloom("publish", "inner")
    assert moved.code == 1
    digests = set(re.findall(r"sha256:[0-9a-f]{64}", moved.err))
    assert len(digests) == 2, moved.err
    assert specloom("publish", "no-such-spec").code == 1
    escaped = specloom("publish", "inner", "--path", "../outside.yaml")
    assert (escaped.code, "`path` is like" in escaped.err) == (1, True), escaped
