"""The page on adopting a pipeline can be followed word for word, from an empty folder."""

import os
import re
import subprocess
import sys

import pytest

from docs.generating.parts import ROOT
from workflows.luigi.adopting import EVERY, FAN_OUT

PAGE = (ROOT / "docs" / "adopt-luigi.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Reader:
    """Follows the page: types what it says, and finds what it shows in what was said."""

    def __init__(self, folder):
        self.folder = folder
        self.said = ""
        (folder / "bin").mkdir()
        command = folder / "bin" / "specloom"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from spec_service.cli import main; main()" "$@"\n')
        command.chmod(0o755)
        path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}

    def follow(self, language, text):
        if language == "python":
            name = text.partition("\n")[0].removeprefix("# ")
            (self.folder / name).write_text(text)
        elif language == "sh":
            self.said = self.typed(text)
        elif language == "toml":
            assert (self.folder / "specloom.toml").read_text() == text
        elif language == "yaml":
            self.spec(text)
        else:
            for line in text.splitlines():
                parts = [part.strip() for part in line.split("…")]
                assert all(part in self.said for part in parts), (line, self.said)

    def typed(self, text):
        done = subprocess.run(
            ["bash", "-c", text], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        is_to_fail = text == "specloom run publish.yaml\n"
        assert done.returncode == (1 if is_to_fail else 0), done.stdout + done.stderr
        return done.stdout + done.stderr

    def spec(self, text):
        """Find in the spec what the page shows of it, or put it there where the page says so."""
        file = self.folder / "publish.yaml"
        written = file.read_text()
        text = text.removeprefix("nodes:\n")
        if text.startswith("# "):  # a file of its own
            (self.folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
        elif "approve" not in text:
            assert text in written
            return
        file.write_text(written[: written.index("  totals:\n")] + text)


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path):
    reader = Reader(tmp_path)
    for language, text in BLOCK.findall(PAGE):
        reader.follow(language, text)
        if text.startswith("mkdir shelf"):
            assert "orders_north  started" not in reader.said
        if "specloom approve" in text:
            assert "sales.Orders started" not in reader.said
            assert "sales.Publish done" in reader.said


def test_the_page_knows_the_figures():
    assert f"{FAN_OUT} tasks or more" in PAGE
    assert f"every: {EVERY}" in PAGE
