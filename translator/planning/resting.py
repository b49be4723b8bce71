"""Where a run may wait, and whether it could go on from there with another plan.

A run ends on the plan that it started on. What is asked here is whether a fork of it to the other plan makes sense:
whether what it waits for is still asked, and what is recorded so far still means the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from translator.planning.plan import FINALLY, Frozen, JsonSchema, Plan, Step

Schema = JsonSchema | bool
_NOTES = frozenset({"title", "description", "default", "examples", "$comment", "deprecated"})


class Resting(Frozen):
    """A step at which a run of the old plan may wait, and what forbids to go on with the new one from there."""

    node: str  # of a called workflow: "<calling node>/<node>"
    can_go_on: bool
    why: tuple[str, ...] = ()  # what is in the way


def rests(old: Plan, new: Plan) -> tuple[Resting, ...]:
    """Return every step at which a run of `old` may wait."""
    general = () if old.digest and old.digest == new.digest else tuple(_against(old, new))
    return tuple(_rests(old, new, general))


def _rests(old: Plan, new: Plan, general: tuple[str, ...]) -> Iterator[Resting]:
    before, after = ({step.id: step for step in plan.steps} for plan in (old, new))
    for step in old.steps:
        if step.verb in ("human", "wait"):
            why = (*_at(step, before, after), *general)
            yield Resting(node=step.id, can_go_on=not why, why=why)
        elif step.verb == "workflow" and step.call and step.call.source_digest in old.workflows:
            yield from _inside(old, new, step, (*_at(step, before, after), *general))


def _inside(old: Plan, new: Plan, step: Step, around: tuple[str, ...]) -> Iterator[Resting]:
    """Return where a called workflow may wait; `around` is what is in the way outside of it."""
    child = old.workflows[step.call.source_digest if step.call else ""]
    called = next((one.call for one in new.steps if one.id == step.id), None)
    other = new.workflows.get(called.source_digest, child) if called else child
    inner = (*around, *(() if other.digest == child.digest else _against(child, other)))
    found = _rests(
        child.model_copy(update={"workflows": {**old.workflows, **child.workflows}}),
        other.model_copy(update={"workflows": {**new.workflows, **other.workflows}}),
        inner,
    )
    yield from (one.model_copy(update={"node": f"{step.id}/{one.node}"}) for one in found)


def _at(step: Step, before: dict[str, Step], after: dict[str, Step]) -> Iterator[str]:
    """Tell what has become of the step itself and of the blocks around it."""
    other = after.get(step.id)
    if other is None:
        yield f"there is no `{step.id}` any more"
        return
    if other.verb != step.verb:
        yield f"`{step.id}` was `{step.verb}` and is `{other.verb}`"
    if other.result != step.result:
        yield f"`{step.id}` asks for a result of another schema"
    if step.wait and other.wait and (step.wait.signal, step.wait.key) != (other.wait.signal, other.wait.key):
        yield f"`{step.id}` waits for another signal"
    if _around(step, before) != _around(other, after):
        yield f"`{step.id}` stands in other blocks"


def _around(step: Step, steps: dict[str, Step]) -> list[tuple[str, str, bool]]:
    """Return the step and the blocks around it, the innermost first: id, verb, and whether it is repeated."""
    found = [(step.id, "", step.map is not None)]
    block = step.block
    while block is not None and block != FINALLY:
        found.append((block, steps[block].verb, steps[block].map is not None))
        block = steps[block].block
    return found if block is None else [*found, (FINALLY, "", False)]


def _against(old: Plan, new: Plan) -> Iterator[str]:
    """Tell what of a run's inputs, state and results means something else in the new plan."""
    same_defs = old.defs == new.defs
    if old.is_dag != new.is_dag:
        yield "a flow has become a dag, or the other way round"
    yield from _inputs(old, new, same_defs=same_defs)
    for name, channel in new.state.items():
        known = old.state.get(name)
        if known is None:
            continue
        if known.reduce != channel.reduce:
            yield f"`state.{name}` is reduced by {channel.reduce}, it was by {known.reduce}"
        if not accepts(channel.schema_, known.schema_, same_defs=same_defs):
            yield f"values of `state.{name}` may not fit its new schema"
    after = {step.id: step for step in new.steps}
    read = {path.split(".")[1] for step in new.steps for path in step.reads if path.startswith("nodes.")}
    for step in old.steps:
        other = after.get(step.id)
        if other is None or step.id not in read:
            continue
        if not accepts(other.result_known, step.result_known, same_defs=same_defs):
            yield f"the result of `{step.id}`, which later steps read, has another schema"


def _inputs(old: Plan, new: Plan, *, same_defs: bool) -> Iterator[str]:
    before, after = (cast("dict[str, Any]", plan.inputs.get("properties", {})) for plan in (old, new))
    required: list[str] = new.inputs.get("required", [])
    for name, schema in after.items():
        if name in before:
            if not accepts(schema, before[name], same_defs=same_defs):
                yield f"values of `inputs.{name}` may not fit its new schema"
        elif name in required and not (isinstance(schema, dict) and "default" in schema):
            yield f"`inputs.{name}` is new and required"


def accepts(new: Schema, old: Schema, *, same_defs: bool = True) -> bool:
    """Tell whether every value of the old schema surely fits the new one; when in doubt, it does not."""
    if isinstance(new, bool) or isinstance(old, bool):
        return new is True or new == old
    if not same_defs and "$ref" in json.dumps(new):
        return False
    return all(_wider(key, value, old.get(key)) for key, value in new.items() if key not in _NOTES)


def _wider(key: str, new: Any, old: Any) -> bool:
    if new == old:
        return True
    if key == "type" and old is not None:
        allowed = _types(new)
        return all(one in allowed or (one == "integer" and "number" in allowed) for one in _types(old))
    if key == "enum" and isinstance(old, list):
        return all(one in new for one in cast("list[Any]", old))
    if key in ("minimum", "minLength", "minItems") and old is not None:
        return new <= old
    if key in ("maximum", "maxLength", "maxItems") and old is not None:
        return new >= old
    return False


def _types(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
