"""The end of the way: a draft that has passed becomes a plan, with its lineage, its drawing and its digest."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from translator.language.digest import canonical_json
from translator.language.durations import seconds
from translator.language.model import JoinCount, MapClause, Next, Node, NodeLimits, Retry, Switch
from translator.language.model import Limits as WrittenLimits
from translator.language.problems import Problem
from translator.planning.calls import call_of
from translator.planning.channels import writes_of
from translator.planning.counting import most_steps
from translator.planning.draft import Draft, DraftNode
from translator.planning.mermaid import draw
from translator.planning.plan import (
    FINALLY,
    Advice,
    Binding,
    Branch,
    Caching,
    Catcher,
    Channel,
    Emission,
    Failure,
    HumanTask,
    Injected,
    Limits,
    MapOver,
    Plan,
    RetryPolicy,
    Step,
    Transition,
    UsageLimits,
    Wait,
)

_TRIED = frozenset({"luigi", "tool", "agent", "decide"})  # what `defaults.timeout` and `defaults.retry` apply to
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
        join=_join(spec.join),
        workflows=dict(sorted(draft.called.items())),
        most_steps=most_steps(draft),
        bounds=tuple(draft.bounds),
        warnings=tuple(Advice(**one.as_dict()) for one in advice),
    )
    drawn = plan.model_copy(update={"mermaid": draw(plan)})
    return drawn.model_copy(update={"digest": digest_of(drawn)})


def digest_of(plan: Plan) -> str:
    """Return the sha256 (hex) of the canonical JSON of a plan without its digest, and without the plans it calls.

    Which plans these are stands in the bindings of its steps, by digest; so a plan has one digest, called or not.
    """
    body = plan.model_dump(mode="json", by_alias=True, exclude={"digest", "workflows"})
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
    return Limits(
        steps=limits.steps,
        duration_seconds=duration,
        fan_out=limits.fan_out,
        on_exceed=limits.on_exceed,
        **_used(limits),
    )


def _limits_of(node: Node) -> UsageLimits | None:
    found = UsageLimits(**_used(node.limits)) if node.limits else None
    return None if found is None or found.is_empty else found


def _used(limits: WrittenLimits | NodeLimits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in UsageLimits.model_fields}


def _step(draft: Draft, one: DraftNode, call: Binding | None, reads: set[str]) -> Step:
    node = one.node
    called = call_of(one)
    return Step(
        id=one.id,
        verb=one.verb,
        path=one.path,
        agent=draft.agents.get(one.id),
        description=node.description or "",
        block=_block(one),
        needs=tuple(dict.fromkeys(node.needs or ())),
        when=None if node.when is None else _condition(node.when),
        call=call,
        arguments=dict(called.arguments if called else node.with_),
        requires=node.requires or "build",
        read=node.read,
        auth=dict(called.auth if called else node.auth),
        fail_fast=bool(node.fail_fast),
        join=_join(node.join),
        idempotency_key=node.idempotency_key,
        mask=node.mask,
        result=_declared(node.result),
        result_known=dict(draft.results[one.id]),
        save=dict(node.save),
        reset=node.reset,
        timeout_seconds=_timeout(draft, one),
        retry=_retry(draft, one),
        max_visits=node.limits.visits if node.limits else None,
        limits=_limits_of(node),
        catch=_catchers(node),
        transition=_transition(node.next),
        reads=tuple(sorted(reads)),
        writes=tuple(sorted({f"state.{name}" for name in (*node.reset, *(name for name, _, _ in writes_of(one)))})),
        injected=_injected(one),
        **_of_verb(node),
        **_of_modifiers(draft, one),
    )


def _injected(one: DraftNode) -> Injected | None:
    said = one.injection
    return Injected(moment=said.moment, tasks=said.tasks, read=said.read, write=said.write) if said else None


def _block(one: DraftNode) -> str | None:
    if one.map.owner:
        return one.map.owner.id
    return FINALLY if one.map.is_final else None


def _of_verb(node: Node) -> dict[str, Any]:
    """Return the fields that only one verb has."""
    human, fail = node.human, node.fail
    if human:
        task = HumanTask(title=human.title, description=human.description, show=human.show, assignees=human.assignees)
        return {"human": task}
    if fail:
        return {"fail": Failure(error=fail.error, message=fail.message or "")}
    if node.wait:
        return {"wait": _wait(node)}
    if node.emit:
        return {"emit": Emission(event=node.emit.event, data=node.emit.data)}
    if node.decide:
        return {"among": tuple(dict.fromkeys(node.decide.among))}
    return {"set": dict(node.set or {}), "start": node.flow.start if node.flow else None}


def _wait(node: Node) -> Wait | None:
    wait = node.wait
    if wait is None:
        return None
    until = _condition(wait.until) if wait.poll and wait.until is not None else wait.until
    return Wait(
        seconds=seconds(wait.for_) if wait.for_ else None,
        until=until,
        signal=wait.signal,
        key=wait.key,
        every_seconds=seconds(wait.every) if wait.every else None,
    )


def _of_modifiers(draft: Draft, one: DraftNode) -> dict[str, Any]:
    cache, mapped = one.node.cache, one.node.map
    found: dict[str, Any] = {}
    if cache:
        key, ttl = (None, None) if isinstance(cache, bool) else (cache.key, cache.ttl)
        found["cache"] = Caching(key=key, ttl_seconds=seconds(ttl) if ttl else None)
    if mapped:
        found["map"] = _map_over(mapped, draft.items.get(one.id, {}))
    return found


def _map_over(mapped: MapClause, item: Mapping[str, Any]) -> MapOver:
    tolerate = mapped.tolerate
    return MapOver(
        each=mapped.each,
        items=mapped.in_ if isinstance(mapped.in_, str) else list(mapped.in_),
        item=dict(item),
        concurrency=mapped.concurrency,
        tolerate=tolerate if isinstance(tolerate, int) else 0,
        tolerate_share=int(tolerate.removesuffix("%")) / 100 if isinstance(tolerate, str) else None,
    )


def _catchers(node: Node) -> tuple[Catcher, ...]:
    return tuple(Catcher(errors=one.errors, to=one.to, result=one.result, save=dict(one.save)) for one in node.catch)


def _join(join: Literal["all", "any"] | JoinCount | None) -> int | None:
    if isinstance(join, JoinCount):
        return join.count
    return 1 if join == "any" else None


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
    may_wait = bool(one.node.inject)  # people and times among its tasks: only what is written there itself counts
    text = one.node.timeout or (defaults.timeout if defaults and one.verb in _TRIED and not may_wait else None)
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
