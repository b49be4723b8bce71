"""The page on agents shows the agents of the library as they are really printed: trees, traces, costs."""

import os
import re
import subprocess
import sys

import pytest

from docs.generating.parts import ROOT

PAGE = (ROOT / "docs" / "agents.md").read_text()
SPECLOOM = "from spec_service.cli import main; main()"
_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\b\d\d:\d\d:\d\d\b")
_TOOK = re.compile(r"\b[\d.]+ (ms|s)\b")


def shown() -> list[tuple[str, str]]:
    """Return the commands of the chapter with what the page says that they print."""
    chapter = PAGE.split("## Three agents of the library")[1].split("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL)
    parts = [one for block in blocks for one in re.split(r"^\$ ", block, flags=re.MULTILINE) if one]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def plain(text: str) -> list[str]:
    """Return lines without what is different each time: ids, times, spaces at their ends."""
    for pattern, instead in ((_RUN, "RUN"), (_TIME, "TIME"), (_TOOK, "TOOK")):
        text = pattern.sub(instead, text)
    return [re.sub(r" +", " ", line).strip() for line in text.strip().splitlines()]


@pytest.mark.slow
def test_the_traces_are_as_printed(tmp_path):
    run = ""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    for command, expected in shown():
        words = [run if word == "RUN" else word for word in command.removeprefix("specloom ").split()]
        done = subprocess.run(
            [sys.executable, "-c", SPECLOOM, *words, "--data", str(tmp_path / "data")],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        found = _RUN.findall(done.stdout) if words[0] == "run" else []
        run = found[-1] if found else run
        assert expected.strip(), command
        printed = plain(done.stdout)
        for line in plain(expected):
            if line != "…":
                assert line in printed, f"{command}: {line!r} is not among {printed} {done.stderr}"
