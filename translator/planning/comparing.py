"""What is different between two plans, field by field, and what that means for runs that wait on the old one.

Lineage, schemas that follow from something else and places in the text are left out: they change when something else
changes, and that is shown. What a plan masks, and literals that look like secrets, are never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from translator.language.digest import canonical_json
from translator.planning.hiding import hide
from translator.planning.plan import AgentBinding, Binding, Frozen, Plan, Step
from translator.planning.resting import Resting, rests
from translator.planning.ways import ways

Json = Any
ChangeKind = Literal["added", "changed", "removed"]
MARKS: Mapping[ChangeKind, str] = {"added": "+", "changed": "~", "removed": "-"}
_DEEPEST = 4  # keys of a field's path; what is deeper is shown as a whole
_ELSEWHERE = frozenset({"id", "path", "reads", "writes", "result_known", "transition", "needs"})  # `needs` is a way
_OF_THE_PLAN = ("spec_version", "is_dag", "start", "join", "fail_fast", "secrets")


class FieldChange(Frozen):
    """A field that is another one; `None` where it is not there."""

    field: str  # dotted: "call.version", "arguments.text"
    before: Json = None
    after: Json = None


class Change(Frozen):
    """Something with a name that is new, gone, or different."""

    kind: ChangeKind
    name: str
    about: str = ""  # of a step: what it does
    fields: tuple[FieldChange, ...] = ()  # of what has changed


class PlanDiff(Frozen):
    """What leads from one plan to another; everything is empty between plans that do the same."""

    old: str  # digest
    new: str  # digest
    spec: str  # name of the new plan's spec
    plan: tuple[FieldChange, ...] = ()  # what belongs to no part below, and the order of the steps of a dag
    steps: tuple[Change, ...] = ()
    transitions: tuple[Change, ...] = ()  # named "from → to"
    inputs: tuple[Change, ...] = ()
    outputs: tuple[Change, ...] = ()
    state: tuple[Change, ...] = ()
    defs: tuple[Change, ...] = ()
    limits: tuple[FieldChange, ...] = ()
    workflows: tuple[PlanDiff, ...] = ()  # of what is called, each once
    waiting: tuple[Resting, ...] = ()  # for each step at which a run of the old plan may wait

    @property
    def is_empty(self) -> bool:
        """Tell whether the plans do the same."""
        parts = (self.steps, self.transitions, self.inputs, self.outputs, self.state, self.defs)
        return not (self.plan or self.limits or any(parts) or any(not one.is_empty for one in self.workflows))

    @property
    def counts(self) -> dict[ChangeKind, int]:
        """Return how many steps are new, different and gone."""
        return {kind: sum(one.kind == kind for one in self.steps) for kind in MARKS}


def compare(old: Plan, new: Plan) -> PlanDiff:
    """Return what leads from `old` to `new`; the order is that of the new plan, and what is gone comes last."""
    return PlanDiff(
        old=old.digest,
        new=new.digest,
        spec=new.spec_name,
        plan=_of_the_plan(old, new),
        steps=_steps(old, new),
        transitions=tuple(_changes(_ways(old), _ways(new))),
        inputs=tuple(_changes(_inputs(old), _inputs(new))),
        outputs=tuple(_changes(*({key: hide(one) for key, one in plan.outputs.items()} for plan in (old, new)))),
        state=tuple(_changes(_state(old), _state(new))),
        defs=tuple(_changes(old.defs, new.defs)),
        limits=tuple(_fields(_limits(old), _limits(new))),
        workflows=tuple(_called(old, new)),
        waiting=rests(old, new),
    )


def _of_the_plan(old: Plan, new: Plan) -> tuple[FieldChange, ...]:
    found = [
        FieldChange(field=name, before=getattr(old, name), after=getattr(new, name))
        for name in _OF_THE_PLAN
        if getattr(old, name) != getattr(new, name)
    ]
    # Saves of a dag land in the order of the document, so another order is another plan.
    for block in [None, *(step.id for step in new.steps if step.verb == "dag")]:
        if block is None and not (old.is_dag and new.is_dag):
            continue
        before, after = _order(old, block), _order(new, block)
        both = set(before) & set(after)
        if [one for one in before if one in both] != [one for one in after if one in both]:
            found.append(FieldChange(field=f"{block}.order" if block else "order", before=before, after=after))
    return tuple(found)


def _order(plan: Plan, block: str | None) -> list[str]:
    return [step.id for step in plan.steps if step.block == block and (step.save or step.set or step.reset)]


def _steps(old: Plan, new: Plan) -> tuple[Change, ...]:
    before, after = ({step.id: step for step in plan.steps} for plan in (old, new))
    found: list[Change] = []
    for name, step in after.items():
        if name not in before:
            found.append(Change(kind="added", name=name, about=about(step)))
        elif step != before[name] and (fields := _of_step(before[name], step)):
            found.append(Change(kind="changed", name=name, about=about(step), fields=fields))
    gone = (step for name, step in before.items() if name not in after)
    return (*found, *(Change(kind="removed", name=step.id, about=about(step)) for step in gone))


def about(step: Step) -> str:
    """Return what a step does, in a few words."""
    if step.call:
        return f"{step.verb} {step.call.name}@{step.call.version}"
    told = {
        "agent": step.agent.shown if step.agent else "",
        "fail": step.fail.error if step.fail else "",
        "emit": step.emit.event if step.emit else "",
        "wait": (step.wait.signal or "") if step.wait else "",
        "decide": ", ".join(step.among),
    }.get(step.verb, "")
    return f"{step.verb} {told}".rstrip()


def _of_step(old: Step, new: Step) -> tuple[FieldChange, ...]:
    mask = (*old.mask, *new.mask)  # what either hides stays hidden
    return tuple(_fields(_step(old, mask), _step(new, mask)))


def _step(step: Step, mask: tuple[str, ...]) -> dict[str, Json]:
    shown = step.model_dump(mode="json", exclude=set(_ELSEWHERE))
    shown["agent"] = _agent(step.agent)
    for name in ("arguments", "set", "save", "human", "emit", "catch"):
        shown[name] = hide(shown[name], mask)
    if not step.retry.max:
        shown["retry"] = None
    return shown


def _agent(agent: AgentBinding | None) -> Json:
    """Return what an agent is, each entry of the catalog in one word; a prompt's text stands for itself."""
    if agent is None:
        return None
    shown = agent.model_dump(mode="json", exclude_defaults=True)
    for name in ("model", "prompt", "harness"):
        entry: Binding | None = getattr(agent, name)
        if entry is not None:
            shown[name] = f"{entry.name}@{entry.version} {entry.source_digest[:12]}"
    granted = {one.name: f"{one.call.kind} {one.call.name}@{one.call.version}" for one in agent.tools}
    waits = [one.name for one in agent.tools if one.requires_approval]
    started = [f"{one.name}@{one.version}" for one in agent.delegates]
    return {**shown, "tools": granted, "delegates": started, "requires_approval": waits}


def _ways(plan: Plan) -> dict[str, Json]:
    """Return all ways between steps: what they need, where they lead, and what they catch."""
    found: dict[str, list[str]] = {}
    for way in ways(plan):
        found.setdefault(f"{way.source} → {way.target}", []).append(way.label or way.kind)
    return {name: {"when": labels[0] if len(labels) == 1 else labels} for name, labels in found.items()}


def _inputs(plan: Plan) -> dict[str, Json]:
    required: list[str] = plan.inputs.get("required", [])
    properties: dict[str, Json] = plan.inputs.get("properties", {})
    return {
        name: {"required": name in required, **(hide(schema) if isinstance(schema, dict) else {"schema": schema})}
        for name, schema in properties.items()
    }


def _state(plan: Plan) -> dict[str, Json]:
    """Return the channels; a default stands beside the schema, not in it as well."""
    return {
        name: {
            "schema": {key: hide(one, key=key) for key, one in channel.schema_.items() if key != "default"},
            "reduce": channel.reduce,
            "default": hide(channel.default, key=name),
        }
        for name, channel in plan.state.items()
    }


def _limits(plan: Plan) -> dict[str, Json]:
    return {**plan.limits.model_dump(mode="json"), "most_steps": plan.most_steps}


def _called(old: Plan, new: Plan) -> Iterator[PlanDiff]:
    """Compare the plans of workflows that the same step calls, each pair once."""
    before = {step.id: step.call.source_digest for step in old.steps if step.call and step.verb == "workflow"}
    seen: set[tuple[str, str]] = set()
    for step in new.steps:
        if not (step.call and step.verb == "workflow" and step.id in before):
            continue
        pair = (before[step.id], step.call.source_digest)
        if pair[0] == pair[1] or pair in seen or pair[0] not in old.workflows or pair[1] not in new.workflows:
            continue
        seen.add(pair)
        children = (old.workflows[pair[0]], new.workflows[pair[1]])
        bodies = (
            child.model_copy(update={"workflows": {**plan.workflows, **child.workflows}})
            for child, plan in zip(children, (old, new), strict=True)
        )
        yield compare(*bodies)


def _changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Change]:
    for name, value in after.items():
        if name not in before:
            yield Change(kind="added", name=name)
        elif not _same(before[name], value):
            yield Change(kind="changed", name=name, fields=tuple(_fields(before[name], value)))
    yield from (Change(kind="removed", name=name) for name in before if name not in after)


def _fields(before: Json, after: Json, path: tuple[str, ...] = ()) -> Iterator[FieldChange]:
    """Walk down to what is different."""
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict) and len(path) < _DEEPEST:
        one, two = cast("dict[str, Json]", before), cast("dict[str, Json]", after)
        for key in dict.fromkeys([*one, *two]):
            yield from _fields(one.get(key), two.get(key), (*path, key))
        return
    yield FieldChange(field=".".join(path) or "value", before=before, after=after)


def _same(before: Json, after: Json) -> bool:
    """Tell equal values from equal-looking ones: 1, 1.0 and true are three."""
    return before == after and canonical_json(before) == canonical_json(after)
