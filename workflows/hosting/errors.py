"""What can go wrong with a call to a child process."""

from __future__ import annotations

from typing import ClassVar

from translator.errors import SpecloomError


class HostFailure(SpecloomError):
    """A call to a host did not end well."""

    name = "host-failure"

    def __init__(self, message: str | None = None, *, tail: str = "") -> None:
        super().__init__(message)
        self.tail = tail  # the end of what the host's code printed, at most 64 KiB

    def in_one_line(self) -> str:
        """Return the message with the last line of what was printed: of a traceback, the exception."""
        last = self.tail.strip().rpartition("\n")[2]
        return self.message if last in self.message else f"{self.message}: {last}"


class HostTimeout(HostFailure):
    """The call took too long; the host and its children are gone."""

    name: ClassVar[str] = "timeout"


class HostCrashed(HostFailure):
    """The host ended in the middle of a call."""

    name: ClassVar[str] = "crashed"

    def __init__(
        self, message: str | None = None, *, exit_code: int | None, signal: int | None, tail: str = ""
    ) -> None:
        super().__init__(message, tail=tail)
        self.exit_code = exit_code  # None when a signal ended it, or when nobody saw the end
        self.signal = signal


class HostError(HostFailure):
    """The host's code raised; the host itself is fine."""

    name: ClassVar[str] = "host-error"

    def __init__(self, kind: str, message: str, *, traceback_tail: str = "", tail: str = "") -> None:
        super().__init__(message, tail=tail)
        self.kind = kind  # attribute `kind` of the exception, else its class name
        self.traceback_tail = traceback_tail


class HostLimitExceeded(HostFailure):
    """The call used more than its group may; the host is gone."""

    name: ClassVar[str] = "limit-exceeded"

    def __init__(self, message: str, *, limit: str, tail: str = "") -> None:
        super().__init__(message, tail=tail)
        self.limit = limit  # its name in the catalog: "memory"


class HostStartFailed(HostCrashed):
    """No host could be started with this interpreter and these modules."""

    name: ClassVar[str] = "unavailable"


class HostPoolClosed(HostFailure):
    """The pool of hosts is closed."""

    name: ClassVar[str] = "unavailable"
