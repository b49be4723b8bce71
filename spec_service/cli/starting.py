"""Writes a small working project to start from."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from spec_service.cli.complaints import FINE, Complaint, wrong_usage

_CATALOG = """\
# What a spec of this project may name. Paths are relative to this file.

[luigi.hello]                     # stages: hello.WriteGreeting
modules = ["pipelines.hello"]
path = ["."]
version = "1.0.0"

[tools.words]                     # tools: words.greet
modules = ["tools.words"]
path = ["."]
version = "1.0.0"
"""

_PIPELINE = '''\
"""A Luigi pipeline of one task; nothing in it knows of Specloom."""

import luigi


class WriteGreeting(luigi.Task):
    """Write a greeting to a file."""

    text = luigi.Parameter(description="What to write.")

    def output(self):
        """Return the file; the path is relative, so that each run has its own."""
        return luigi.LocalTarget("greeting.txt")

    def run(self):
        """Write the text; the target appears whole or not at all."""
        with self.output().open("w") as file:
            file.write(f"{self.text}\\n")
'''

_TOOL = '''\
"""Tools are LangChain tools; each of them is in the catalog as `words.NAME`."""

from langchain_core.tools import tool


@tool
async def greet(name: str, mood: str = "friendly") -> dict[str, str]:
    """Return a greeting for somebody."""
    mark = "!" if mood == "friendly" else "."
    return {"text": f"Hello, {name}{mark}"}
'''

_SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: hello, description: Greet somebody in a file.}    # add `version` when others build on it
inputs:
  name: {type: string, minLength: 1, default: world, description: Whom to greet.}
outputs:
  file: "${ nodes.write.result.outputs.uri }"
start: greet
nodes:
  greet:
    tool: words.greet@^1
    with: {name: "${ inputs.name }"}
    result: {type: object, required: [text], properties: {text: {type: string}}}
    next: write
  write:
    luigi: hello.WriteGreeting@^1
    with: {text: "${ nodes.greet.result.text }"}
    timeout: 1m
    next: end
"""

FILES: Mapping[str, str] = {
    "specloom.toml": _CATALOG,
    "pipelines/hello.py": _PIPELINE,
    "tools/words.py": _TOOL,
    "specs/hello.yaml": _SPEC,
    ".gitignore": ".specloom/\n__pycache__/\n",
}


def init(folder: Path) -> int:
    """Write the files of a project; overwrites nothing. Returns the exit code."""
    if folder.exists() and not folder.is_dir():
        raise wrong_usage(f"{folder} is a file; name a folder")
    there = [name for name in FILES if (folder / name).exists() and name != ".gitignore"]
    if there:
        raise Complaint(
            f"{folder.absolute()} has {', '.join(there)} already; nothing was written",
            "specloom init DIR writes into another folder",
        )
    try:
        written = [name for name, text in FILES.items() if _write(folder / name, text)]
    except OSError as error:
        raise Complaint(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    enter = f"cd {shlex.quote(str(folder))} && " if folder.resolve() != Path.cwd() else ""
    lines = [f"wrote {folder / name}" for name in written]
    lines += ["", "Next:", f"  {enter}specloom plan specs/hello.yaml"]
    lines += ["  specloom run specs/hello.yaml --input name=Ada"]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return FINE


def _write(path: Path, text: str) -> bool:
    """Write a new file; False when there is one, which stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
