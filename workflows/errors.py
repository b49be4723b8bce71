"""What can go wrong while a run is executed."""

from __future__ import annotations

from translator.errors import SpecloomError
from workflows.run import RunError


class WorkflowError(SpecloomError):
    """Something went wrong while a run was executed."""

    name = "workflow-error"


class UnknownRun(WorkflowError):
    """There is no such run."""

    name = "unknown-run"


class UnknownPlan(WorkflowError):
    """There is no such plan."""

    name = "unknown-plan"


class UnknownArtifact(WorkflowError):
    """There is no such artifact."""

    name = "unknown-artifact"


class UnknownSecret(WorkflowError):
    """The server has no secret of this name."""

    name = "unknown-secret"


class CheckpointUnreadable(WorkflowError):
    """A checkpoint cannot be read; the message tells the reason and what to do about it."""

    name = "checkpoint-unreadable"


class JournalError(WorkflowError):
    """The record could not be written."""

    name = "journal-failed"


class StepError(WorkflowError):
    """A step failed; `error_name` is what `retry.errors` and `catch.errors` match."""

    name = "step-failed"

    def __init__(self, message: str, *, error_name: str, tail: str = "", cause: RunError | None = None) -> None:
        super().__init__(message)
        self.error_name = error_name
        self.tail = tail  # the end of what the step printed
        self.cause = cause  # what failed below it, or before it


class NotReady(StepError):
    """What is polled is not there yet."""

    def __init__(self) -> None:
        super().__init__("what is polled is not there yet", error_name="unavailable")


class StepFailed(StepError):
    """A step inside failed for good and nothing caught it; `error` says which, and why."""

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message, error_name=error.name)
        self.error = error
