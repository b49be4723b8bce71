import errno
import signal
import subprocess
import sys

import pytest

from workflows.failpoints import ACTIONS, NAMES, arm, hit


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    arm("")


def outcomes(name: str, times: int) -> list[int | None]:
    found: list[int | None] = []
    for _ in range(times):
        try:
            hit(name)
            found.append(None)
        except OSError as error:
            found.append(error.errno)
    return found


def test_nothing_happens_unless_a_point_is_armed():
    assert [outcomes(name, 3) for name in NAMES] == [[None] * 3] * len(NAMES)


def test_the_nth_hit_counts_and_no_other():
    arm("flush.before:2:disk-full")
    assert outcomes("flush.after", 3) == [None] * 3
    assert outcomes("flush.before", 4) == [None, errno.ENOSPC, None, None]


def test_a_point_can_stay_broken_for_a_while_or_for_good():
    arm("flush.before:2-3:error,artifact.written:2-:disk-full")
    assert outcomes("flush.before", 5) == [None, errno.EIO, errno.EIO, None, None]
    assert outcomes("artifact.written", 4) == [None, errno.ENOSPC, errno.ENOSPC, errno.ENOSPC]


def test_an_empty_text_disarms():
    arm("flush.before:1-:error")
    arm("")
    assert outcomes("flush.before", 2) == [None, None]


@pytest.mark.parametrize("text", ["flush", "flush.before:0", "nowhere:1", "flush.before:1:explode", "flush.before:x"])
def test_what_is_no_fail_point_is_refused(text):
    with pytest.raises(ValueError, match=r"fail-point|action"):
        arm(text)


KILLED = """
from workflows.failpoints import arm, hit
arm("step.started:2")
hit("step.started")
print("one", flush=True)
hit("step.started")
print("two", flush=True)
"""


def test_the_default_kills_the_process_as_a_crash_does():
    ended = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"one\n")


def test_every_action_has_a_word_of_its_own():
    assert set(ACTIONS) == {"kill", "stop", "disk-full", "error"}
