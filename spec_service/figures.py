"""Figures for Prometheus: what this process has seen become durable, and how runs stand.

They are counted in plain numbers while records are flushed, and put into a registry only when somebody looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from workflows.records import EventRecorded, Record, RunMoved, StepExecution, StepStatus
from workflows.run import RunStatus
from workflows.usage import NOTHING, Usage

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    Family = CounterMetricFamily | GaugeMetricFamily

_ENDED: Mapping[str, str] = {
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.caught": "failed",
    "step.retrying": "retried",
    "step.crashed": "crashed",
    "step.cancelled": "cancelled",
    "step.paused": "paused",
    "step.skipped": "skipped",
}
TryKey = tuple[str, str, str, str, int]


class Figures:
    """What one process has counted since it started; `take` observes the journal."""

    def __init__(self) -> None:
        self._tokens: Counter[tuple[str, str]] = Counter()  # by direction and model
        self._cost: dict[str, float] = {}  # by model, in USD
        self._tool_calls = 0
        self._spans_lost = 0
        self._steps: Counter[tuple[str, str]] = Counter()  # by verb and status
        self._ended: Counter[str] = Counter()  # runs, by status
        self._verdicts: Counter[tuple[str, str]] = Counter()  # by policy and action
        self._open: dict[TryKey, Usage] = {}  # what tries that are under way have told
        self._verbs: dict[str, dict[str, str]] = {}  # by run and step

    def lose_spans(self, count: int) -> None:
        """Count spans that no collector has taken; called from the thread that sends them."""
        self._spans_lost += count

    def take(self, records: Sequence[Record]) -> None:
        """Count records that have become durable."""
        for record in records:
            if isinstance(record, StepExecution):
                if record.usage is not None:
                    self._take_usage(record, record.usage)
            elif isinstance(record, EventRecorded):
                self._take_event(record)
            elif isinstance(record, RunMoved) and record.to.is_final:
                self._ended[record.to.value] += 1
                self._verbs.pop(record.run_id, None)

    def _take_usage(self, record: StepExecution, usage: Usage) -> None:
        key = (record.run_id, record.step, record.visit, record.task, record.try_number)
        if record.status is StepStatus.RUNNING and not usage.models:
            return  # which model that was is told when its call is over
        more = usage.beyond(self._open.get(key, NOTHING))
        if record.status is StepStatus.RUNNING:
            self._open[key] = usage
        else:
            self._open.pop(key, None)
        model = usage.models[-1] if usage.models else ""
        for direction, count in (("in", more.tokens_in), ("out", more.tokens_out), ("cached", more.cached_tokens)):
            if count > 0:
                self._tokens[direction, model] += count
        if more.cost_usd > 0:
            self._cost[model] = self._cost.get(model, 0.0) + more.cost_usd
        self._tool_calls += max(0, more.tool_calls)

    def _take_event(self, event: EventRecorded) -> None:
        if event.type == "step.started":
            self._verbs.setdefault(event.run_id, {})[event.node or ""] = event.data.get("verb", "")
        elif event.type in _ENDED:
            verb = self._verbs.get(event.run_id, {}).get(event.node or "", "unknown")
            self._steps[verb, _ENDED[event.type]] += 1
        elif event.type == "policy.verdict":
            policy = (event.data.get("policy") or "").partition("@")[0]
            self._verdicts[policy, event.data.get("action", "")] += 1

    def text(self, runs: Mapping[RunStatus, int]) -> bytes:
        """Return everything in the text format of Prometheus; `runs` is how many have each status now."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - for those who look

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(tuple(self._families(runs))))
        return generate_latest(registry)

    def _families(self, runs: Mapping[RunStatus, int]) -> Iterable[Family]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        now = GaugeMetricFamily("specloom_runs", "Runs by status.", labels=["status"])
        for status, number in runs.items():
            now.add_metric([status.value], number)
        yield now
        tokens = {(way, model): float(count) for (way, model), count in self._tokens.items()}
        yield _counter("specloom_tokens", "Tokens of models.", ("direction", "model"), tokens)
        cost = {(model,): usd for model, usd in self._cost.items()}
        yield _counter("specloom_cost_usd", "What models have cost, in USD.", ("model",), cost)
        yield _counter("specloom_tool_calls", "Calls of tools.", (), {(): float(self._tool_calls)})
        lost = {(): float(self._spans_lost)}
        yield _counter("specloom_spans_not_exported", "Spans that no collector has taken.", (), lost)
        yield _counter("specloom_steps", "Tries of steps.", ("verb", "status"), _floats(self._steps))
        ended = {(status,): float(count) for status, count in self._ended.items()}
        yield _counter("specloom_runs_ended", "Runs that ended.", ("status",), ended)
        yield _counter("specloom_verdicts", "Verdicts of policies.", ("policy", "action"), _floats(self._verdicts))


class _Collected:
    """What a registry asks for families."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _counter(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Family:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

    family = CounterMetricFamily(name, text, labels=list(labels))
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family


def _floats(counts: Mapping[tuple[str, str], int]) -> dict[tuple[str, ...], float]:
    return {key: float(count) for key, count in counts.items()}
