from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from translator.planning.graphs import (
    back_edges,
    components,
    cycles,
    first_closing,
    precedence,
    reachable,
    reverse,
    within,
)

names = st.sampled_from("abcdefg")
edge_lists = st.lists(st.tuples(names, names), max_size=18, unique=True)


def graph_of(edges):
    graph = {name: [] for name in "abcdefg"}
    for source, target in edges:
        graph[source].append(target)
    return graph


def leads(graph, source, target):
    """Tell, slowly and plainly, whether a path of at least one edge leads from source to target."""
    return target in reachable(graph, graph[source])


@given(edge_lists)
def test_two_nodes_share_a_component_exactly_when_each_leads_to_the_other(edges):
    graph = graph_of(edges)
    part_of = {node: number for number, part in enumerate(components(graph)) for node in part}
    for one, other in product(graph, graph):
        together = one == other or (leads(graph, one, other) and leads(graph, other, one))
        assert (part_of[one] == part_of[other]) == together


@given(edge_lists)
def test_components_come_after_those_that_they_lead_to(edges):
    graph = graph_of(edges)
    part_of = {node: number for number, part in enumerate(components(graph)) for node in part}
    assert all(part_of[source] >= part_of[target] for source, target in edges)


@given(edge_lists)
def test_cycles_hold_exactly_the_nodes_that_lead_to_themselves(edges):
    graph = graph_of(edges)
    assert {node for part in cycles(graph) for node in part} == {node for node in graph if leads(graph, node, node)}


@given(edge_lists)
def test_precedence_agrees_with_walking(edges):
    graph = graph_of(edges)
    pairs = list(product(graph, graph))
    found = precedence(graph, "a", pairs)
    assert found.may == {(source, node) for source, node in pairs if leads(graph, source, node)}
    for source, node in pairs:
        if node not in reachable(graph, ["a"]):
            continue
        around = {name: [] if name == source else following for name, following in graph.items()}
        must = node != "a" and node not in reachable(around, ["a"])
        if source != node:
            assert ((source, node) in found.must) == must


@given(edge_lists)
def test_the_first_closing_edge_is_the_first_with_which_there_is_a_circle(edges):
    at = first_closing(edges)
    with_circle = [n for n in range(1, len(edges) + 1) if cycles(graph_of(edges[:n]))]
    assert at == (with_circle[0] - 1 if with_circle else None)


@given(edge_lists)
def test_without_its_back_edges_nothing_that_is_reached_is_a_cycle(edges):
    graph = graph_of(edges)
    closing = set(back_edges(graph, "a"))
    rest = {node: [other for other in graph[node] if (node, other) not in closing] for node in graph}
    assert cycles(within(rest, reachable(graph, ["a"]))) == []


@given(edge_lists)
def test_turning_twice_gives_the_same_edges(edges):
    graph = graph_of(edges)
    assert {node: sorted(to) for node, to in reverse(reverse(graph)).items()} == {
        n: sorted(t) for n, t in graph.items()
    }


def test_a_chain_of_many_nodes_does_not_exhaust_the_stack():
    graph = {str(n): [str(n + 1)] for n in range(50_000)} | {"50000": []}
    assert len(components(graph)) == 50_001
    assert precedence(graph, "0", [("1", "50000")]).must == {("1", "50000")}
    assert back_edges(graph, "0") == []
