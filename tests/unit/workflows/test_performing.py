from hypothesis import given
from hypothesis import strategies as st

from translator.planning.plan import RetryPolicy
from workflows.performing import pause_before


def longest(_: float, most: float) -> float:
    return most


def test_the_pause_grows_as_the_policy_says() -> None:
    exponential = RetryPolicy(max=9, initial_seconds=1, cap_seconds=5)
    assert [pause_before(exponential, n, longest) for n in (1, 2, 3, 4)] == [1, 2, 4, 5]
    linear = RetryPolicy(max=9, backoff="linear", initial_seconds=2, cap_seconds=5)
    assert [pause_before(linear, n, longest) for n in (1, 2, 3)] == [2, 4, 5]
    constant = RetryPolicy(max=9, backoff="constant", initial_seconds=2, jitter="none")
    assert [pause_before(constant, n, lambda _a, _b: 0) for n in (1, 5)] == [2, 2]


@given(st.integers(1, 10_000), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_pause_never_exceeds_the_cap(failures: int, initial: float, cap: float) -> None:
    policy = RetryPolicy(max=1, initial_seconds=initial, cap_seconds=cap)
    assert 0 <= pause_before(policy, failures, longest) <= cap
