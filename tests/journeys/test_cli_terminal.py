"""What a person at a terminal sees and answers; the terminal is a real one, a pseudo terminal."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from tests.journeys.conftest import COMMAND

SECONDS = 60.0


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, project, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        environment = project.environment | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=project.folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=lambda: os.login_tty(slave),  # noqa: PLW1509 - so that Ctrl-C is a signal
        )
        os.close(slave)
        self.text = ""

    def until(self, wanted: str) -> str:
        """Read until something new is shown; returns what was read."""
        begin, deadline = len(self.text), time.monotonic() + SECONDS
        while wanted not in self.text[begin:]:
            assert time.monotonic() < deadline, self.text
            assert self._read(), self.text
        return self.text[begin:]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait(SECONDS)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], SECONDS)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the other side is closed
            return False
        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode("utf-8", "replace"))
        return bool(data)


@pytest.mark.slow
def test_a_person_answers_where_the_run_waits(specloom):
    terminal = Terminal(specloom, "run", "specs/gate.yaml")
    shown = terminal.until("verdict:")
    assert "✔ greet" in shown
    assert "? ask" in shown
    assert "letter: Dear Ada" in shown
    terminal.until("> ")
    terminal.type("maybe\n")
    terminal.until("choose one of: approve, reject")
    terminal.until("> ")
    terminal.type("1\n")
    terminal.until("comment (Enter: none)> ")
    terminal.type("this is much longer than what is allowed\n")
    terminal.until("this does not fit:")
    terminal.until("> ")
    terminal.type("approve\n")
    terminal.until("comment (Enter: none)> ")
    terminal.type("\n")
    ended = terminal.until("gate@r1 succeeded")
    assert "✔ write" in ended
    assert terminal.end() == 0


@pytest.mark.slow
def test_later_leaves_the_run_waiting_with_the_command_that_answers(specloom):
    terminal = Terminal(specloom, "run", "specs/gate.yaml")
    terminal.until("> ")
    terminal.type("later\n")
    text = terminal.until("Stop it with")
    assert terminal.end() == 0
    run_id = re.search(r"specloom approve (\S+)", text)[1]
    answered = Terminal(specloom, "resume", run_id)
    answered.until("> ")
    answered.type("reject\n")
    answered.until("> ")
    answered.type("\n")
    answered.until("rejected in refused")
    assert answered.end() == 1


@pytest.mark.slow
def test_ctrl_c_at_a_question_ends_at_once(specloom):
    terminal = Terminal(specloom, "run", "specs/gate.yaml")
    terminal.until("> ")
    terminal.type("\x03")
    text = terminal.until("specloom resume ")
    assert "the run waits for an answer" in text
    assert terminal.end() == 130
