"""What is certainly of the wrong type, and what may be right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.language.fitting import fits

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
FITTING = [
    ({}, WHOLE),
    (WHOLE, {}),
    (WHOLE, NUMBER),
    ({"const": 3.0}, WHOLE),
    (TEXT, {"type": ["string", "null"]}),
    ({"type": ["string", "null"]}, TEXT),
    ({"anyOf": [TEXT, {"type": "null"}]}, TEXT),
    (TEXT, {"anyOf": [WHOLE, TEXT]}),
    (TEXT, {"enum": ["a", "b"]}),
    ({"enum": ["a", "c"]}, {"enum": ["a", "b"]}),
    ({"const": "a"}, {"enum": ["a", "b"]}),
    ({"type": "array"}, {"type": "array", "items": TEXT}),
    ({"type": "array", "prefixItems": [{"const": 1}], "items": False}, {"type": "array", "items": NUMBER}),
    ({"type": "object"}, {"type": "object", "required": ["a"], "properties": {"a": TEXT}}),
    ({"$ref": "#/x"}, TEXT),
]
WRONG = [
    (TEXT, WHOLE),
    (NUMBER, WHOLE),
    (TEXT, {"type": "boolean"}),
    ({"const": "many"}, WHOLE),
    ({"const": True}, WHOLE),
    ({"const": True}, {"enum": [1, "a"]}),
    ({"type": "null"}, TEXT),
    ({"anyOf": [WHOLE, {"type": "null"}]}, TEXT),
    (TEXT, {"anyOf": [WHOLE, {"type": "null"}]}),
    ({"const": "c"}, {"enum": ["a", "b"]}),
    ({"enum": ["c", "d"]}, {"enum": ["a", "b"]}),
    (TEXT, {"type": "array"}),
    ({"type": "array", "items": TEXT}, {"type": "array", "items": WHOLE}),
    ({"type": "array", "prefixItems": [WHOLE, TEXT], "items": False}, {"type": "array", "items": WHOLE}),
    ({"type": "object", "properties": {"a": TEXT}}, {"type": "object", "properties": {"a": WHOLE}}),
    ({"type": "object", "properties": {}, "additionalProperties": False}, {"type": "object", "required": ["a"]}),
]


@pytest.mark.parametrize(("actual", "wanted"), FITTING)
def test_what_may_be_right_fits(actual: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert fits(actual, wanted)


@pytest.mark.parametrize(("actual", "wanted"), WRONG)
def test_what_is_certainly_wrong_does_not_and_says_why(actual: dict[str, Any], wanted: dict[str, Any]) -> None:
    fit = fits(actual, wanted)
    assert not fit
    assert fit.reason


types = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
leaves = st.one_of(st.just({}), st.builds(lambda kind: {"type": kind}, types))
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda field: {"type": "object", "properties": {"a": field}}, inner),
        st.builds(lambda *both: {"anyOf": list(both)}, inner, inner),
    ),
    max_leaves=6,
)


@given(schemas)
def test_every_schema_fits_itself_and_anything(schema: dict[str, Any]) -> None:
    assert fits(schema, schema)
    assert fits(schema, {})
    assert fits({}, schema)
