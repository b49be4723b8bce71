"""What a person at a terminal sees and answers; the terminal is a real one, a pseudo terminal."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator

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
        self._seen = 0

    def until(self, wanted: str) -> str:
        """Read until a text is shown, behind the one that was waited for before; returns what was read."""
        begin, deadline = self._seen, time.monotonic() + SECONDS
        while (at := self.text.find(wanted, begin)) < 0:
            assert time.monotonic() < deadline, self.text
            assert self._read(), self.text
        self._seen = at + len(wanted)
        return self.text[begin : self._seen]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(SECONDS)

    def close(self) -> None:
        os.close(self._master)
        self.process.kill()
        self.process.wait()

    def _read(self) -> bool:
        if not select.select([self._master], [], [], SECONDS)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the other side is closed
            return False
        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode("utf-8", "replace"))
        return bool(data)


@pytest.fixture
def terminal(specloom) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(specloom, *arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.slow
def test_a_person_answers_where_the_run_waits(terminal):
    person = terminal("run", "specs/gate.yaml")
    shown = person.until("verdict:")
    assert "✔ greet" in shown
    assert "? ask" in shown
    assert "letter: Dear Ada" in shown
    person.until("> ")
    person.type("maybe\n")
    person.until("choose one of: approve, reject")
    person.until("> ")
    person.type("1\n")
    person.until("comment (Enter: none)> ")
    person.type("this is much longer than what is allowed\n")
    person.until("this does not fit:")
    person.until("> ")
    person.type("approve\n")
    person.until("comment (Enter: none)> ")
    person.type("\n")
    ended = person.until("gate@r1 succeeded")
    assert "✔ write" in ended
    assert person.end() == 0


@pytest.mark.slow
def test_later_leaves_the_run_waiting_with_the_command_that_answers(terminal):
    person = terminal("run", "specs/gate.yaml")
    person.until("> ")
    person.type("later\n")
    text = person.until("Stop it with: specloom cancel")
    assert person.end() == 0
    run_id = re.search(r"specloom approve (\S+)", text)[1]
    answered = terminal("resume", run_id)
    answered.until("> ")
    answered.type("reject\n")
    answered.until("> ")
    answered.type("\n")
    answered.until("rejected in refused")
    assert answered.end() == 1


@pytest.mark.slow
def test_ctrl_c_at_a_question_ends_at_once(terminal):
    person = terminal("run", "specs/gate.yaml")
    person.until("> ")
    person.type("\x03")
    text = person.until(": specloom resume ")
    assert "the run waits for an answer" in text
    assert person.end() == 130
