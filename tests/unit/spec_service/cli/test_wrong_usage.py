import os
import re
import socket

import pytest

BAD = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: bad}
start: a
nodes:
  a: {tool: words.greet@1, with: {name: "${ inputs.nme }"}, next: b}
"""


@pytest.mark.parametrize(
    ("arguments", "message", "advice"),
    [
        (["rnu"], "No such command 'rnu'", "Did you mean 'run'"),
        (["run"], "Missing argument 'FILE'", "specloom run --help"),
        (["run", "specs/hello.yaml", "--dta", "x"], "No such option: --dta", "--data"),
        (["run", "specs/helo.yaml"], "specs/helo.yaml: there is no such file", "did you mean specs/hello.yaml?"),
        (["run", "nowhere/x.yaml"], "there is no such file", "there is no folder nowhere"),
        (["plan", "specs"], "specs is a folder, not a spec", "it holds specs/hello.yaml"),
        (["validate", "/dev/null"], "/dev/null is no ordinary file", "standard input"),
        (["run", "specs/hello.yaml", "-i", "name"], "this is not NAME=VALUE", ""),
        (["run", "specs/hello.yaml", "--detach"], "--detach needs a server", "specloom dev starts one"),
        (["runs", "--status", "done"], "done is no status", "one of: queued"),
        (["runs", "--limit", "0"], "Invalid value for '--limit'", "specloom runs --help"),
        (["runs", "--server", "localhost"], "localhost is no URL", "http://127.0.0.1:8321"),
        (["explain", "unknown-nod"], "unknown-nod is no problem code", "did you mean unknown-node?"),
        (["dev", "--port", "99999"], "Invalid value for '--port'", "specloom dev --help"),
        (["approve"], "Missing argument 'RUN'", "specloom approve --help"),
        (["resume", "x", "--answer-json", "{nope"], "--answer-json is no JSON", "such as --answer-json"),
    ],
)
@pytest.mark.usefixtures("project")
def test_wrong_arguments_say_what_is_wrong_and_what_to_do(specloom, arguments, message, advice):
    said = specloom(*arguments)
    assert said.code == 64
    assert said.err.startswith("specloom: ")
    assert message in said.err
    assert advice in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", ["watch", "cancel", "approve", "resume"])
def test_without_a_data_directory_there_are_no_runs_and_none_is_made(specloom, project, command):
    said = specloom(command, "some-run")
    assert said.code == 1
    assert str(project / ".specloom") in said.err
    assert not (project / ".specloom").exists()


@pytest.mark.usefixtures("project")
def test_a_wrong_variable_is_named(specloom, monkeypatch):
    monkeypatch.setenv("SPECLOOM_PORT", "many")
    said = specloom("runs")
    assert said.code == 64
    assert "SPECLOOM_PORT" in said.err
    assert "many" not in said.err


@pytest.mark.usefixtures("project")
def test_a_named_catalog_must_be_there(specloom):
    said = specloom("validate", "specs/hello.yaml", "--catalog", "other.toml")
    assert said.code == 1
    assert "other.toml: there is no such catalog file" in said.err


@pytest.mark.usefixtures("project")
def test_a_server_that_does_not_answer(specloom):
    said = specloom("runs", "--server", "http://127.0.0.1:9")
    assert said.code == 1
    assert "http://127.0.0.1:9 does not answer" in said.err
    assert "specloom dev" in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(specloom, project):
    (project / "specs/hello.yaml").chmod(0)
    said = specloom("plan", "specs/hello.yaml")
    assert said.code == 1
    assert "cannot be read: Permission denied" in said.err


def test_a_busy_port_is_told_before_anything_is_opened(specloom, project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = specloom("dev", "--port", str(taken.getsockname()[1]))
    assert said.code == 1
    assert "cannot listen on 127.0.0.1" in said.err
    assert "--port 0" in said.err
    assert not (project / ".specloom").exists()


@pytest.mark.usefixtures("project")
def test_beyond_loopback_a_token_is_needed(specloom):
    said = specloom(
        "dev",
        "--host",
        "0.0.0.0",  # noqa: S104 - refused
        "--port",
        "0",
    )
    assert said.code == 1
    assert "SPECLOOM_TOKEN" in said.err


def test_a_spec_with_problems_is_shown_with_places_and_a_way_to_learn_more(specloom, project):
    (project / "bad.yaml").write_text(BAD)
    said = specloom("validate", "bad.yaml", "specs/hello.yaml")
    assert said.code == 1
    lines = said.out.splitlines()
    heads = [line for line in lines if re.match(r"bad\.yaml:\d+:\d+: E\d{3} [a-z-]+ ", line)]
    assert [line.split()[2] for line in heads] == ["unknown-variable", "unknown-node"]
    source = BAD.splitlines()[5]
    for head in heads:
        line, column = map(int, head.split(":")[1:3])
        below = lines[lines.index(head) + 1 : lines.index(head) + 3]
        assert below[0].strip() == source.strip()
        assert below[1].index("^") == below[0].index(source.strip()) - source.index(source.strip()) + column - 1
        assert line == 6
    assert "specs/hello.yaml: fine: hello, 2 steps" in lines
    assert "specloom explain" in lines[-1]


def test_run_refuses_it_in_the_same_words_and_starts_nothing(specloom, project):
    (project / "bad.yaml").write_text(BAD)
    said = specloom("run", "bad.yaml")
    assert said.code == 1
    assert re.search(r"^bad\.yaml:6:\d+: E304 unknown-node", said.err, re.MULTILINE)
    assert "bad.yaml has 2 problems" in said.err
    assert specloom("runs").out.startswith("no such runs")
