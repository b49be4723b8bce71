"""Tests that come with specs run on the real engine: what their mocks and expectations mean."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from translator.language.cel import CelEngine
from translator.language.document import Document
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.plan import Plan
from translator.planning.planning import plan
from workflows.assuming import assumed_catalog
from workflows.hosting.evaluation import Evaluator
from workflows.hosting.pool import HostPool
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryTools
from workflows.ports import ToolCall
from workflows.testing import SpecReport, SpecTestRunner, Workshop

HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: s}\n"


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async def answer(call: ToolCall) -> object:
        return {"asked": dict(call.arguments)}

    pool = HostPool(environ={})
    async with Evaluator() as evaluator:
        yield Workshop(
            tools=MemoryTools({"t.real": answer}),
            stages=LuigiStages(pool),
            groups={},
            evaluator=evaluator,
            catalog=assumed_catalog([]),
            expressions=CelEngine(),
            folder=tmp_path,
        )
    await pool.aclose()


async def run(workshop: Workshop, text: str, wanted: str | None = None) -> SpecReport:
    document = read((HEAD + text).encode(), "yaml")
    assert isinstance(document, Document), document
    spec, problems = check_shape(document)
    assert spec is not None, problems
    made = plan(spec, document, assumed_catalog([document.value]), CelEngine())
    assert isinstance(made, Plan), made
    return await SpecTestRunner(spec, document, made, workshop).run(wanted)


def failures(report: SpecReport) -> list[list[str]]:
    return [[one.what for one in case.failures] for case in report.cases]


LOOP = """
state: {n: {type: integer, default: 0, reduce: sum}}
start: a
nodes:
  a: {tool: t.a, save: {n: 1}, next: [{when: "${ result.again && state.n < 5 }", to: a}, {else: b}]}
  b: {tool: t.b, next: end}
"""


@pytest.mark.anyio
async def test_a_list_of_mocks_stands_for_visits_and_its_last_entry_for_the_rest(workshop):
    report = await run(
        workshop,
        LOOP
        + """
tests:
  - name: twice
    mocks: {a: [{again: true}, {again: false}], b: [[1, 2]]}
    expect: {path: [a, a, b], state.n: 2, nodes.b.result: [1, 2]}
  - name: until the counter stops it
    mocks: {a: {again: true}, b: x}
    expect: {path: [a, a, a, a, a, b], nodes.b.result: x}
""",
    )

    assert report.is_passed
    assert report.unreached is not None
    assert (report.unreached.nodes, report.unreached.branches) == ((), ())


@pytest.mark.anyio
async def test_an_error_is_mocked_and_what_no_test_reaches_is_told(workshop):
    report = await run(
        workshop,
        """
start: a
nodes:
  a:
    tool: t.a
    retry: {max: 2, initial: 1m, cap: 1h, jitter: none}
    catch: [{errors: [rate-limit], to: b}, {errors: [timeout], to: c}]
    next: [{when: "${ result.ok }", to: b}, {else: c}]
  b: {tool: t.b, next: end}
  c: {set: {}, next: end}
tests:
  - name: it is late, though it was tried again without waiting for the minute
    mocks: {a: {$error: timeout}}
    expect: {path: [a, c]}
""",
    )

    assert report.is_passed
    assert report.unreached is not None
    assert report.unreached.nodes == ("b",)
    assert report.unreached.branches == ("a -> b", "a -> c", "a catch rate-limit")


@pytest.mark.anyio
async def test_people_signals_and_times_do_not_hold_a_test_up(workshop):
    report = await run(
        workshop,
        """
start: later
nodes:
  later: {wait: {for: 30d}, next: then}
  then: {wait: {until: "2999-01-01T00:00:00Z"}, next: paid}
  paid: {wait: {signal: paid}, next: ask}
  ask: {human: {title: Go?}, result: {type: object, required: [go], properties: {go: {type: boolean}}}, next: end}
tests:
  - name: all come at once
    mocks: {paid: {cents: 3}, ask: {go: true}}
    expect: {path: [later, then, paid, ask], nodes.paid.result.cents: 3}
  - name: without a mock the run waits
    mocks: {paid: {}}
    expect: {status: waiting}
  - name: an answer that nobody could give
    mocks: {paid: {}, ask: {go: 1}}
    expect: {error: invalid-result, error.node: ask}
""",
    )

    assert failures(report) == [[], [], []]


MAPPED = """
inputs: {list: {type: array, items: {type: string}}}
outputs: {ok: "${ nodes.m.result.ok }", failed: "${ size(nodes.m.result.failed) }"}
start: m
nodes:
  m:
    map: {each: one, in: "${ inputs.list }", tolerate: 1}
    tool: t.a
    with: {text: "${ one }"}
    next: end
"""


@pytest.mark.anyio
async def test_mocks_of_a_map_are_of_its_items_or_its_whole_result(workshop):
    report = await run(
        workshop,
        MAPPED
        + """
tests:
  - name: one for all
    inputs: {list: [x, y]}
    mocks: {m: 7}
    expect: {outputs: {ok: [7, 7], failed: 0}}
  - name: one for each
    inputs: {list: [x, y, z]}
    mocks: {m: [1, {$error: timeout}, 3]}
    expect: {outputs: {ok: [1, 3], failed: 1}, nodes.m.result.failed.0.error.name: timeout}
  - name: the whole
    inputs: {list: []}
    mocks: {m: {ok: [4]}}
    expect: {outputs: {ok: [4], failed: 0}}
  - name: too many
    inputs: {list: [x, y]}
    mocks: {m: {$error: timeout}}
    expect: {error: items-failed}
""",
    )

    assert failures(report) == [[], [], [], []]


@pytest.mark.anyio
async def test_a_block_is_mocked_as_a_whole_and_then_nothing_in_it_runs(workshop):
    report = await run(
        workshop,
        """
outputs: {x: "${ nodes.d.result }"}
start: d
nodes:
  d: {dag: {a: {tool: t.a}, b: {tool: t.b}}, next: end}
tests:
  - {name: whole, mocks: {d: {a: 1, b: 2}}, expect: {path: [d], outputs: {x: {a: 1, b: 2}}}}
""",
    )

    assert failures(report) == [[]]
    assert report.unreached is not None
    assert report.unreached.nodes == ("a", "b")


CALLS = """
start: a
nodes: {a: {tool: t.real, with: {x: 1}, next: end}}
finally: {z: {tool: t.real}}
tests:
  - {name: real, expect: {nodes.a.result: {asked: {x: 1}}}}
"""


@pytest.mark.anyio
async def test_what_has_no_mock_is_called_for_real_and_told(workshop):
    report = await run(workshop, CALLS)

    assert failures(report) == [[]]
    assert report.cases[0].called == ("a", "z")


@pytest.mark.anyio
async def test_where_nothing_may_be_called_a_node_without_a_mock_fails_the_test(workshop):
    report = await run(replace(workshop, may_call=False), CALLS)

    assert failures(report) == [["a has no mock", "nodes.a.result", "status"]]
    assert report.cases[0].called == ()


@pytest.mark.anyio
async def test_mistakes_in_a_test_are_told_at_their_places_before_it_runs(workshop):
    report = await run(
        workshop,
        """
inputs: {n: {type: integer}}
start: a
nodes: {a: {tool: t.a, next: end}}
tests:
  - name: typos
    inputs: {n: x}
    mocks: {aa: 1}
    expect: {paths: [a], nodes.b.status: pending, state.s: 1, outputs.o: 2}
""",
    )

    found = [(one.what.split(";")[0], one.position.line) for one in report.cases[0].failures]
    assert found == [
        ("there is no node aa to be mocked", 11),
        ('a test cannot expect "paths"', 12),
        ("there is no node b", 12),
        ("there is no channel s", 12),
        ("there is no output o", 12),
        ("an input does not fit: expected integer, found string", 10),
    ]
    assert report.unreached is None


@pytest.mark.anyio
async def test_only_the_tests_that_are_wanted_run(workshop):
    report = await run(
        workshop,
        """
start: a
nodes: {a: {tool: t.a, next: end}, }
tests:
  - {name: the first, mocks: {a: 1}}
  - {name: the second, mocks: {a: 1}, expect: {nodes.a.result: 2}}
""",
        "first",
    )

    assert [case.name for case in report.cases] == ["the first"]
    assert report.is_passed
    assert report.unreached is None
