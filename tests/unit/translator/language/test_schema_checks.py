"""JSON Schemas in a spec: refused are those that are none, reach outside, never end, or cannot be matched in time."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from translator.language.document import Document
from translator.language.problems import Problem
from translator.language.schema_checks import check_schema
from translator.language.schema_keywords import KEYWORDS, TYPES, UNSUPPORTED

Problems = Callable[[str], list[Problem]]
NODES = "nodes: {a: {tool: x.y, result: %s}}\n"


def found(schema: Any, defs: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    problems = check_schema(schema, Document.from_value({"s": schema, "defs": defs or {}}), "/s", defs or {})
    return [(problem.name, problem.path) for problem in problems]


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": ["string", "null"], "minLength": 1.0},
        {"$ref": "#/defs/page"},
        {"$ref": "#/defs/page/properties/url"},
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}},
        {"$ref": "#here", "$defs": {"x": {"$anchor": "here"}}},
        {"$ref": "#/%24defs/x", "$defs": {"x": {}}},
        {"properties": {"child": {"$ref": "#"}}},
        {"items": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        {"$id": "http://example.com/x", "$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"properties": {"$ref": {"type": "string"}}, "const": {"$ref": "http://x"}, "default": {"pattern": "("}},
        {"x-note": 1, "example": 2, "nullable": True, "colour": "red"},
        {"pattern": "^(a+)+$", "patternProperties": {"^x": False}},
    ],
)
def test_schemas_are_taken(schema: Any) -> None:
    assert found(schema, {"page": {"properties": {"url": {"type": "string"}}}}) == []


@pytest.mark.parametrize(
    ("schema", "name", "path"),
    [
        ("text", "bad-schema", "/s"),
        ({"type": "text"}, "bad-schema", "/s/type"),
        ({"type": []}, "bad-schema", "/s/type"),
        ({"type": ["string", "string"]}, "bad-schema", "/s/type"),
        ({"minLength": -1}, "bad-schema", "/s/minLength"),
        ({"minLength": True}, "bad-schema", "/s/minLength"),
        ({"multipleOf": 0}, "bad-schema", "/s/multipleOf"),
        ({"required": "a"}, "bad-schema", "/s/required"),
        ({"required": ["a", "a"]}, "bad-schema", "/s/required"),
        ({"properties": []}, "bad-schema", "/s/properties"),
        ({"properties": {"a": 3}}, "bad-schema", "/s/properties/a"),
        ({"allOf": []}, "bad-schema", "/s/allOf"),
        ({"items": [{}]}, "bad-schema", "/s/items"),
        ({"enum": "a"}, "bad-schema", "/s/enum"),
        ({"$dynamicRef": "#x"}, "bad-schema", "/s/$dynamicRef"),
        ({"$ref": 3}, "bad-schema", "/s/$ref"),
        ({"pattern": 3}, "bad-schema", "/s/pattern"),
        ({"minlength": 3}, "unknown-field", "/s/minlength"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "schema-remote-ref", "/s/$ref"),
        ({"items": {"$ref": "other.json#/x"}}, "schema-remote-ref", "/s/items/$ref"),
        ({"$ref": ""}, "schema-remote-ref", "/s/$ref"),
        ({"$ref": "#/defs/nope"}, "schema-unknown-ref", "/s/$ref"),
        ({"$ref": "#/$defs/nope"}, "schema-unknown-ref", "/s/$ref"),
        ({"$ref": "#nope"}, "schema-unknown-ref", "/s/$ref"),
        ({"$ref": "#/type", "type": "string"}, "schema-unknown-ref", "/s/$ref"),
        ({"$ref": "#"}, "schema-recursive", "/s/$ref"),
        ({"allOf": [{"$ref": "#"}]}, "schema-recursive", "/s/allOf/0/$ref"),
        ({"not": {"$ref": "#/defs/loop"}}, None, None),
        ({"pattern": "(?=a)b"}, "schema-pattern", "/s/pattern"),
        ({"pattern": "(a)\\1"}, "schema-pattern", "/s/pattern"),
        ({"pattern": "("}, "schema-pattern", "/s/pattern"),
        ({"pattern": "a" * 5000}, "schema-pattern", "/s/pattern"),
        ({"patternProperties": {"(": {}}}, "schema-pattern", "/s/patternProperties/("),
    ],
)  # fmt: skip
def test_schemas_are_refused(schema: Any, name: str | None, path: str | None) -> None:
    expected = [] if name is None else [(name, path)]
    assert found(schema, {"loop": {"$ref": "#/defs/loop"}}) == expected


def test_circles_within_a_schema_are_reported_once() -> None:
    pair = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    assert found(pair) == [("schema-recursive", "/s/$defs/b/$ref")]
    entered_below = {"$ref": "#/$defs/a/allOf/0", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}
    assert found(entered_below) == [("schema-recursive", "/s/$defs/a/allOf/0/$ref")]


def test_circles_through_definitions_are_reported_where_they_stand(body_problems: Problems) -> None:
    problems = body_problems("defs: {a: {$ref: '#/defs/b'}, b: {$ref: '#/defs/a'}}\n" + NODES % "{$ref: '#/defs/a'}")
    assert [(problem.name, problem.path) for problem in problems] == [("schema-recursive", "/defs/b/$ref")]


def test_all_places_of_a_spec_are_looked_at(body_problems: Problems) -> None:
    bad = "{type: text}"
    problems = body_problems(
        f"inputs: {{i: {bad}}}\nstate: {{s: {bad}}}\ndefs: {{d: {bad}}}\n"
        f"nodes: {{a: {{tool: x.y, result: {bad}}}, b: {{dag: {{c: {{tool: x.y, result: {bad}}}}}}},"
        f" d: {{flow: {{start: e, nodes: {{e: {{tool: x.y, result: {bad}, next: end}}}}}}}}}}\n"
        f"finally: {{z: {{tool: x.y, result: {bad}}}}}\n"
    )
    assert [problem.path for problem in problems] == [
        "/inputs/i/type",
        "/state/s/type",
        "/defs/d/type",
        "/nodes/a/result/type",
        "/nodes/b/dag/c/result/type",
        "/nodes/d/flow/nodes/e/result/type",
        "/finally/z/result/type",
    ]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("inputs: {x: {type: integer, default: text}}\n", "/inputs/x/default"),
        ("inputs: {x: {type: array, items: {type: integer}, default: [1, a]}}\n", "/inputs/x/default/1"),
        ("state: {x: {type: number, default: [], reduce: sum}}\n", "/state/x/default"),
        ("inputs: {x: {$ref: '#/defs/d', default: 1}}\ndefs: {d: {type: string}}\n", "/inputs/x/default"),
    ],
)
def test_defaults_must_fit_their_schema(body_problems: Problems, body: str, path: str) -> None:
    problems = body_problems(body + NODES % "{}")
    assert [(problem.name, problem.path) for problem in problems] == [("bad-default", path)]


def test_a_channel_may_be_unset(body_problems: Problems) -> None:
    assert body_problems("state: {x: {type: string, default: null}}\n" + NODES % "{}") == []


keyword_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["string", "a", *TYPES, 1.5, 2.0]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(sorted(KEYWORDS - {"$ref", "pattern", "patternProperties", "$id", "$schema", "$anchor"})),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(keyword_values)
def test_a_schema_is_one_exactly_when_the_metaschema_says_so(schema: Any) -> None:
    is_one = Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema)
    assert (found(schema) == []) == is_one


def test_keywords_cover_the_metaschema() -> None:
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415

    vocabularies = Draft202012Validator.META_SCHEMA["allOf"]
    base = "https://json-schema.org/draft/2020-12/"
    known = {key for part in vocabularies for key in REGISTRY.contents(base + part["$ref"])["properties"]}
    assert known <= KEYWORDS | UNSUPPORTED
