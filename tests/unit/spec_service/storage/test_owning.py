import os
import subprocess
import sys

import pytest

from spec_service.errors import DataInUse, DataUnusable
from spec_service.storage.owning import owned

HOLD = """
import sys
from pathlib import Path
from spec_service.storage.owning import owned
with owned(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_who_owns_it(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(DataInUse, match=f"process {other.pid} uses"), owned(tmp_path):
            pass
        other.kill()
        other.wait()
        with owned(tmp_path):
            assert (tmp_path / "owner.lock").read_text() == f"{os.getpid()}\n"


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataUnusable), owned(tmp_path / "file" / "data"):
        pass
