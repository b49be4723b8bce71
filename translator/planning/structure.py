"""The structure of flows and DAGs: not mixed, keys in their places, every node reached, every path ends, no circles."""

from collections.abc import Iterator

from translator.language.problems import Problem
from translator.planning.draft import Draft, NodeMap, Way, contradictions
from translator.planning.graphs import cycles, first_closing, reachable, reverse, within
from translator.planning.keys import check_keys
from translator.planning.plan import END


def check_structure(draft: Draft) -> list[Problem]:
    """Check the structure of every map; what a first mistake makes certain to follow is not reported as well."""
    found = check_keys(draft)
    for one in draft.maps:
        mixed = list(_mixed(draft, one))
        found += mixed
        if mixed:
            continue
        if one.kind == "dag":
            found += _needs_cycles(draft, one)
        else:
            found += [*_endless(draft, one), *_unreached(draft, one)]
    return found


def _mixed(draft: Draft, one: NodeMap) -> Iterator[Problem]:
    wrong = list(contradictions(one, one.kind))
    if not wrong:
        return
    first = min(wrong, key=draft.document.key_position)
    if one.kind == "flow":
        message = "this map is a flow, because what stands before leads on with `next`; `needs` and `when` are of DAGs"
        suggestion = "lead to the node with `next`, or put the nodes that need each other into a `dag:` block"
    else:
        message = "this map is a DAG, whose nodes use `needs` and `when`; `next` and `start` are of flows"
        suggestion = "use `needs`, or make the whole map a flow with `start` and `next`"
    yield draft.at_key(first, "mixed-flow-and-dag", message, suggestion)


def _unreached(draft: Draft, one: NodeMap) -> Iterator[Problem]:
    """Report nodes to which nothing leads; not where a name is misspelt, which explains it already."""
    if one.start not in one.members or one.has_broken_ways:
        return
    reached = reachable(one.graph, [one.start])
    for node in one.members.values():
        if node.id not in reached:
            message = "no path leads from the start to this node"
            yield draft.at_key(node.path, "unreachable-node", message, "let a `next` lead to it, or take it out")


def _endless(draft: Draft, one: NodeMap) -> Iterator[Problem]:
    """Report the first node that never comes to an end; a way to an unknown node may well lead there."""
    known = set(one.known_ways)
    ending = {END} | {way.source for way in one.ways if way not in known}
    ending |= {node.id for node in one.members.values() if not node.node.targets}
    ends = reachable(reverse(one.graph), ending)
    first = next((node for node in one.members.values() if node.id not in ends), None)
    if first:
        message = "no path leads from this node to the end"
        yield draft.at_key(first.path, "never-ends", message, "let a `next` on the way lead to `end`")


def _needs_cycles(draft: Draft, one: NodeMap) -> Iterator[Problem]:
    for circle in cycles(within(one.graph, one.members)):
        inside = set(circle)
        ways: list[Way] = [way for way in one.known_ways if way.source in inside and way.target in inside]
        closing = first_closing([(way.source, way.target) for way in ways])
        if closing is not None:
            message = "this need closes a circle: these nodes would wait for each other for ever"
            yield draft.at_value(ways[closing].path, "needs-cycle", message, "take one of their needs out")
