"""What a caller of the service can be refused, by name; statuses are the business of `api/problems.py`."""

from __future__ import annotations

from collections.abc import Iterable

from translator.errors import SpecloomError
from translator.language.problems import Problem


class ServiceError(SpecloomError):
    """The service refused."""

    name = "refused"


class Refused(ServiceError):
    """What was sent has problems; all of them are listed."""

    name = "refused"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems[0].message if self.problems else None)


class UnknownSpec(ServiceError):
    """There is no such spec."""

    name = "unknown-spec"


class UnknownPolicy(ServiceError):
    """There is no such policy."""

    name = "unknown-policy"


class SpecRetired(ServiceError):
    """This name is retired: post a spec of this name to use it again."""

    name = "spec-retired"


class PublishUnavailable(ServiceError):
    """Nothing is configured to publish to: add `[publish]` with `repository = "…"` to specloom.toml and start again."""

    name = "publish-unavailable"


class PublishFailed(ServiceError):
    """The repository could not be read or written; ask again later."""

    name = "publish-failed"


class PathNotAllowed(ServiceError):
    """A spec cannot be published at this path."""

    name = "path-not-allowed"


class FileMovedOn(ServiceError):
    """The file in the repository is not what it was when you looked: look at it, post what is there, and try again."""

    name = "file-moved-on"

    def __init__(self, path: str, base: str | None, found: str | None) -> None:
        self.details = {"path": path, "base": base, "found": found}
        base_text, found_text = (f"sha256:{one}" if one else "no file" for one in (base, found))
        super().__init__(f"{path} has moved on: it should be {base_text}, and is {found_text}")


class UnknownEntry(ServiceError):
    """The catalog has no such stage."""

    name = "unknown-stage"


class VersionExists(ServiceError):
    """This version is stored already, with other contents: declare another version, or none."""

    name = "version-exists"


class NotWaiting(ServiceError):
    """The run does not wait for this answer, or no longer does."""

    name = "not-waiting"


class SeveralQuestions(ServiceError):
    """The run asks several questions: say which one is answered with `interrupt_id`."""

    name = "several-questions"


class PlanMismatch(ServiceError):
    """The plan belongs to another spec."""

    name = "plan-mismatch"


class AlreadyFinal(ServiceError):
    """The run has ended; it cannot be stopped any more."""

    name = "run-ended"


class NotRetryable(ServiceError):
    """Only a run that failed or was cancelled can be retried."""

    name = "not-retryable"


class NotForkable(ServiceError):
    """Only a run that is over or waits can be forked."""

    name = "not-forkable"


class KeyMismatch(ServiceError):
    """This `Idempotency-Key` was sent with another request in the last 24 hours: use a new key for a new request."""

    name = "idempotency-mismatch"


class BadCursor(ServiceError):
    """This is no cursor that the server gave."""

    name = "bad-cursor"


class BadQuery(ServiceError):
    """A parameter of the query cannot be understood."""

    name = "invalid-request"


class DataInUse(ServiceError):
    """Another process uses the data directory."""

    name = "data-in-use"


class DataUnusable(ServiceError):
    """The data directory cannot be used."""

    name = "data-unusable"


class FencedOff(ServiceError):
    """Another process has taken over the data directory."""

    name = "not-ready"  # for callers; the process itself says more, and ends


class NotWritten(ServiceError):
    """The database could not be written."""

    name = "journal-failed"


class TokenNeeded(ServiceError):
    """Without SPECLOOM_TOKEN the server listens on loopback only: set a token, or leave out --host."""

    name = "token-needed"


class NotReady(ServiceError):
    """The server is starting or stopping; ask again in a moment."""

    name = "not-ready"


class ExtraMissing(ServiceError):
    """This door needs packages that are not installed."""

    name = "extra-missing"

    def __init__(self, extra: str) -> None:
        super().__init__(f"This door needs an extra: install `specloom[{extra}]` (pip install 'specloom[{extra}]').")
