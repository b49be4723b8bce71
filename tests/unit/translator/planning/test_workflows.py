"""Called workflows: which stored spec is meant, what it takes and gives, and what is wrong with it."""

import pytest

from translator.language.digest import spec_digest
from translator.planning.plan import Plan
from translator.planning.planning import check_text, plan
from translator.planning.workflows import MOST_LEVELS, FixedWorkflows, StoredSpec

HEAD = "apiVersion: specloom/v1\nkind: Workflow\n"
COUNTS = """
inputs: {text: {type: string, minLength: 2}, least: {type: integer, default: 0}}
outputs: {words: "${ nodes.count.result.words }", note: counted}
nodes:
  count: {tool: text.count@1, with: {text: "${ inputs.text }"}}
"""
CALLS = 'outputs: {{n: "${{ nodes.c.result.words }}"}}\nnodes:\n  c: {{workflow: {}, with: {{text: long enough}}}}\n'


@pytest.fixture
def store(desk):
    """Return what stores specs: `(name, version, body)`, the newest first."""

    def stored(*specs):
        return FixedWorkflows(_stored(desk, len(specs) - number, *one) for number, one in enumerate(specs))

    return stored


def text_of(name, version, body):
    said = f", version: {version}" if version else ""
    return f"{HEAD}metadata: {{name: {name}{said}}}\n{body}"


def _stored(desk, revision, name, version, body):
    spec, document, problems = desk.read(text_of(name, version, body))
    assert spec, problems
    return StoredSpec(name, version, revision, spec, document, spec_digest(document.value))


@pytest.fixture
def planned(desk):
    def made(body, workflows, name="caller"):
        spec, document, problems = desk.read(text_of(name, None, body))
        assert spec, problems
        return plan(spec, document, desk.catalog, desk.engine, workflows)

    return made


@pytest.fixture
def refused(planned):
    def problems(body, workflows, name="caller"):
        found = planned(body, workflows, name)
        assert isinstance(found, list), "it was planned"
        return [(one.name, one.path) for one in found]

    return problems


def chosen(found):
    assert isinstance(found, Plan), found
    return found.step("c").call.version


@pytest.mark.parametrize(
    ("reference", "version"),
    [("count", "1.4.9"), ("count@*", "1.4.9"), ("count@^1", "1.5.0"), ("count@~1.4", "1.4.9"), ("count@2", "2.0.1")],
)
def test_a_range_means_the_highest_version_and_none_the_newest_spec(planned, store, reference, version):
    versions = ["3.0.0-rc.1", "1.4.9", "2.0.1", "1.5.0", "1.4.2"]
    stored = store(*(("count", one, COUNTS) for one in versions))

    assert chosen(planned(CALLS.format(reference), stored)) == version


def test_a_spec_without_a_version_is_known_by_its_revision(planned, refused, store):
    stored = store(("count", None, COUNTS), ("count", "1.0.0", COUNTS))

    assert chosen(planned(CALLS.format("count"), stored)) == "r2"
    assert chosen(planned(CALLS.format("count@^1"), stored)) == "1.0.0"
    assert refused(CALLS.format("count@^2"), stored) == [("unknown-version", "/nodes/c/workflow")]


def test_the_called_plan_is_pinned_and_embedded(planned, store):
    found = planned(CALLS.format("count@^1"), store(("count", "1.0.0", COUNTS)))

    call = found.step("c").call
    assert (call.kind, call.name, call.version) == ("workflow", "count", "1.0.0")
    child = found.workflows[call.source_digest]
    assert (child.digest, child.spec_name, child.workflows) == (call.source_digest, "count", {})
    assert call.parameters == child.inputs
    words, note = {"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"const": "counted"}
    assert call.result["properties"] == {"words": words, "note": note}
    assert found.step("c").result_known == call.result


def test_another_revision_of_what_is_called_is_another_plan(planned, store):
    one = planned(CALLS.format("count"), store(("count", None, COUNTS)))
    two = planned(CALLS.format("count"), store(("count", None, COUNTS.replace("counted", "told"))))
    again = planned(CALLS.format("count"), store(("count", None, COUNTS)))

    assert one.digest != two.digest
    assert one.model_dump_json() == again.model_dump_json()


def test_what_is_not_stored_gets_a_suggestion(planned, refused, store):
    stored = store(("count", None, COUNTS))

    (problem,) = planned(CALLS.format("cuont"), stored)
    assert (problem.name, problem.path, problem.suggestion) == (
        "unknown-workflow",
        "/nodes/c/workflow",
        "did you mean count?",
    )
    assert problem.line
    assert refused(CALLS.format("else"), FixedWorkflows()) == [("unknown-workflow", "/nodes/c/workflow")]


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ("{}", [("missing-parameter", "/nodes/c/with")]),
        ("{text: long, more: 1}", [("unknown-parameter", "/nodes/c/with/more")]),
        ("{text: l}", [("type-mismatch", "/nodes/c/with/text")]),
        ("{text: long, least: some}", [("type-mismatch", "/nodes/c/with/least")]),
        ('{text: "${ 1 + 1 }"}', [("type-mismatch", "/nodes/c/with/text")]),
    ],
)
def test_arguments_are_checked_against_the_inputs(refused, store, given, problems):
    body = f"nodes:\n  c: {{workflow: count, with: {given}}}\n"

    assert refused(body, store(("count", None, COUNTS))) == problems


def test_the_result_is_typed_by_the_outputs(refused, store):
    body = CALLS.format("count") + '  d: {tool: cases.echo@1, needs: [c], with: {text: "${ nodes.c.result.WORD }"}}\n'
    stored = store(("count", None, COUNTS))

    assert refused(body.replace("WORD", "wrods"), stored) == [("unknown-variable", "/nodes/d/with/text")]
    assert refused(body.replace("WORD", "words"), stored) == [("type-mismatch", "/nodes/d/with/text")]


def test_definitions_of_the_called_spec_are_its_own(planned, refused, store):
    body = """
defs: {page: {type: object, required: [url], properties: {url: {type: string}, more: {$ref: "#/defs/page"}}}}
inputs: {page: {$ref: "#/defs/page"}}
outputs: {page: "${ inputs.page }"}
nodes: {n: {set: {}}}
"""
    caller = 'outputs: {{u: "${{ nodes.c.result.page.{} }}"}}\nnodes: {{c: {{workflow: pages, with: {{page: {}}}}}}}\n'
    stored = store(("pages", None, body))

    assert isinstance(planned(caller.format("url", "{url: u}"), stored), Plan)
    assert refused(caller.format("url", "{url: 3}"), stored)[0][0] == "type-mismatch"
    assert refused(caller.format("uri", "{url: u}"), stored)[0][0] == "unknown-variable"


def test_a_mistake_in_what_is_called_is_one_problem_of_the_call(planned, store):
    broken = "nodes:\n  a: {tool: text.cuont@1}\n  b: {tool: text.other@1}\n"

    (problem,) = planned(
        "nodes: {c: {workflow: broken}, d: {workflow: other}}",
        store(("broken", "1.0.0", broken), ("other", None, "nodes: {n: {set: {}}}")),
    )
    assert (problem.name, problem.path) == ("unknown-tool", "/nodes/c/workflow")
    assert problem.message.startswith("broken 1.0.0 cannot be planned: line 5: unknown-tool: ")


def test_circles_are_refused_however_long(refused, store):
    stored = store(
        ("one", None, "nodes: {n: {workflow: two}}"),
        ("two", None, "nodes: {n: {workflow: three}}"),
        ("three", None, "nodes: {n: {workflow: one}}"),
    )
    cycle = [("workflow-cycle", "/nodes/c/workflow")]

    assert refused("nodes: {c: {workflow: one}}", stored) == cycle
    assert refused("nodes: {c: {workflow: two}}", stored, "one") == cycle
    assert refused("nodes: {c: {workflow: caller}}", stored) == cycle


def chain(length):
    calls = [(f"w{n}", None, f"nodes: {{n: {{workflow: w{n + 1}}}}}") for n in range(1, length)]
    return [*calls, (f"w{length}", None, "nodes: {n: {set: {}}}")]


def test_calls_go_so_many_levels_deep_and_no_deeper(planned, refused, store):
    found = planned("nodes: {c: {workflow: w1}}", store(*chain(MOST_LEVELS)))

    assert len(found.workflows) == MOST_LEVELS
    assert all(not one.workflows for one in found.workflows.values())
    deep = store(*chain(MOST_LEVELS + 1))
    assert refused("nodes: {c: {workflow: w1}}", deep) == [("too-deep", "/nodes/c/workflow")]
    assert refused("nodes: {short: {workflow: w3}, long: {workflow: w1}}", deep) == [
        ("too-deep", "/nodes/long/workflow")
    ]


def test_what_two_call_is_planned_once(planned, store):
    wide = [
        (f"w{n}", None, "nodes: {" + ", ".join(f"n{i}: {{workflow: w{n + 1}}}" for i in range(30)) + "}")
        for n in range(1, MOST_LEVELS)
    ]
    found = planned("nodes: {c: {workflow: w1}}", store(*wide, (f"w{MOST_LEVELS}", None, "nodes: {n: {set: {}}}")))

    assert isinstance(found, Plan), found
    assert len(found.workflows) == MOST_LEVELS


def test_results_that_multiply_are_not_written_out(planned, store):
    def doubling(n, inner):
        return (
            f"w{n}",
            None,
            f'outputs: {{a: "${{ nodes.n.result }}", b: "${{ nodes.n.result }}"}}\nnodes: {{n: {inner}}}',
        )

    specs = [doubling(n, f"{{workflow: w{n + 1}}}") for n in range(1, MOST_LEVELS)]
    specs.append(doubling(MOST_LEVELS, "{workflow: count, with: {text: long}}"))
    found = planned("nodes: {c: {workflow: w2}}", store(*specs, ("count", None, COUNTS)))

    assert isinstance(found, Plan), found
    assert len(found.model_dump_json()) < 200_000


def test_the_text_alone_says_nothing_about_what_is_stored(desk):
    spec, document, _ = desk.read(text_of("caller", None, "nodes: {c: {workflow: nowhere@^7, with: {a: 1}}}"))

    assert check_text(spec, document, desk.engine) == []
