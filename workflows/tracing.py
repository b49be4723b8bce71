"""Tells a tracing system what takes how long: a span for each piece of work, nested as it is called.

The adapter knows which span is open, task by task, so that whoever opens one names no parent. Without an adapter
nothing is made and nothing is kept. Arguments, results and messages are no attributes: what is private stays so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import Literal, Protocol

SpanKind = Literal["internal", "client", "server", "producer", "consumer"]
Attribute = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Attribute]
TRACEPARENT = "TRACEPARENT"
"""The environment variable in which a child process finds the span below which its own belong."""

NOTHING: Attributes = MappingProxyType({})


class Span(Protocol):
    """A piece of work that goes on."""

    @property
    def traceparent(self) -> str | None:
        """Return what to hand on, as W3C Trace Context writes it; None when nobody traces."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Add what has become known meanwhile."""
        ...

    def event(self, name: str, attributes: Attributes = NOTHING) -> None:
        """Note something that happened at this moment."""
        ...

    def failed(self, error_name: str) -> None:
        """Mark the work as failed, though no exception says so; the name is one of our own, never a message."""
        ...


@dataclass(frozen=True, slots=True)
class PastSpan:
    """Work that is over, done where no span could be opened: in another process, or over a restart."""

    name: str
    started_at: datetime
    finished_at: datetime
    attributes: Attributes = field(default_factory=dict[str, Attribute])
    kind: SpanKind = "internal"
    error_name: str | None = None  # it failed
    parent: str | None = None  # a traceparent; None: the span that is open where it is told
    itself: str | None = None  # the traceparent that others have been given for it before it was told


class Tracing(Protocol):
    """Opens spans."""

    @property
    def is_on(self) -> bool:
        """Tell whether anybody listens: whoever would compute attributes may spare it."""
        ...

    def span(
        self,
        name: str,
        kind: SpanKind = "internal",
        attributes: Attributes = NOTHING,
        *,
        parent: str | None = None,
    ) -> AbstractContextManager[Span]:
        """Open a span below the one that is open here, or below `parent`, a traceparent.

        It ends with the block. An exception that leaves the block marks it as failed, by the name of the error.
        """
        ...

    def tell(self, past: PastSpan) -> str | None:
        """Tell of work that is over, and return its traceparent."""
        ...

    def current(self) -> str | None:
        """Return the traceparent of the span that is open here; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _NoSpan:
    """Stands for a span that nobody wants; one serves for all, since it keeps nothing."""

    @property
    def traceparent(self) -> str | None:
        return None

    def set(self, attributes: Attributes) -> None:
        pass

    def event(self, name: str, attributes: Attributes = NOTHING) -> None:
        pass

    def failed(self, error_name: str) -> None:
        pass

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@dataclass(frozen=True, slots=True)
class NoTracing:
    """Traces nothing."""

    _span: _NoSpan = _NoSpan()

    @property
    def is_on(self) -> bool:
        """Return False: nobody listens."""
        return False

    def span(
        self,
        name: str,
        kind: SpanKind = "internal",
        attributes: Attributes = NOTHING,
        *,
        parent: str | None = None,
    ) -> AbstractContextManager[Span]:
        """Return what stands for a span."""
        del name, kind, attributes, parent
        return self._span

    def tell(self, past: PastSpan) -> str | None:
        """Return None."""
        del past

    def current(self) -> str | None:
        """Return None."""
        return None


NO_TRACING = NoTracing()
