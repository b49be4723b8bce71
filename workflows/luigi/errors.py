"""What can go wrong with a stage; each is a `StepError`, so `retry` and `catch` match its `error_name`."""

from __future__ import annotations

from typing import ClassVar

from workflows.errors import StepError


class StageError(StepError):
    """A stage did not end well."""

    name: ClassVar[str] = "stage-failed"
    matches: ClassVar[str] = "stage-failed"  # the error name of the step

    def __init__(self, message: str, *, tail: str = "") -> None:
        super().__init__(message, error_name=self.matches, tail=tail)


class StageFailed(StageError):
    """A task failed, was not complete afterwards, or needs something that nobody builds."""


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
