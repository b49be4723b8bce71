"""The exam of a harness at the terminal."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import anyio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spec_service.cli.complaints import FINE, PROBLEMS, wrong_usage
from spec_service.settings import environment
from workflows.agents.harnesses.examining import Answered, examine
from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.local_processes import LocalProcesses
from workflows.hosting.pool import HostPool

_STYLES = {"passed": "green", "failed": "red", "not shown": "yellow"}


def check(command: tuple[str, ...], env: tuple[str, ...], seconds: float, *, as_json: bool) -> int:
    """Sit a command the exam, print how each question went, and return the exit code."""
    found = _absolute(tuple(shlex.split(command[0])) if len(command) == 1 else command)
    answers = anyio.run(_examined, Harness("harness", command=found, env=env, timeout_seconds=seconds))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in answers], indent=2) + "\n")
    else:
        _show(answers)
    return PROBLEMS if any(one.mark == "failed" for one in answers) else FINE


def _absolute(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command with its files made absolute: it works in a directory of its own."""
    if not command:
        raise wrong_usage("the command is empty", "name the program: specloom harness check -- python my_harness.py")
    if shutil.which(command[0]) is None:
        raise wrong_usage(f"there is no program {command[0]}", "name one that is on the PATH, or its path")
    return tuple(str(Path(one).absolute()) if Path(one).is_file() else one for one in command)


async def _examined(harness: Harness) -> list[Answered]:
    pool = HostPool(environ=environment(), limit=4)
    try:
        return await examine(LocalProcesses(pool), harness)
    finally:
        await pool.aclose()


def _show(answers: list[Answered]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for one in answers:
        table.add_row(Text(one.mark, _STYLES[one.mark]), Text(one.question), Text(one.note, "dim"))
    console = Console()
    console.print(table)
    counts = {mark: sum(1 for one in answers if one.mark == mark) for mark in _STYLES}
    console.print(f"\n{counts['passed']} passed, {counts['failed']} failed, {counts['not shown']} not shown")
