"""What the CEL engine accepts, refuses and gives back, seen through the port alone."""

from typing import Any

import pytest

from translator.language.cel import CelEngine, CelExpression
from translator.language.expressions import EngineFault, ExpressionFailed, ExpressionTooCostly, evaluate_spread

NULLABLE_NUMBER = {"type": ["number", "null"]}


def program(text: str, **variables: dict[str, Any]) -> CelExpression:
    made = CelEngine().compile(text, variables)
    assert isinstance(made, CelExpression), made
    return made


def fault(text: str, **variables: dict[str, Any]) -> EngineFault:
    made = CelEngine().compile(text, variables)
    assert isinstance(made, EngineFault), made
    return made


RESULTS = [
    ("a + 1", {"type": "integer"}, 4, {"type": "integer"}),
    ("a + 1.0", {"type": "number"}, 4.0, {"type": "number"}),
    ("a == null", {"type": ["integer", "null"]}, False, {"type": "boolean"}),
    ("a", {"type": ["integer", "null"]}, 3, {"type": "integer"}),
    ("a", {}, 3, {}),
    ("[a]", {"type": "integer"}, [3], {"type": "array", "items": {"type": "integer"}}),
    ("{'k': a}", {"type": "integer"}, {"k": 3}, {"type": "object"}),
    ("string(a)", {"enum": [1, 3]}, "3", {"type": "string"}),
    ("null", {"type": "integer"}, None, {"type": "null"}),
]


@pytest.mark.parametrize(("text", "schema", "value", "type_of_result"), RESULTS)
def test_results_and_their_types(text: str, schema: dict[str, Any], value: Any, type_of_result: dict[str, Any]) -> None:
    made = program(text, a=schema)
    result = made.evaluate({"a": 3})
    assert result == value
    assert type(result) is type(value)
    assert made.schema == type_of_result


def test_a_nullable_number_is_checked_as_a_number_and_may_be_null() -> None:
    made = program("a == null ? 0.5 : a * 2.0", a=NULLABLE_NUMBER)
    assert made.evaluate({"a": None}) == 0.5
    assert made.evaluate({"a": 2.0}) == 4.0
    assert fault("a + 'x'", a=NULLABLE_NUMBER).name == "no-such-operation"


def test_a_whole_number_is_taken_where_a_fraction_is_declared() -> None:
    assert program("a > 0.5", a={"type": "number"}).evaluate({"a": 1}) is True
    assert program("a[0] + 0.5", a={"type": "array", "items": {"type": "number"}}).evaluate({"a": [1]}) == 1.5


FAULTS = [
    ("a >= 0.5", "no-such-operation", 2),
    ("a +", "expression-syntax", 3),
    ("a + b", "unknown-variable", 4),
    ("a + f(1)", "unknown-function", 4),
    ("'é😀' + \n  f(1)", "unknown-function", 10),
    ("a.b", "no-such-operation", 1),
    ("for", "expression-syntax", 0),
    ("'\\ud800'", "expression-syntax", 0),
    ("'\ud800'", "expression-syntax", 0),
    ("[" * 100 + "]" * 100, "expression-too-large", 0),
]


@pytest.mark.parametrize(("text", "name", "offset"), FAULTS)
def test_faults_have_names_and_places(text: str, name: str, offset: int) -> None:
    made = fault(text, a={"type": "integer"})
    assert (made.name, made.offset) == (name, offset)


def test_the_way_out_of_mixed_numbers_is_told() -> None:
    assert "double(" in (fault("a == 1.0", a={"type": "integer"}).suggestion or "")


@pytest.mark.parametrize("value", ["text", 2**70, float("nan"), b"x", object(), "\ud800", {1: object()}, None])
def test_a_value_of_another_type_fails_and_is_not_told(value: Any) -> None:
    with pytest.raises(ExpressionFailed) as failure:
        program("a + 1", a={"type": "integer"}).evaluate({"a": value})
    assert repr(value) not in failure.value.message


def test_an_unbound_variable_matters_only_where_it_is_used() -> None:
    made = program("a > 1 && b > 1", a={"type": "integer"}, b={"type": "integer"})
    assert made.evaluate({"a": 0}) is False
    with pytest.raises(ExpressionFailed):
        made.evaluate({"a": 2})


def test_an_exhausted_budget_raises() -> None:
    made = program("a.all(x, a.all(y, x + y >= 0))", a={"type": "array", "items": {"type": "integer"}})
    with pytest.raises(ExpressionTooCostly):
        made.evaluate({"a": list(range(1000))})


def test_equal_texts_over_equal_types_are_compiled_once() -> None:
    engine = CelEngine()
    first = engine.compile("a > 1", {"a": {"type": "integer", "minimum": 3}})
    assert engine.compile("a > 1", {"a": {"type": "integer", "title": "other"}}) is first
    assert engine.compile("a > 1", {"a": {}}) is not first


def test_pieces_of_a_list_add_up_to_the_whole() -> None:
    made = program("a.filter(x, x % 3 == 0).map(x, x + 1)", a={"type": "array", "items": {"type": "integer"}})
    for length in (0, 1, 63, 64, 65, 300):
        values = {"a": list(range(length))}
        assert evaluate_spread(made, values, "a") == made.evaluate(values)
    assert evaluate_spread(program("a.map(k, k)", a={"type": "object"}), {"a": {"k": 1}}, "a") == ["k"]
