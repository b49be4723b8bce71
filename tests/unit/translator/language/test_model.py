"""The model: what a spec looks like to the rest of the program."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from translator.language.model import VERBS, Branch, Node, Spec, Switch

SpecOf = Callable[[str], Spec]


def test_keys_that_python_reserves_have_an_underscore(spec_of: SpecOf) -> None:
    spec = spec_of("nodes: {a: {tool: x.y, with: {k: 1}}}\nfinally: {z: {set: {}}}\n")
    assert spec.nodes["a"].with_ == {"k": 1}
    assert spec.finally_["z"].verb == "set"
    assert spec.apiVersion == "specloom/v1"


def test_nothing_can_be_changed(spec_of: SpecOf) -> None:
    spec = spec_of("nodes: {a: {tool: x.y}}\n")
    with pytest.raises(ValidationError):
        spec.start = "b"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_told(verb: str) -> None:
    values = {
        "agent": {"model": "m"},
        "decide": {"among": ["a"], "tool": "x.y"},
        "human": {"title": "t"},
        "dag": {"b": {"set": {}}},
        "flow": {"start": "b", "nodes": {"b": {"set": {}}}},
        "set": {},
        "wait": {"for": "1s"},
        "emit": {"event": "e"},
        "fail": {"error": "e"},
    }
    node = Node.model_validate({verb: values.get(verb, "x.y")})
    assert node.verb == verb
    assert list(node.nodes) == (["b"] if verb in {"dag", "flow"} else [])


def test_targets_are_listed_with_their_pointers(spec_of: SpecOf) -> None:
    nodes = spec_of(
        "start: a\nnodes:\n"
        "  a: {tool: x.y, next: b, catch: [{errors: [timeout], to: c}]}\n"
        "  b: {tool: x.y, next: [{when: x, to: c}, {else: end}]}\n"
        "  c: {tool: x.y, next: {switch: x, cases: {'a/b': d}, default: end}}\n"
        "  d: {decide: {among: [a, b], tool: x.y}}\n"
    ).nodes
    assert nodes["a"].targets == (("/next", "b"), ("/catch/0/to", "c"))
    assert nodes["b"].targets == (("/next/0/to", "c"), ("/next/1/else", "end"))
    assert nodes["c"].targets == (("/next/cases/a~1b", "d"), ("/next/default", "end"))
    assert nodes["d"].targets == (("/decide/among/0", "a"), ("/decide/among/1", "b"))
    assert isinstance(nodes["c"].next, Switch)
    assert isinstance(nodes["b"].next, tuple)
    assert isinstance(nodes["b"].next[0], Branch)


def test_a_channel_is_a_schema_with_a_reducer(spec_of: SpecOf) -> None:
    channels = "{a: {type: array, reduce: append}, b: {type: [string, 'null'], default: null}, c: {}}"
    state = spec_of(f"state: {channels}\nnodes: {{n: {{set: {{}}}}}}\n").state
    assert (state["a"].reduce, state["a"].json_schema, state["a"].has_default) == ("append", {"type": "array"}, False)
    assert state["b"].json_schema == {"type": ["string", "null"], "default": None}
    assert state["b"].has_default
    assert (state["c"].reduce, state["c"].json_schema) == ("replace", {})


def test_every_field_is_described() -> None:
    for part in (Spec, Node, Branch, Switch):
        assert all(field.description for field in part.model_fields.values())
