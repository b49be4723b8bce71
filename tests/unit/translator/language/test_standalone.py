"""Schemas that stand on their own accept what they accepted with the document's definitions beside them."""

import pytest

from translator.language.schemas import Validator
from translator.language.standalone import standalone

DEFS = {
    "answer": {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}},
    "alias": {"$ref": "#/defs/answer"},
    "tree": {"type": "object", "properties": {"value": {"$ref": "#/$defs/leaf"}, "next": {"$ref": "#/defs/tree"}},
             "$defs": {"leaf": {"type": "integer"}}, "required": ["value"], "additionalProperties": False},
    "loop": {"$ref": "#/defs/loop"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"$ref": "#/defs/answer"}, {"ok": True}, {"ok": 1}),
        ({"$ref": "#/defs/alias"}, {"ok": True}, {}),
        ({"type": "array", "items": {"$ref": "#/defs/answer"}}, [{"ok": True}], [{}]),
        ({"$ref": "#/defs/answer/properties/ok"}, True, 1),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/defs/tree"}]}, {"value": 1, "next": {"value": 2}}, {"value": "x"}),
        ({"$ref": "#/defs/tree"}, {"value": 1, "next": {"value": 2}}, {"value": 1, "next": {"value": "x"}}),
        ({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"$ref": "#/defs/answer"}}}, [{"ok": False}], [{"ok": 0}]),
        ({"properties": {"a": {"const": {"$ref": "#/defs/answer"}}}}, {"a": {"$ref": "#/defs/answer"}}, {"a": 1}),
    ],
)  # fmt: skip
def test_it_means_the_same_alone(schema, good, bad):
    alone = Validator(standalone(schema, DEFS))

    assert (alone.is_valid(good), alone.is_valid(bad)) == (True, False)
    beside = Validator(schema, DEFS)
    assert (beside.is_valid(good), beside.is_valid(bad)) == (True, False)


def test_what_is_nothing_but_a_definition_is_that_definition():
    assert standalone({"$ref": "#/defs/alias"}, DEFS) == DEFS["answer"]


@pytest.mark.parametrize("schema", [True, {}, {"type": "string"}, {"$ref": "#/defs/none"}])
def test_what_needs_no_definition_or_one_that_is_not_there_stays_as_it_is(schema):
    assert standalone(schema, DEFS) == schema


def test_a_definition_that_is_only_itself_comes_to_an_end():
    assert standalone({"$ref": "#/defs/loop"}, DEFS)["$ref"] == "#/$defs/defs.loop"
