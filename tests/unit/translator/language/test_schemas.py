"""Values against schemas: the same verdict as jsonschema, in linear time, and nothing repeated."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from translator.language.model import Spec
from translator.language.schemas import SchemaError, Validator, inputs_schema, with_defaults

SECRET = "sk-live-0123456789"  # noqa: S105 - looks like one, and opens nothing


def problems(schema: Any, value: Any, defs: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    found = Validator(schema, defs).problems(value, "/inputs")
    assert not any(SECRET in f"{item.message}{item.suggestion}" for item in found)
    return [(item.path, item.keyword) for item in found]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, [SECRET], [("/inputs", "type")]),
        ({"required": ["topic"]}, {}, [("/inputs", "required")]),
        ({"properties": {"a/b": {"type": "null"}}}, {"a/b": SECRET}, [("/inputs/a~1b", "type")]),
        ({"additionalProperties": False}, {"topik": SECRET}, [("/inputs/topik", "additionalProperties")]),
        ({"items": {"minimum": 3}}, [3, 1, 2], [("/inputs/1", "minimum"), ("/inputs/2", "minimum")]),
        ({"enum": [1, "a", [True]]}, SECRET, [("/inputs", "enum")]),
        ({"const": {"a": [1]}}, {"a": [SECRET]}, [("/inputs", "const")]),
        ({"pattern": "^a"}, SECRET, [("/inputs", "pattern")]),
        ({"uniqueItems": True}, [1, True, 1.0], [("/inputs/2", "uniqueItems")]),
        ({"uniqueItems": True}, [{"a": 1}, {"a": True}, {"a": 1}], [("/inputs/2", "uniqueItems")]),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, SECRET, [("/inputs", "anyOf")]),
        ({"oneOf": [{}, {}]}, SECRET, [("/inputs", "oneOf")]),
        ({"not": {}}, SECRET, [("/inputs", "not")]),
        ({"if": {"type": "string"}, "then": {"maxLength": 3}}, SECRET, [("/inputs", "maxLength")]),
        ({"properties": {"a": False}}, {"a": SECRET}, [("/inputs/a", "properties")]),
        ({"propertyNames": {"maxLength": 3}}, {"long_" + SECRET: 1}, [("/inputs/long_" + SECRET, "propertyNames")]),
        ({"multipleOf": 0.1}, 0.3, []),
        ({"multipleOf": 0.1}, 0.35, [("/inputs", "multipleOf")]),
        (False, SECRET, [("/inputs", "false")]),
        (True, SECRET, []),
    ],
)  # fmt: skip
def test_violations_point_at_their_place(schema: Any, value: Any, expected: list[tuple[str, str]]) -> None:
    assert problems(schema, value) == expected


def test_an_unknown_key_is_told_the_nearest_and_a_missing_one_is_named() -> None:
    schema = {"properties": {"topic": {}}, "required": ["topic"], "additionalProperties": False}
    found = {item.keyword: item for item in Validator(schema).problems({"topik": 1})}
    assert "topic" in str(found["additionalProperties"].suggestion)
    assert "topic" in found["required"].message


def test_refs_lead_to_definitions_and_to_the_schema_itself() -> None:
    defs = {
        "page": {
            "properties": {"next": {"$ref": "#"}, "url": {"$ref": "#/$defs/url"}},
            "$defs": {"url": {"type": "string"}},
        }
    }
    schema = {"properties": {"page": {"$ref": "#/defs/page"}, "inner": {"$ref": "#"}}, "additionalProperties": False}
    assert problems(schema, {"page": {"next": {"next": {"url": 3}}}}, defs) == [("/inputs/page/next/next/url", "type")]
    assert problems(schema, {"inner": {"inner": {"x": 1}}}, defs) == [("/inputs/inner/inner/x", "additionalProperties")]
    with pytest.raises(SchemaError):
        Validator({"$ref": "#/defs/nope"}, {})
    with pytest.raises(SchemaError):
        Validator({"$ref": "http://example.com/"})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 60_000 + "b"),
        ({"patternProperties": {"^(a+)+$": False}, "additionalProperties": False}, {"a" * 40 + "b": 1}),
        ({"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False}, {"a" * 40 + "b": 1}),
    ],
)
def test_patterns_take_linear_time(schema: Any, value: Any) -> None:
    assert len(problems(schema, value)) == 1


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _doubling(depth: int) -> dict[str, Any]:
    parts = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(depth)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{depth}": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}, _nested(60)),
        (_doubling(60), "x"),
        (_doubling(3000), "x"),
        ({"items": {"$ref": "#"}}, _nested(900)),
        ({"items": {"items": {"enum": list(range(1000))}}}, [[0] * 1000] * 1000),
    ],
)
def test_no_schema_and_value_take_for_ever(schema: Any, value: Any) -> None:
    assert Validator(schema).problems(value)[-1].keyword == "cost"


def test_many_items_are_compared_in_one_pass() -> None:
    schema = {"uniqueItems": True}
    assert problems(schema, [{"a": i} for i in range(20_000)]) == []


keywords = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "object", "array", ["null", "boolean"]]),
        "enum": st.lists(st.sampled_from([1, 1.0, True, "a", None, [1], {"a": 1}]), max_size=3),
        "const": st.sampled_from([1, False, "a", [1, True]]),
        "minimum": st.integers(0, 3),
        "exclusiveMaximum": st.integers(0, 3),
        "multipleOf": st.sampled_from([1, 2]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "pattern": st.sampled_from(["a", "^b$"]),
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 2),
        "required": st.sampled_from([[], ["a"], ["a", "b"]]),
        "dependentRequired": st.sampled_from([{"a": ["b"]}]),
        "minContains": st.integers(0, 2),
        "maxContains": st.integers(0, 2),
    },
)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b"])
    several = st.lists(inner, min_size=1, max_size=2)
    one = dict.fromkeys(
        [
            "items",
            "contains",
            "not",
            "if",
            "then",
            "else",
            "additionalProperties",
            "unevaluatedProperties",
            "unevaluatedItems",
        ],
        inner,
    )
    more = {
        **dict.fromkeys(["allOf", "anyOf", "oneOf", "prefixItems"], several),
        "properties": st.dictionaries(names, inner, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=1),
        "dependentSchemas": st.dictionaries(names, inner, max_size=1),
        "propertyNames": st.sampled_from([{"pattern": "a"}, {"maxLength": 1}]),
        "$ref": st.just("#/$defs/x"),
    }
    return st.builds(lambda flat, deep: {**flat, **deep}, keywords, st.fixed_dictionaries({}, optional={**one, **more}))


schemas = st.recursive(st.booleans() | keywords, combined, max_leaves=6)
values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 2, 2.5, "", "a", "b", "ab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(schemas, keywords, values)
def test_the_verdict_is_that_of_jsonschema(schema: Any, definition: Any, value: Any) -> None:
    root = {"allOf": [schema], "$defs": {"x": definition}}
    reference = Draft202012Validator(root, registry=Registry())
    assert Validator(root).is_valid(value) == reference.is_valid(value)


def test_the_schema_of_inputs_requires_what_has_no_default(spec_of: Callable[[str], Spec]) -> None:
    spec = spec_of(
        "inputs: {topic: {type: string}, rounds: {type: integer, default: 3}, any: true,"
        " tree: {properties: {child: {$ref: '#'}}, additionalProperties: false, default: {}},"
        " page: {$ref: '#/defs/p'}}\n"
        "defs: {p: {type: string}}\nnodes: {a: {set: {}}}\n"
    )
    schema = inputs_schema(spec)
    assert schema["required"] == ["topic", "any", "page"]
    assert with_defaults(schema, {"topic": "x"}) == {"topic": "x", "rounds": 3, "tree": {}}
    validator = Validator(schema, spec.defs)
    good = {"topic": "x", "any": None, "page": "p", "tree": {"child": {"child": {}}}}
    assert validator.problems(good) == []
    bad = {**good, "tree": {"child": {"x": 1}}, "page": 3, "topik": 1}
    assert {item.path for item in validator.problems(bad)} == {"/tree/child/x", "/page", "/topik"}


def test_defaults_are_filled_in_at_every_depth_and_change_nothing_given() -> None:
    schema = {"properties": {"a": {"properties": {"b": {"default": 1}}}, "c": {"default": None}}}
    given_value = {"a": {}}
    assert with_defaults(schema, given_value) == {"a": {"b": 1}, "c": None}
    assert given_value == {"a": {}}
    assert with_defaults(True, 3) == 3
    assert with_defaults(schema, [1]) == [1]
