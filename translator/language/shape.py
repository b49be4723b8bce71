"""Whether a document is a spec: every mistake of its shape at once, each with its place and what to do.

What types can say is checked by `shapes`; here are the rules between keys. All of the language is checked, also what
this version of the server cannot run yet.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from pydantic import ValidationError

from translator.language.document import Document, is_list, is_mapping
from translator.language.findings import ROOT, EnoughError, Findings, Place
from translator.language.garbage import collector_paused
from translator.language.model import VERBS, Branch, Channel, Flow, Injection, Node, Spec, Switch, injected_id
from translator.language.problems import Problem, did_you_mean, nearest, ordered
from translator.language.schema_checks import check_schemas
from translator.language.shapes import (
    PartShape,
    Rules,
    ShapeMaker,
    check_shape_of,
    keys_of,
    unknown_field,
)
from translator.language.verbs import AgentTask, AgentTool, Call, Decide, Wait

API_VERSION = "specloom/v1"


def check_shape(document: Document) -> tuple[Spec | None, list[Problem]]:
    """Return the spec that a document is, or None, and all that is wrong with its shape, in order of the text."""
    with collector_paused():
        return _checked(document)


def _checked(document: Document) -> tuple[Spec | None, list[Problem]]:
    findings = Findings(document)
    value = document.value
    with suppress(EnoughError):
        check_shape_of(_spec_shape(), value, ROOT, findings)
        if is_mapping(value):
            _check_node_ids(value, findings)
            check_schemas(document, findings)
    if findings.problems:
        return None, ordered(findings.problems)
    try:
        return Spec.model_validate(value), []
    except ValidationError as error:
        return None, ordered(_leftovers(error, findings))


def _leftovers(error: ValidationError, findings: Findings) -> list[Problem]:
    """Report what only pydantic found; there should be nothing, and if there is, it must not end in a crash."""
    for detail in error.errors(include_input=False, include_url=False, include_context=False):
        place: Place = ROOT
        for key in detail["loc"]:
            place = (place, key)
        findings.at_value(place, "wrong-type", "a value of another type than this key takes")
    return findings.problems


@cache
def _spec_shape() -> PartShape:
    rules: Rules = {
        Spec: (_start_of_flow,),
        Channel: (_channel_keys,),
        Node: (_one_verb, _branches, _next_in_flow_only),
        Flow: (_flow_nodes,),
        Injection: (_one_moment,),
        Branch: (_branch,),
        Switch: (_switch,),
        Wait: (_one_way_of_waiting,),
        Decide: (_one_way_of_deciding,),
        Call: (_one_thing_to_call,),
        AgentTool: (_one_kind_of_tool,),
        AgentTask: (_one_kind_of_agent,),
    }
    shape = ShapeMaker(rules, own_keys=(Node,)).part(Spec)
    api_version = shape.fields["apiVersion"]
    shape.fields["apiVersion"] = _ApiVersionShape(api_version.kinds)
    return shape


class _ApiVersionShape:
    """The text that says in which language a document is written."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Report any version but the one that is spoken here."""
        if value != API_VERSION:
            message = "a version of the language that this server does not speak"
            findings.at_value(place, "unsupported-version", message, f"use {API_VERSION}")


def _start_of_flow(spec: dict[str, Any], place: Place, findings: Findings) -> None:
    nodes = spec.get("nodes")
    if not is_mapping(nodes):
        return
    if not nodes:
        findings.at_value((place, "nodes"), "out-of-range", "there are no nodes", "add at least one node")
    is_flow = any("next" in node for node in _mappings(nodes))
    if "start" in spec:
        _every_next((place, "nodes"), nodes, findings)
    elif is_flow:
        suggestion = "add `start: …` with the node that runs first"
        findings.lacking(place, "missing-field", "`start` is missing: nodes with `next` make a flow", suggestion)


def _flow_nodes(flow: dict[str, Any], place: Place, findings: Findings) -> None:
    nodes = flow.get("nodes")
    if is_mapping(nodes):
        if not nodes:
            findings.at_value((place, "nodes"), "out-of-range", "there are no nodes", "add at least one node")
        _every_next((place, "nodes"), nodes, findings)


def _every_next(place: Place, nodes: dict[str, Any], findings: Findings) -> None:
    """Report nodes of a flow that say nothing of what comes next; one with `needs` is told that it mixes kinds."""
    for name, node in nodes.items():
        if is_mapping(node) and not node.keys() & {"next", "needs", "fail", "decide"}:
            message = "`next` is missing: every node of a flow says what comes next"
            findings.lacking((place, name), "missing-field", message, "add `next: end`, or the name of a node")


def _mappings(nodes: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in nodes.values() if is_mapping(node)]


def _one_verb(node: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report a node without a verb, with several, or with a key that nodes do not have."""
    known = keys_of(Node)
    verbs = [key for key in node if key in VERBS]
    unknown = [key for key in node if key not in known]
    for verb in verbs[1:]:
        message = f"a second verb: the node has `{verbs[0]}` already"
        findings.at_key((place, verb), "several-verbs", message, "make two nodes of it")
    if not verbs and unknown:
        meant = next((key for key in unknown if nearest(key, VERBS)), unknown[0])
        unknown.remove(meant)
        suggestion = did_you_mean(meant, VERBS) or f"verbs: {', '.join(VERBS)}"
        findings.at_key((place, meant), "unknown-verb", "no verb of the language", suggestion)
    elif not verbs:
        findings.at_key(place, "no-verb", "nothing says what this node does", f"add one of: {', '.join(VERBS)}")
    for key in unknown:
        unknown_field(key, known, place, findings)


def _branches(node: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report a list of conditions that no `else` closes, or that goes on after it."""
    branches = node.get("next")
    if not is_list(branches):
        return
    place = (place, "next")
    if not branches or not (is_mapping(branches[-1]) and "else" in branches[-1]):
        message = "no else closes this list: when no condition holds, the run would have nowhere to go"
        findings.lacking(place, "missing-else", message, "add `- {else: end}` as its last entry")
    for index, entry in enumerate(branches[:-1]):
        if is_mapping(entry) and "else" in entry:
            message = "else before the end of the list: what follows would never be looked at"
            findings.at_key(((place, index), "else"), "unknown-field", message, "move it to the end")


def _branch(branch: dict[str, Any], place: Place, findings: Findings) -> None:
    if "else" in branch:
        for key in branch.keys() & {"when", "to"}:
            findings.at_key((place, key), "unknown-field", "this key does not go with else", "remove one of them")
        return
    for key in ("when", "to"):
        if key not in branch:
            findings.lacking(place, "missing-field", f"`{key}` is missing here", "write {when: …, to: …} or {else: …}")


def _switch(switch: dict[str, Any], place: Place, findings: Findings) -> None:
    if switch.get("cases") == {}:
        findings.at_value((place, "cases"), "out-of-range", "there are no cases", "add at least one case")


def _next_in_flow_only(node: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report keys of blocks on nodes that are none, and empty blocks."""
    if node.get("dag") == {}:
        findings.at_value((place, "dag"), "out-of-range", "there are no nodes", "add at least one node")
    for key in ("join", "fail_fast"):
        if key in node and not node.keys() & {"dag", "flow"}:
            findings.at_key((place, key), "unknown-field", "only blocks have this key", "use it beside dag or flow")
    for key in ("read", "requires", "inject"):
        if key in node and "luigi" not in node and any(verb in node for verb in VERBS):
            findings.at_key((place, key), "unknown-field", "only stages have this key", "use it beside luigi")


def _one_moment(injection: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report an injection that names no moment, or both, and what only goes with a task that is done."""
    _one_of(("before", "after"), injection, place, findings)
    for key in ("read", "write"):
        if key in injection and "after" not in injection:
            message = "this key does not go with `before`: the task has not run by then"
            findings.at_key((place, key), "unknown-field", message, "use `after`, or remove the key")


def _one_of(keys: tuple[str, ...], value: dict[str, Any], place: Place, findings: Findings) -> None:
    given = [key for key in value if key in keys]
    if not given:
        message = f"one of {', '.join(f'`{key}`' for key in keys)} is missing here"
        findings.lacking(place, "missing-field", message, f"add `{keys[0]}: …`")
    for key in given[1:]:
        findings.at_key((place, key), "unknown-field", f"this key does not go with `{given[0]}`", "remove one of them")


def _one_way_of_waiting(wait: dict[str, Any], place: Place, findings: Findings) -> None:
    if "poll" not in wait:
        _one_of(("for", "until", "signal"), wait, place, findings)
        for key, partner in (("every", "poll"), ("key", "signal")):
            if key in wait and partner not in wait:
                findings.at_key((place, key), "unknown-field", f"this key goes with `{partner}` only", "remove it")
        return
    for key in wait.keys() & {"for", "signal", "key"}:
        findings.at_key((place, key), "unknown-field", "this key does not go with `poll`", "remove one of them")
    if "every" not in wait:
        findings.lacking(place, "missing-field", "`every` is missing here", "add `every: 1m`")


def _one_way_of_deciding(decide: dict[str, Any], place: Place, findings: Findings) -> None:
    _one_of(("tool", "agent"), decide, place, findings)


def _one_kind_of_tool(tool: dict[str, Any], place: Place, findings: Findings) -> None:
    _one_of(("luigi", "workflow"), tool, place, findings)


def _one_kind_of_agent(agent: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report an agent that is nothing, one with two kinds of instructions, and keys that a harness has not."""
    if "model" not in agent and "harness" not in agent:
        _one_of(("model", "harness"), agent, place, findings)
    if "instructions" in agent and "prompt" in agent:
        message = "this key does not go with `instructions`"
        findings.at_key((place, "prompt"), "unknown-field", message, "remove one of them")


def _one_thing_to_call(call: dict[str, Any], place: Place, findings: Findings) -> None:
    _one_of(("tool", "luigi", "workflow"), call, place, findings)


def _channel_keys(channel: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report a key of a channel that was probably meant to be `reduce`; all others are JSON Schema's."""
    for key in channel:
        if key != "reduce" and nearest(key, ("reduce",)):
            unknown_field(key, ("reduce",), place, findings)


def _check_node_ids(spec: dict[str, Any], findings: Findings) -> None:
    """Report a node id that another map of the document has already: nodes are known by their id everywhere."""
    seen: set[str] = set()
    for name, place in _node_ids(spec):
        if name in seen:
            message = "another node of this document has this name already"
            findings.at_key(place, "bad-name", message, "choose another name")
        seen.add(name)


def _node_ids(spec: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    """Walk through all node ids of a document, in its order, without recursion."""
    maps = [_entries(spec.get("finally"), (ROOT, "finally")), _entries(spec.get("nodes"), (ROOT, "nodes"))]
    while maps:
        for name, node, place in maps.pop():
            yield name, place
            if is_mapping(node):
                flow = node.get("flow")
                maps.append(_entries(node.get("dag"), (place, "dag")))
                maps.append(_entries(flow.get("nodes") if is_mapping(flow) else None, ((place, "flow"), "nodes")))
                maps.append(_injected(name, node.get("inject"), (place, "inject")))


def _entries(nodes: Any, place: Place) -> list[tuple[str, Any, Place]]:
    return [(name, node, (place, name)) for name, node in nodes.items()] if is_mapping(nodes) else []


def _injected(owner: str, injections: Any, place: Place) -> list[tuple[str, Any, Place]]:
    """Return the nodes that are injected into one, by the ids that they have or are given."""
    found: list[tuple[str, Any, Place]] = []
    for number, one in enumerate(injections if is_list(injections) else []):
        if is_mapping(one):
            name = one.get("id", injected_id(owner, number, "after" if "after" in one else "before"))
            found.append((str(name), one.get("node"), ((place, number), "node")))
    return found
