"""What can go wrong with a stage; each is a `StepError`, so `retry` and `catch` match its `error_name`."""

from __future__ import annotations

from typing import ClassVar, Self

from workflows.errors import StepError
from workflows.hosting.errors import HostCrashed, HostError, HostFailure, HostPoolClosed, HostStartFailed, HostTimeout
from workflows.run import RunError
from workflows.tools.scrubbing import Scrubber


class StageError(StepError):
    """A stage did not end well."""

    name: ClassVar[str] = "stage-failed"
    matches: ClassVar[str] = "stage-failed"  # the error name of the step

    def __init__(self, message: str, *, tail: str = "") -> None:
        super().__init__(message, error_name=self.matches, tail=tail)

    def without(self, scrubber: Scrubber) -> Self:
        """Return the same error with no value of a secret in its texts."""
        if not scrubber.has_values:
            return self
        return type(self)(scrubber.text(self.message), tail=scrubber.text(self.tail))


class StageFailed(StageError):
    """A task failed, met a limit, was not complete afterwards, or needs something that nobody builds."""


class MissingExternal(StageError):
    """Something is not there that nobody builds."""

    name: ClassVar[str] = "missing-external"
    matches: ClassVar[str] = "timeout"  # where nobody can wait for it


class InjectedFailed(StageError):
    """A node that is injected before or after a task failed, and its error is that of the step."""

    def __init__(self, task: str, moment: str, error: RunError) -> None:
        StepError.__init__(self, f"{moment} {task}: {error.message}", error_name=error.name, cause=error)

    def without(self, scrubber: Scrubber) -> Self:
        """Return itself: what nodes say holds no value of a secret."""
        del scrubber
        return self


class InvalidParameter(StageError):
    """A parameter does not take this value."""

    name: ClassVar[str] = "invalid-parameter"


class InvalidResult(StageError):
    """What the stage left behind cannot be read as asked."""

    name: ClassVar[str] = "invalid-result"
    matches: ClassVar[str] = "invalid-result"


class StageTimeout(StageError):
    """The stage took too long; its processes are gone."""

    name: ClassVar[str] = "timeout"
    matches: ClassVar[str] = "timeout"


class StageCrashed(StageError):
    """The process of the stage ended in the middle of its work."""

    name: ClassVar[str] = "crashed"
    matches: ClassVar[str] = "crashed"


class StageUnavailable(StageError):
    """No process could be started for the stage."""

    name: ClassVar[str] = "unavailable"
    matches: ClassVar[str] = "unavailable"


def stage_error(error: HostFailure, what: str) -> StageError:
    """Return what a host's failure means for a stage; `what` names the task for people."""
    text = f"{what}: {error.message}"
    match error:
        case HostStartFailed() | HostPoolClosed():
            return StageUnavailable(text, tail=error.tail)
        case HostTimeout():
            return StageTimeout(text, tail=error.tail)
        case HostCrashed():
            return StageCrashed(text, tail=error.tail)
        case HostError():
            return _raised_error(error, what)
        case _:
            return StageFailed(text, tail=error.tail)


def _raised_error(error: HostError, what: str) -> StageError:
    tail = error.tail or error.traceback_tail
    for kind in (StageFailed, MissingExternal, InvalidParameter, InvalidResult):
        if kind.name == error.kind:
            return kind(f"{what}: {error.message}", tail=tail)
    return StageFailed(f"{what}: {error.kind}: {error.message}", tail=tail)
