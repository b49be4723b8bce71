"""The end of the way: a draft that has passed becomes a plan, with its lineage, its drawing and its digest."""

import hashlib
from typing import Any, cast

from translator.language.digest import canonical_json
from translator.language.durations import seconds
from translator.language.model import Next, Retry, Switch
from translator.language.problems import Problem
from translator.planning.channels import writes_of
from translator.planning.draft import Draft, DraftNode
from translator.planning.mermaid import draw
from translator.planning.plan import (
    Advice,
    Binding,
    Branch,
    Channel,
    Failure,
    HumanTask,
    Limits,
    Plan,
    RetryPolicy,
    Step,
    Transition,
    Verb,
)

_TRIED = frozenset({"luigi", "tool"})  # what `defaults.timeout` and `defaults.retry` apply to
_NEVER = RetryPolicy()
_PASSING = ("timeout", "rate-limit", "unavailable", "stage-failed", "tool-failed", "agent-failed", "crashed")
"""Errors that may pass by themselves: tried again when `retry` names none."""


def assemble(draft: Draft, spec_digest: str, advice: list[Problem]) -> Plan:
    """Put the plan together; the digest is over all the rest."""
    spec = draft.spec
    reads = _reads(draft)
    bindings = _bindings(draft)
    plan = Plan(
        spec_name=spec.metadata.name,
        spec_version=spec.metadata.version,
        spec_digest=spec_digest,
        is_dag=draft.top.kind == "dag",
        start=draft.top.start if draft.top.kind == "flow" else None,
        steps=tuple(
            _step(draft, node, bindings.get(node.id), reads.get(node.id, set())) for node in draft.nodes.values()
        ),
        inputs=draft.inputs,
        defs={name: _declared(schema) or {} for name, schema in spec.defs.items()},
        state={
            name: Channel(schema=dict(one.json_schema), reduce=one.reduce, default=one.default)
            for name, one in spec.state.items()
        },
        outputs=dict(spec.outputs),
        secrets=spec.secrets,
        limits=_limits(draft),
        fail_fast=bool(spec.fail_fast),
        bounds=tuple(draft.bounds),
        warnings=tuple(Advice(**one.as_dict()) for one in advice),
    )
    drawn = plan.model_copy(update={"mermaid": draw(plan)})
    return drawn.model_copy(update={"digest": digest_of(drawn)})


def digest_of(plan: Plan) -> str:
    """Return the sha256 (hex) of the canonical JSON of a plan without its digest."""
    body = plan.model_dump(mode="json", by_alias=True, exclude={"digest"})
    return hashlib.sha256(canonical_json(body)).hexdigest()


def _reads(draft: Draft) -> dict[str, set[str]]:
    """Return what each step reads of inputs, state and other steps, as dotted paths."""
    found: dict[str, set[str]] = {}
    for reading in draft.readings:
        if reading.node:
            paths = {".".join(path) for path in reading.references if path[0] in {"inputs", "state", "nodes"}}
            found.setdefault(reading.node.id, set()).update(paths)
    return found


def _limits(draft: Draft) -> Limits:
    limits = draft.spec.limits
    if limits is None:
        return Limits()
    duration = seconds(limits.duration) if limits.duration else None
    return Limits(steps=limits.steps, duration_seconds=duration, on_exceed=limits.on_exceed)


def _step(draft: Draft, one: DraftNode, call: Binding | None, reads: set[str]) -> Step:
    node = one.node
    human, fail = node.human, node.fail
    return Step(
        id=one.id,
        verb=cast("Verb", one.verb),
        path=one.path,
        description=node.description or "",
        block=one.map.owner.id if one.map.owner else None,
        needs=tuple(dict.fromkeys(node.needs or ())),
        when=None if node.when is None else _condition(node.when),
        call=call,
        arguments=dict(node.with_),
        requires=node.requires or "build",
        read=node.read,
        auth=dict(node.auth),
        human=HumanTask(title=human.title, description=human.description, show=human.show, assignees=human.assignees)
        if human
        else None,
        set=dict(node.set or {}),
        fail=Failure(error=fail.error, message=fail.message or "") if fail else None,
        fail_fast=bool(node.fail_fast),
        result=_declared(node.result),
        result_known=dict(draft.results[one.id]),
        save=dict(node.save),
        reset=node.reset,
        timeout_seconds=_timeout(draft, one),
        retry=_retry(draft, one),
        max_visits=node.limits.visits if node.limits else None,
        transition=_transition(node.next),
        reads=tuple(sorted(reads)),
        writes=tuple(sorted({f"state.{name}" for name in (*node.reset, *(name for name, _, _ in writes_of(one)))})),
    )


def _bindings(draft: Draft) -> dict[str, Binding]:
    """Return what each node is bound to; nodes that call the same share one binding."""
    made: dict[tuple[str, str, str], Binding] = {}
    found: dict[str, Binding] = {}
    for name, entry in draft.entries.items():
        key = (entry.kind, entry.name, entry.version)
        if key not in made:
            made[key] = Binding(**entry.model_dump(include=set(Binding.model_fields)))
        found[name] = made[key]
    return found


def _timeout(draft: Draft, one: DraftNode) -> float | None:
    defaults = draft.spec.defaults
    text = one.node.timeout or (defaults.timeout if defaults and one.verb in _TRIED else None)
    return seconds(text) if text else None


def _retry(draft: Draft, one: DraftNode) -> RetryPolicy:
    defaults = draft.spec.defaults
    retry: Retry | None = one.node.retry or (defaults.retry if defaults and one.verb in _TRIED else None)
    if retry is None:
        return _NEVER
    return RetryPolicy(
        max=retry.max,
        backoff=retry.backoff,
        initial_seconds=seconds(retry.initial),
        cap_seconds=seconds(retry.cap),
        jitter=retry.jitter,
        errors=_PASSING if retry.errors is None else retry.errors,
    )


def _transition(following: Next | None) -> Transition | None:
    if following is None:
        return None
    if isinstance(following, str):
        return Transition(branches=(Branch(to=following),))
    if isinstance(following, Switch):
        return Transition(switch=following.switch, cases=dict(following.cases), default=following.default)
    branches = (Branch(when=None if one.when is None else _condition(one.when), to=one.target) for one in following)
    return Transition(branches=tuple(branches))


def _condition(when: str | bool) -> str:  # noqa: FBT001 - as it stands in the spec
    return when if isinstance(when, str) else "${ " + ("true" if when else "false") + " }"


def _declared(schema: dict[str, Any] | bool | None) -> dict[str, Any] | None:  # noqa: FBT001 - as it stands in the spec
    """Return a declared result schema as an object; `false` fits nothing."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema
