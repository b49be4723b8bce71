"""Keys of nodes that don't go with what stands beside or around them: decisions, catches, joins, waits, `finally`."""

from collections.abc import Callable, Iterator
from datetime import datetime

from translator.language.model import JoinCount
from translator.language.problems import Problem
from translator.language.templates import has_expression
from translator.planning.channels import writes_of
from translator.planning.draft import Draft, DraftNode, NodeMap, contradictions
from translator.planning.plan import Plan

_CACHED = frozenset({"luigi", "tool", "agent", "decide", "workflow"})
_HAS_EFFECTS = _CACHED - {"workflow"}
_SILENT = frozenset({"set", "fail"})  # nothing goes in or comes out that could be masked
_WAITING = frozenset({"human", "wait"})

_Rule = Callable[[Draft, DraftNode], Iterator[Problem]]


def check_keys(draft: Draft) -> list[Problem]:
    """Check what a key needs of the verb beside it, and of the map around it."""
    mixed = {one for one in draft.maps if any(contradictions(one, one.kind))}  # reported already, and unclear
    found = [*_top_join(draft)]
    for node in draft.every_node():
        if node.map not in mixed:
            found += [problem for rule in _OF_MAPS for problem in rule(draft, node)]
        found += [problem for rule in _OF_VERBS for problem in rule(draft, node)]
    return found


def _no_key(draft: Draft, path: str, message: str, suggestion: str) -> Problem:
    return draft.at_key(path, "unknown-field", message, suggestion)


def _top_join(draft: Draft) -> Iterator[Problem]:
    spec = draft.spec
    if draft.top.kind == "flow":
        keys = [key for key, value in (("join", spec.join), ("fail_fast", spec.fail_fast)) if value is not None]
        yield from (_of_dags(draft, f"/{key}") for key in keys)
    else:
        yield from _count(draft, "/join/count", spec.join, draft.top)


def _of_dags(draft: Draft, path: str) -> Problem:
    message = "a flow goes one way at a time: there is nothing to join, or to stop"
    return _no_key(draft, path, message, "use it on a `dag`")


def _count(draft: Draft, path: str, join: object, one: NodeMap) -> Iterator[Problem]:
    if isinstance(join, JoinCount) and join.count > len(one.members):
        message = "more nodes must be done than there are"
        yield draft.at_value(path, "out-of-range", message, f"write a number from 1 to {len(one.members)}")


def _join(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    node = one.node
    if node.flow is not None:
        keys = [key for key, value in (("join", node.join), ("fail_fast", node.fail_fast)) if value is not None]
        yield from (_of_dags(draft, one.at(key)) for key in keys)
    elif node.dag is not None:
        yield from _count(draft, one.at("join", "count"), node.join, draft.inside[one])


def _decision(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    """Report a `next` beside a decision, and choices of a DAG that don't wait for it; names are checked elsewhere."""
    decide = one.node.decide
    if decide is None:
        return
    if one.map.kind == "flow":
        if one.node.next is not None:
            message = "what is decided comes next, so there is nothing left to say here"
            yield _no_key(draft, one.at("next"), message, "take it out, and name all choices in `among`")
        return
    for number, name in enumerate(decide.among):
        chosen = one.map.members.get(name)
        if chosen and one.id not in (chosen.node.needs or ()):
            message = "this node does not need the decision, so it would not wait for it"
            suggestion = None if chosen is one else f"add `needs: [{one.id}]` to `{name}`"
            yield draft.at_value(one.at("decide", "among", number), "choice-without-need", message, suggestion)


def _catches(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    """Report a `to` in a DAG, and in a flow a catch that leads nowhere."""
    for number, entry in enumerate(one.node.catch):
        if one.map.kind == "dag" and entry.to is not None:
            message = "in a DAG no node leads to another: after a catch the node counts as done"
            suggestion = "take it out, or put the node into a `flow:` block"
            yield _no_key(draft, one.at("catch", number, "to"), message, suggestion)
        elif one.map.kind == "flow" and entry.to is None and one.node.next is None:
            message = "`to` is missing here: the node has no `next` that could be taken"
            yield draft.lacking(one.at("catch", number), "missing-field", message, "add `to: end`, or a node")


def _late_catches(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    """Advise about an entry all of whose errors those before it catch."""
    caught: set[str] = set()
    for number, entry in enumerate(one.node.catch):
        if "any" in caught or caught.issuperset(entry.errors):
            message = "the entries before this one catch all of these errors"
            suggestion = "move it up: the first entry that fits is taken"
            yield draft.at_value(one.at("catch", number, "errors"), "unreachable-catch", message, suggestion)
        caught.update(entry.errors)


def _modifiers(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    node = one.node
    polls = node.wait is not None and node.wait.poll is not None
    if node.cache and one.verb not in _CACHED:
        message = "nothing is called here whose result could be used again"
        yield _no_key(draft, one.at("cache"), message, "use it beside luigi, tool, workflow or decide")
    if node.idempotency_key is not None and one.verb not in _HAS_EFFECTS and not polls:
        message = "nothing is called here that could have an effect twice"
        yield _no_key(draft, one.at("idempotency_key"), message, "use it beside luigi or tool")
    is_empty = node.wait is not None and not polls and node.wait.signal is None
    if node.mask and (one.verb in _SILENT or is_empty):
        message = "this verb has neither arguments nor a result that could be masked"
        yield _no_key(draft, one.at("mask"), message, "use it where the value goes in or comes out")


def _injections(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    """Report what a stage with injected nodes, and an injected node, cannot have."""
    if one.node.inject and one.node.map:
        message = "nodes are injected into one stage at a time, and this one is repeated"
        yield _no_key(draft, one.at("inject"), message, "put the stage into a `dag:` block, and `map` the block")
    if one.injection and one.node.needs is not None:
        message = "an injected node runs when its task does, and needs nothing else"
        yield _no_key(draft, one.at("needs"), message, "take it out: several nodes at one task run in their order")
    stage = _stage_around(one)
    for _, path, _ in writes_of(one) if stage else ():
        message = f"this runs once for each task of `{stage}`, and tasks run at the same time: nothing is saved here"
        yield _no_key(draft, path, message, f"save from the result of `{stage}`, or write the target with `write`")


def _stage_around(one: DraftNode) -> str | None:
    """Return the id of the stage into which a node, or what it stands in, is injected."""
    owner = one.map.owner
    while owner is not None and not owner.node.inject:
        owner = owner.map.owner
    return owner.id if owner else None


def _waits(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    wait = one.node.wait
    if wait is None:
        return
    if wait.poll and wait.poll.workflow is not None:
        message = "a poll calls a tool, or looks at a stage"
        yield _no_key(draft, one.at("wait", "poll", "workflow"), message, "use `tool` or `luigi` here")
    elif wait.poll and wait.poll.tool is not None and wait.until is None:
        message = "`until` is missing here: nothing says when the tool has been asked often enough"
        yield draft.lacking(one.at("wait"), "missing-field", message, 'add `until: "${ result… }"`')
    is_literal = isinstance(wait.until, str) and not has_expression(wait.until)
    if is_literal and not wait.poll and not _is_time(str(wait.until)):
        message = "no time as RFC 3339 writes it: date, time and offset"
        suggestion = "write for example 2030-01-31T09:00:00Z; a span is `for: 5m`"
        yield draft.at_value(one.at("wait", "until"), "type-mismatch", message, suggestion)


def _is_time(text: str) -> bool:
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _at_the_end(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    """Report what waits under `finally`, at any depth, and in workflows that are called there."""
    if not one.map.is_final:
        return
    entry = draft.entries.get(one.id)
    waits_inside = entry is not None and entry.kind == "workflow" and _may_wait(draft.called, entry.source_digest)
    if one.verb in _WAITING or waits_inside:
        message = "what runs at the end of a run waits for nobody: the run would not be over for days"
        if waits_inside:
            message = "this workflow waits for somebody or something, and what runs at the end of a run does not"
        suggestion = "wait before the end, in `nodes`"
        yield draft.at_key(one.at(one.verb), "wait-in-finally", message, suggestion)


def _may_wait(called: dict[str, Plan], digest: str) -> bool:
    """Tell whether a workflow, or one that it calls, has a step that waits."""
    waiting, seen = [digest], {digest}
    while waiting:
        plan = called.get(waiting.pop())
        for step in plan.steps if plan else ():
            if step.verb in _WAITING:
                return True
            deeper = step.call.source_digest if step.call and step.call.kind == "workflow" else None
            if deeper is not None and deeper not in seen:
                seen.add(deeper)
                waiting.append(deeper)
    return False


_OF_MAPS: tuple[_Rule, ...] = (_decision, _catches)
_OF_VERBS: tuple[_Rule, ...] = (_join, _late_catches, _modifiers, _injections, _waits, _at_the_end)
