"""The command about harnesses: an exam for a program that wants to be one."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick

from __future__ import annotations

from typing import Annotated, Literal

import typer

from spec_service.cli.options import AsJson

What = Annotated[Literal["check"], typer.Argument(metavar="check", help="Sit it the exam.")]
Command = Annotated[
    list[str], typer.Argument(metavar="CMD...", help="The program and its arguments. Example: python my_harness.py.")
]
Env = Annotated[list[str] | None, typer.Option("--env", metavar="NAME", help="A variable that it may see.")]
Seconds = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long one task may take.")]


def harness(what: What, command: Command, env: Env = None, timeout: Seconds = 60.0, *, as_json: AsJson = False) -> int:
    """Check that a program is a harness: an agent of its own that talks to Specloom in JSON lines.

    Options of the program stand behind --: specloom harness check -- python -u my_harness.py. Exits with 1 when a
    question failed; what it need not do counts as not shown.
    """
    from spec_service.cli import examining

    del what
    return examining.check(tuple(command), tuple(env or ()), timeout, as_json=as_json)
