"""The entry point: runs one command and turns whatever happens into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from spec_service.cli.app import build_app
from spec_service.cli.complaints import FINE, PROBLEMS, Complaint, Interrupted, innermost, wrong_usage

_ABOUT_RUNS = frozenset({"rerun", "replay", "fork", "compare"})
"""Commands about runs that may be called with `runs` before them."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 fine, 1 problems found or run failed, 64 wrong usage, 130 interrupted."""
    try:
        code = _guarded(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered goes nowhere, so that the interpreter does not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PROBLEMS
    sys.exit(code)


def _guarded(arguments: Sequence[str] | None) -> int:
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        if given[:1] == ["runs"] and given[1:2] and given[1] in _ABOUT_RUNS:
            del given[0]
        result = build_app()(args=given, prog_name="specloom", standalone_mode=False)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a person gets a message, not a traceback
        complaint = _complaint(innermost(error))
        report = complaint.report()
        if report:
            sys.stderr.write(f"{report}\n")
        return complaint.exit_code
    return result if isinstance(result, int) else FINE


def _complaint(error: BaseException) -> Complaint:
    """Return what to say about an error."""
    if isinstance(error, Complaint):
        return error
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return Interrupted()
    if isinstance(error, typer.TyperException):
        return _misused(error)
    from spec_service.cli.refusals import explained  # noqa: PLC0415 - loads the errors of all rooms

    return explained(error)


def _misused(error: typer.TyperException) -> Complaint:
    """Tell what is wrong with the arguments, and where the command's help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "specloom"
    return wrong_usage(error.format_message() or "a command is missing", f"{command} --help shows what it takes")
