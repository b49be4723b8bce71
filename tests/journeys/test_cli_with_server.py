"""The same commands while a server owns the data directory, and after it has gone."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest


class Server:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url = ""
        self.told: list[str] = []

    def wait_until_it_listens(self) -> "Server":
        for line in self.process.stderr:
            self.told.append(line)
            if found := re.match(r"Specloom listens on (http://\S+)", line):
                self.url = found[1]
            if "Ctrl-C stops it" in line:
                return self
        raise AssertionError(self.told)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        self.told += self.process.communicate(timeout=60)[1].splitlines()
        return self.process.returncode


@pytest.fixture
def server(specloom) -> Iterator[Server]:
    started = Server(specloom.start("dev", "--port", "0")).wait_until_it_listens()
    yield started
    if started.process.poll() is None:
        started.stop()


def test_commands_find_the_server_of_the_data_directory(specloom, server):
    said = specloom("run", "specs/gate.yaml")
    assert said.code == 0
    assert "asks: Send it to Ada?" in said.out
    assert "waiting" in specloom("runs").out
    watched = specloom("watch", said.run_id)
    assert re.search(r"greet +done", watched.out)
    approved = specloom("approve", said.run_id)
    assert approved.code == 0
    assert "gate@r1 succeeded" in approved.out
    assert str(specloom.folder / ".specloom/runs" / said.run_id) in approved.out
    shown = specloom("runs", said.run_id)
    assert server.stop() == 0
    assert specloom("runs", said.run_id).out == shown.out  # without the server, word for word the same


@pytest.mark.usefixtures("server")
def test_an_answer_that_does_not_fit_leaves_the_run_waiting(specloom):
    waiting = specloom("run", "specs/gate.yaml")
    said = specloom("approve", waiting.run_id, "--comment", "x" * 21)
    assert (said.code, "the answer does not fit" in said.err) == (1, True)
    assert "comment" in said.err
    assert waiting.run_id in specloom("runs", "--status", "waiting").out
    rejected = specloom("resume", waiting.run_id, "--answer-json", '{"verdict": "reject"}')
    assert rejected.code == 1
    assert "rejected in refused: Somebody said no." in rejected.out
    for command in ("approve", "resume", "cancel"):
        over = specloom(command, waiting.run_id)
        assert (over.code, over.out) == (1, "")
        assert "specloom run" in over.err


@pytest.mark.usefixtures("server")
def test_a_cancelled_run_is_over(specloom):
    waiting = specloom("run", "specs/gate.yaml")
    cancelled = specloom("cancel", waiting.run_id)
    assert cancelled.code == 0
    assert "gate@r1 cancelled" in cancelled.out
    assert specloom("watch", waiting.run_id).code == 1


def test_a_named_server_needs_no_data_directory(specloom, server, tmp_path):
    there = ["--server", server.url, "--data", str(tmp_path / "elsewhere")]
    said = specloom("run", "specs/gate.yaml", "--detach", *there)
    assert said.code == 0
    assert specloom("watch", said.run_id, *there).code == 0
    approved = specloom("approve", said.run_id, *there, "--json")
    ended = json.loads(approved.out.splitlines()[-1])
    assert ended["status"] == "succeeded"
    location = json.loads(specloom("runs", said.run_id, *there, "--json").out)["artifacts"][0]["location"]
    assert location.startswith(f"{server.url}/runs/{said.run_id}/artifacts/")
    assert not (tmp_path / "elsewhere").exists()


def test_refusals_read_the_same_through_a_server(specloom, server):
    (specloom.folder / "bad.yaml").write_text("apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: x}\nstat: a\n")
    through = specloom("run", "bad.yaml")
    unknown = specloom("watch", "no-such-run")
    assert server.stop() == 0
    assert (through.code, through.err) == (1, specloom("run", "bad.yaml").err)
    assert re.search(r"^bad\.yaml:4:1: E201 unknown-field", through.err, re.MULTILINE)
    assert (unknown.code, f"there is no run no-such-run at {server.url}" in unknown.err) == (1, True)


def test_the_run_goes_on_when_who_followed_it_leaves(specloom, server, finished):
    running = specloom.start("run", "specs/slow.yaml", "-i", "gate=open", "-i", "counter=count")
    for line in running.stdout:
        if "second  started" in line:
            break
    running.send_signal(signal.SIGINT)
    left = finished(running)
    assert left.code == 130
    assert f"the run goes on at {server.url}" in left.err
    run_id = re.search(r"specloom watch (\S+)", left.err)[1]
    (specloom.folder / "open").touch()
    watched = specloom("watch", run_id)
    assert watched.code == 0
    assert "slow@r1 succeeded" in watched.out


def test_a_second_server_is_refused_and_ctrl_c_drains_the_first(specloom, server):
    second = specloom("dev", "--port", "0")
    assert second.code == 1
    assert server.url in second.err
    assert server.stop(signal.SIGINT) == 0
    assert not (specloom.folder / ".specloom/server.json").exists()
    assert any("stopped" in line for line in server.told)


def test_a_run_survives_the_server(specloom, server):
    waiting = specloom("run", "specs/gate.yaml")
    assert server.stop() == 0
    again = Server(specloom.start("dev", "--port", "0")).wait_until_it_listens()
    try:
        approved = specloom("approve", waiting.run_id)
    finally:
        code = again.stop()
    assert (approved.code, code) == (0, 0), [approved, *again.told]


def test_a_token_is_needed_and_sent(specloom):
    secret = {"SPECLOOM_TOKEN": "let-me-in"}
    specloom.environment.update(secret)
    server = Server(specloom.start("dev", "--port", "0")).wait_until_it_listens()
    try:
        assert specloom("runs").code == 0
        del specloom.environment["SPECLOOM_TOKEN"]
        refused = specloom("runs")
        assert refused.code == 1
        assert "set SPECLOOM_TOKEN" in refused.err
    finally:
        assert server.stop() == 0
    assert "let-me-in" not in "".join(server.told)
