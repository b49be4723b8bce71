from typing import Any

import pytest

from translator.planning.plan import Reducer
from translator.reducing import combine, empty


@pytest.mark.parametrize(
    ("reducer", "old", "new", "after"),
    [
        ("replace", 1, 2, 2),
        ("replace", 1, None, None),
        ("append", [1], 2, [1, 2]),
        ("append", [1], [2, 3], [1, 2, 3]),
        ("append", None, 1, [1]),
        ("append", [1], None, [1]),
        ("merge", {"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ("sum", 1, 2, 3),
        ("sum", None, 2, 2),
        ("min", 1, 2, 1),
        ("max", 1, 2, 2),
        ("union", [1, 2], [2, 3, 3], [1, 2, 3]),
        ("union", None, [1, 1], [1]),
        ("messages", [], {"role": "user"}, [{"role": "user"}]),
    ],
)
def test_combine(reducer: Reducer, old: Any, new: Any, after: Any) -> None:
    assert combine(reducer, old, new) == after


@pytest.mark.parametrize(
    ("reducer", "value"), [("replace", None), ("append", []), ("merge", {}), ("sum", 0), ("min", None), ("union", [])]
)
def test_empty(reducer: Reducer, value: Any) -> None:
    assert empty(reducer) == value
    assert combine(reducer, empty(reducer), None) == (value if reducer != "replace" else None)
