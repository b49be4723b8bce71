"""What providers report, in either generation of names, whatever they send."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.usage import NOTHING, Price, Usage, usage_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "metadata",
    [
        {"input_tokens": 30, "output_tokens": 10, "total_tokens": 40, "input_token_details": {"cache_read": 20}},
        {
            "prompt_tokens": 30,
            "completion_tokens": 10,
            "total_tokens": 40,
            "prompt_tokens_details": {"cached_tokens": 20},
        },
    ],
)
def test_both_generations_of_names_say_the_same(metadata: dict[str, object]) -> None:
    found = usage_of(metadata, price=Price(1000.0, 2000.0, 100.0), model="m")
    assert found == Usage(tokens_in=30, tokens_out=10, cached_tokens=20, cost_usd=0.032, models=("m",))


def test_what_nobody_knows_is_counted_and_not_dropped() -> None:
    found = usage_of({"input_tokens": 1, "output_token_details": {"reasoning": 7}, "searches": 2})
    assert found.unknown == {"output_token_details.reasoning": 7, "searches": 2}
    assert (found + found).unknown == {"output_token_details.reasoning": 14, "searches": 4}


@pytest.mark.parametrize("count", [-5, float("nan"), float("inf"), True, "12", None, [1], {"a": {"b": 1}}])
def test_figures_that_cannot_be_count_nothing(count: object) -> None:
    assert usage_of({"prompt_tokens": count}, price=Price(1.0, 1.0)).tokens == 0


@given(metadata=JSON)
def test_whatever_a_server_sends_is_read(metadata: object) -> None:
    found = usage_of(metadata, price=Price(1.0, 1.0))
    assert found.tokens >= 0
    assert Usage.from_json(json.loads(json.dumps(found.as_json()))) == found
    assert found + NOTHING == found
