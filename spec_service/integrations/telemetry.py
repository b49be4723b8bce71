"""Spans to an OpenTelemetry collector, over OTLP and HTTP; the only file that imports opentelemetry.

What cannot be exported is counted, logged and forgotten: no run waits for it or fails of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from structlog.stdlib import get_logger

from workflows.tracing import NOTHING, Attributes, PastSpan, Span
from workflows.tracing import SpanKind as Kind

_KINDS: Mapping[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_DELAY_MS = 1000.0  # until a span that has ended is sent
_FLUSH_MS = 5000  # that a stopping server gives to what is left
_PARTS = 4  # of a traceparent
_CANCELLED = "cancelled"
_GIVEN: ContextVar[tuple[int, int] | None] = ContextVar("given_ids", default=None)
"""The ids of the span that is being made, where others know them already."""
log = get_logger("specloom.telemetry")


class OtlpTracing:
    """Sends spans to a collector, in the background."""

    def __init__(self, endpoint: str | None, version: str, not_exported: Callable[[int], None]) -> None:
        """Take the base URL of the collector (None: as OTEL_EXPORTER_OTLP_* say) and who counts lost spans."""
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None)
        resource = Resource.create({"service.name": "specloom", "service.version": version})
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        counted = _Counted(exporter, not_exported)
        self._provider.add_span_processor(BatchSpanProcessor(counted, schedule_delay_millis=_DELAY_MS))
        self._tracer = self._provider.get_tracer("specloom", version)

    @property
    def is_on(self) -> bool:
        """Return True."""
        return True

    def span(
        self, name: str, kind: Kind = "internal", attributes: Attributes = NOTHING, *, parent: str | None = None
    ) -> AbstractContextManager[Span]:
        """Open a span below the one that is open here, or below `parent`."""
        return self._opened(name, kind, attributes, parent)

    @contextmanager
    def _opened(self, name: str, kind: Kind, attributes: Attributes, parent: str | None) -> Generator[Span]:
        around = _context_of(parent) if parent else None
        made = self._tracer.start_span(name, around, _KINDS[kind], dict(attributes))
        token = contexts.attach(trace.set_span_in_context(made))
        try:
            yield _Open(made)
        except BaseException as error:
            _mark(made, _name_of(error))
            raise
        finally:
            contexts.detach(token)
            made.end()

    def tell(self, past: PastSpan) -> str | None:
        """Send a span that is over, and return its traceparent."""
        around = _context_of(past.parent) if past.parent else Context() if past.itself else None
        given = _read(past.itself) if past.itself else None
        token = _GIVEN.set((given.trace_id, given.span_id) if given else None)
        try:
            made = self._tracer.start_span(
                past.name, around, _KINDS[past.kind], dict(past.attributes), start_time=_nanoseconds(past.started_at)
            )
        finally:
            _GIVEN.reset(token)
        if past.error_name is not None:
            _mark(made, past.error_name)
        made.end(_nanoseconds(past.finished_at))
        return _written(made.get_span_context())

    def current(self) -> str | None:
        """Return the traceparent of the span that is open here."""
        found = trace.get_current_span().get_span_context()
        return _written(found) if found.is_valid else None

    def close(self) -> None:
        """Send what is left, within seconds, and stop; blocks."""
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()


class _Open:
    """A span that goes on."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        return _written(self._span.get_span_context())

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def event(self, name: str, attributes: Attributes = NOTHING) -> None:
        self._span.add_event(name, dict(attributes))

    def failed(self, error_name: str) -> None:
        _mark(self._span, error_name)


class _Ids(IdGenerator):
    """Draws ids, except for the span whose ids are known."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        given = _GIVEN.get()
        return given[1] if given else self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        given = _GIVEN.get()
        return given[0] if given else self._random.generate_trace_id()


class _Counted(SpanExporter):
    """Counts what an exporter could not send; works in a thread of OpenTelemetry's."""

    def __init__(self, exporter: SpanExporter, not_exported: Callable[[int], None]) -> None:
        self._exporter, self._not_exported = exporter, not_exported

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        reason = "the collector did not take them"
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, runs go on
            result, reason = SpanExportResult.FAILURE, type(error).__name__
        if result is not SpanExportResult.SUCCESS:
            self._not_exported(len(spans))
            log.warning("spans.not-exported", spans=len(spans), reason=reason)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _mark(span: trace.Span, error_name: str) -> None:
    span.set_attribute("error.type", error_name)
    span.set_status(Status(StatusCode.ERROR))


def _name_of(error: BaseException) -> str:
    """Return what an exception is called; never its text, which may hold what nobody should read."""
    if type(error).__name__ in {"CancelledError", "GeneratorExit"}:
        return _CANCELLED
    name: Any = getattr(error, "error_name", None) or getattr(error, "name", None)
    return name if isinstance(name, str) else type(error).__name__


def _read(text: str) -> SpanContext | None:
    parts = text.split("-")
    if len(parts) < _PARTS:
        return None
    try:
        trace_id, span_id, flags = int(parts[1], 16), int(parts[2], 16), int(parts[3], 16)
    except ValueError:
        return None
    found = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return found if found.is_valid else None


def _context_of(text: str) -> Context:
    found = _read(text)
    return trace.set_span_in_context(NonRecordingSpan(found), Context()) if found else Context()


def _written(found: SpanContext) -> str:
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
