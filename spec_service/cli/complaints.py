"""What goes wrong at the command line: what it is, and what to do next; never a traceback."""

from __future__ import annotations

from typing import cast

FINE = 0
PROBLEMS = 1  # problems were found, a run failed, something was refused, or nobody reads what is printed
USAGE = 64  # EX_USAGE of sysexits.h
REPLACED = 75  # EX_TEMPFAIL: another server has taken the data directory over
INTERRUPTED = 130  # 128 + SIGINT
TERMINATED = 143  # 128 + SIGTERM


class Complaint(Exception):
    """Something that a person has to hear: one line that says what, and lines that say what to do next."""

    def __init__(self, message: str, *advice: str, exit_code: int = PROBLEMS) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.exit_code = exit_code

    def report(self) -> str:
        """Return the text for standard error."""
        return "\n".join([f"specloom: {self.message}", *(f"  {line}" for line in self.advice)])


class Interrupted(Complaint):
    """Somebody pressed Ctrl-C, or the process was told to stop; `advice` says how to go on."""

    def __init__(self, *advice: str, exit_code: int = INTERRUPTED) -> None:
        super().__init__("interrupted", *advice, exit_code=exit_code)


def innermost(error: BaseException) -> BaseException:
    """Return the one error that groups of task groups are wrapped around; a group of several stays one."""
    if isinstance(error, BaseExceptionGroup):
        inner: list[BaseException] = list(cast("BaseExceptionGroup[BaseException]", error).exceptions)
        if len(inner) == 1:
            return innermost(inner[0])
    return cast("BaseException", error)


def wrong_usage(message: str, *advice: str) -> Complaint:
    """Return the complaint about arguments that make no sense."""
    return Complaint(message, *advice, exit_code=USAGE)
