"""The spec that runs one stage alone."""

import pytest

from spec_service.single_stage import duration, spec_name
from translator.language.durations import seconds


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("market.CollectSources", "stage.market.collect-sources"),
        ("a.b", "stage.a.b"),
        ("law.HTTPFetch2", "stage.law.httpfetch2"),
    ],
)
def test_its_name(stage, name):
    assert spec_name(stage) == name


def test_long_names_stay_different_and_short_enough():
    one, other = (spec_name(f"group.{'x' * 80}{end}") for end in "ab")
    assert one != other
    assert len(one) == len(other) == 63


@pytest.mark.parametrize("given", [0.001, 0.25, 1, 2.5, 90, 999_999, 1_000_000.4, 315_360_000])
def test_durations(given):
    assert seconds(duration(given)) == pytest.approx(given, rel=1e-6)


def test_the_shortest_duration():
    assert duration(1e-9) == "1ms"
