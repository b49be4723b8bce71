import pytest

from spec_service.cli.plan_text import plan_lines
from translator.planning.plan import Limits, Plan


def shown(most, limit=None):
    plan = Plan(spec_name="x", spec_digest="d", steps=(), inputs={}, most_steps=most, limits=Limits(steps=limit))
    return [line.strip() for line in plan_lines(plan)]


@pytest.mark.parametrize(("most", "line"), [(1, "at most 1 step in a run"), (12, "at most 12 steps in a run")])
def test_a_plan_tells_how_many_steps_a_run_takes(most, line):
    assert line in shown(most)


def test_what_nobody_knows_is_not_told():
    assert not [line for line in shown(None) if "at most" in line]


def test_the_limit_stands_beside_it():
    assert shown(12, 50)[-2:] == ["at most 12 steps in a run", "at most 50 steps, then abort"]
