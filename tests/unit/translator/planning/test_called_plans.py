"""What is checked and counted in workflows that are called."""

import pytest

from translator.language.digest import spec_digest
from translator.planning.planning import plan
from translator.planning.workflows import FixedWorkflows, StoredSpec

HEAD = "apiVersion: specloom/v1\nkind: Workflow\n"
ASKS = "nodes:\n  q: {human: {title: x}}\n  r: {emit: {event: hi}}\n"
PASSES_ON = "nodes:\n  c: {workflow: asks}\n"
EMITS = "nodes:\n  e: {emit: {event: hi}}\n  f: {emit: {event: ho}}\n"


@pytest.fixture
def called(desk):
    def planned(body):
        stored = [
            StoredSpec(name, None, 1, *read(name, said)[:2], spec_digest(read(name, said)[1].value))
            for name, said in (("asks", ASKS), ("passes-on", PASSES_ON), ("emits", EMITS))
        ]
        spec, document, problems = read("caller", body)
        assert spec, problems
        return plan(spec, document, desk.catalog, desk.engine, FixedWorkflows(stored))

    def read(name, body):
        return desk.read(f"{HEAD}metadata: {{name: {name}}}\n{body}")

    return planned


@pytest.mark.parametrize("name", ["asks", "passes-on"])
def test_a_workflow_that_waits_cannot_stand_at_the_end(called, name):
    [problem] = called(f"nodes:\n  a: {{set: {{}}}}\nfinally:\n  f: {{workflow: {name}}}\n")
    assert (problem.name, problem.path) == ("wait-in-finally", "/finally/f/workflow")


def test_another_workflow_may_and_its_steps_are_counted(called):
    assert called("nodes:\n  a: {set: {}}\nfinally:\n  f: {workflow: emits}\n").most_steps == 4


def test_steps_of_each_item_are_counted_beyond_the_limit_of_the_caller(called):
    body = "limits: {steps: 1}\nnodes:\n  m: {map: {each: i, in: [1, 2]}, workflow: emits}\n"
    assert called(body).most_steps == 5
