"""Spec → plan → run → approve by commands alone."""

import json
import shlex
import signal
import time
from dataclasses import replace
from pathlib import Path


def commands_in(text: str) -> list[list[str]]:
    """Return the commands that a person would paste, without the program's name."""
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("  specloom ")]


def test_a_new_project_works_as_init_says(specloom):
    assert specloom("init", "demo").code == 0
    specloom = replace(specloom, folder=specloom.folder / "demo")
    assert specloom("validate", "specs/hello.yaml").out == "specs/hello.yaml: fine: hello, 2 steps\n"
    said = specloom("run", "specs/hello.yaml", "--input", "name=Ada")
    assert said.code == 0
    file = next(line.split(": ")[1] for line in said.out.splitlines() if line.startswith("  file: "))
    assert Path(file).read_text() == "Hello, Ada!\n"
    shown = specloom("runs", said.run_id)
    assert "✔ greet" in shown.out
    assert "✔ hello.WriteGreeting" in shown.out
    assert said.run_id in specloom("runs", "--status", "succeeded").out


def test_where_nobody_sits_at_a_terminal_the_commands_that_answer_are_printed(specloom):
    said = specloom("run", "specs/gate.yaml", "-i", "name=O'Hara")
    assert said.code == 0
    assert "asks: Send it to O'Hara?" in said.out
    assert "letter: Dear O'Hara" in said.out
    approve, reject = commands_in(said.out)
    assert reject[-1] == "verdict=reject"
    approved = specloom(*approve, "--comment", "well done")
    assert approved.code == 0
    assert "gate@r1 succeeded" in approved.out
    assert "greet" not in approved.out  # what happened before is not told again
    assert "comment: well done" in approved.out


def test_machines_get_events_and_the_run_as_the_last_line(specloom):
    said = specloom("run", "specs/gate.yaml", "--json")
    assert (said.code, said.err) == (0, "")
    *events, run = [json.loads(line) for line in said.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("run.queued", "run.waiting")
    assert run["status"] == "waiting"
    assert run["waiting_for"][0]["schema"]["required"] == ["verdict"]
    *more, ended = [json.loads(line) for line in specloom("approve", run["id"], "--json").out.splitlines()]
    assert more[0]["seq"] == len(events) + 1
    assert (more[-1]["type"], ended["status"]) == ("run.succeeded", "succeeded")


def test_ctrl_c_leaves_a_run_that_goes_on_from_where_it_stands(specloom, finished):
    gate, counter = specloom.folder / "open", specloom.folder / "count"
    running = specloom.start("run", "specs/slow.yaml", "-i", "gate=open", "-i", "counter=count", "--data", "my data")
    for line in running.stdout:
        if "second  started" in line:
            break
    running.send_signal(signal.SIGINT)
    stopped = finished(running)
    assert stopped.code == 130
    assert "specloom: interrupted" in stopped.err
    resume = shlex.split(stopped.err.partition("with: ")[2])
    assert resume[1] == "resume"
    gate.touch()
    said = specloom(*resume[1:])
    assert said.code == 0
    assert "slow@r1 succeeded" in said.out
    assert counter.read_text() == "first\n"


def test_a_killed_command_leaves_nothing_locked(specloom):
    running = specloom.start("run", "specs/slow.yaml", "-i", "gate=open", "-i", "counter=count")
    for line in running.stdout:
        if "second  started" in line:
            break
    running.kill()
    running.communicate()
    deadline = time.monotonic() + 20
    while (said := specloom("runs", "--json")).code != 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    run = json.loads(said.out)
    assert run["status"] == "running"  # as it was recorded; nobody executes it
    watched = specloom("watch", run["id"])
    assert "Nobody executes it now" in watched.out
    (specloom.folder / "open").touch()
    assert specloom("resume", run["id"]).code == 0
    assert (specloom.folder / "count").read_text() == "first\n"


def test_two_commands_at_once_do_not_share_a_data_directory_and_sigterm_is_as_gentle_as_ctrl_c(specloom, finished):
    running = specloom.start("run", "specs/slow.yaml", "-i", "gate=open", "-i", "counter=count")
    for line in running.stdout:
        if "second  started" in line:
            break
    said = specloom("runs")
    assert said.code == 1
    assert "data-in-use" in said.err
    assert str(running.pid) in said.err
    running.send_signal(signal.SIGTERM)
    stopped = finished(running)
    assert stopped.code == 143
    assert "specloom resume " in stopped.err


def test_a_reader_that_goes_away_is_no_accident(specloom):
    with specloom.start("schema") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1
