"""The shape of a spec: every mistake of it, at its place, all at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.language.document import Document
from translator.language.model import VERBS, Spec
from translator.language.problems import Problem
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.language.shapes import keys_of

Problems = Callable[[str], list[Problem]]
A = "start: a\nnodes:\n  a:\n    tool: x.y@1\n    next: end\n"
"""A body without mistakes; what is added to its node begins on line 9."""

EXAMPLE = Path(__file__).with_name("market_report.yaml").read_bytes()


def found(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.name, problem.path) for problem in problems]


def test_a_spec_that_uses_the_whole_language_has_no_problems() -> None:
    document = read(EXAMPLE, "yaml")
    assert isinstance(document, Document)
    spec, problems = check_shape(document)
    assert problems == []
    assert spec is not None
    assert spec.nodes["study"].verb == "dag"
    assert spec.tests[0].expect["state.round"] == 2


@pytest.mark.parametrize("value", ["text", "[1]", "3", "null", "true"])
def test_a_document_that_is_no_mapping_is_no_spec(problems_of: Problems, value: str) -> None:
    assert found(problems_of(value))[0] in {("wrong-type", ""), ("empty-document", "")}


@pytest.mark.parametrize(
    ("body", "name", "path", "place"),
    [
        ("nodes: {}", "out-of-range", "/nodes", (4, 8)),
        ("nodes:", "wrong-type", "/nodes", (4, 7)),
        ("nodes: {a: text}", "wrong-type", "/nodes/a", (4, 12)),
        ("nodes: {a: {tool: x.y}}\nstate: [x]", "wrong-type", "/state", (5, 8)),
        ("nodes: {a: {tool: x.y, next: end}}", "missing-field", "", (1, 1)),
        ("start: a\nnodes: {a: {tool: x.y}}", "missing-field", "/nodes/a", (5, 9)),
        (A + "limits: {steps: 1.5}", "wrong-type", "/limits/steps", (9, 17)),
        (A + "limits: {cost_usd: 0}", "out-of-range", "/limits/cost_usd", (9, 20)),
        (A + "limits: {on_exceed: stop}", "unknown-value", "/limits/on_exceed", (9, 21)),
        (A + "inputs: {a b: {}}", "bad-name", "/inputs/a b", (9, 10)),
        (A + "secrets: [a-b]", "bad-name", "/secrets/0", (9, 11)),
        (A + "defaults: {timeout: 30}", "wrong-type", "/defaults/timeout", (9, 21)),
        (A + "defaults: {timeout: 0s}", "out-of-range", "/defaults/timeout", (9, 21)),
        (A + "defaults: {timeout: 99999999d}", "out-of-range", "/defaults/timeout", (9, 21)),
        (A + "defaults: {retry: {max: -1}}", "out-of-range", "/defaults/retry/max", (9, 25)),
        (A + "defaults: {retry: {errors: [Time Out]}}", "bad-name", "/defaults/retry/errors/0", (9, 29)),
        (A + "state: {x: {type: string, reduse: append}}", "unknown-field", "/state/x/reduse", (9, 27)),
        (A + "tests: [{inputs: {}}]", "missing-field", "/tests/0", (9, 9)),
        (A + "finally: {a: {tool: x.y}}", "bad-name", "/finally/a", (9, 11)),
        (A + "    timeout: 5", "wrong-type", "/nodes/a/timeout", (9, 14)),
        (A + "    read: csv", "unknown-value", "/nodes/a/read", (9, 11)),
        (A + "    read: json", "unknown-field", "/nodes/a/read", (9, 5)),
        (A + "    join: any", "unknown-field", "/nodes/a/join", (9, 5)),
        (A + "    when: 3", "wrong-type", "/nodes/a/when", (9, 11)),
        (A + "    catch: [{to: end}]", "missing-field", "/nodes/a/catch/0", (9, 13)),
        (A + "    catch: {errors: [timeout], to: end}", "wrong-type", "/nodes/a/catch", (9, 12)),
        (A + "    map: {each: result, in: x}", "bad-name", "/nodes/a/map/each", (9, 17)),
        (A + "    map: {each: x}", "missing-field", "/nodes/a/map", (9, 5)),
        (A + "    map: {each: x, in: y, tolerate: 120%}", "out-of-range", "/nodes/a/map/tolerate", (9, 37)),
        (A + "    map: {each: x, in: y, tolerate: -1}", "out-of-range", "/nodes/a/map/tolerate", (9, 37)),
        (A + "    map: {each: x, in: y, tolerate: some}", "unknown-value", "/nodes/a/map/tolerate", (9, 37)),
        (A + "    cache: {ttl: soon}", "bad-duration", "/nodes/a/cache/ttl", (9, 18)),
        (A + "    compensate: {with: {}}", "missing-field", "/nodes/a/compensate", (9, 5)),
        (A + "    description: [x]", "wrong-type", "/nodes/a/description", (9, 18)),
        ("nodes: {a: {tool: x.y@latest}}", "bad-name", "/nodes/a/tool", (4, 19)),
        ("nodes: {a: {workflow: A}}", "bad-name", "/nodes/a/workflow", (4, 23)),
        ("nodes: {a: {human: {show: {}}}}", "missing-field", "/nodes/a/human", (4, 13)),
        ("nodes: {a: {agent: {model: ''}}}", "out-of-range", "/nodes/a/agent/model", (4, 28)),
        ("nodes: {a: {decide: {among: [], tool: x.y}}}", "out-of-range", "/nodes/a/decide/among", (4, 29)),
        ("nodes: {a: {decide: {among: [b]}}}", "missing-field", "/nodes/a/decide", (4, 13)),
        ("nodes: {a: {wait: {}}}", "missing-field", "/nodes/a/wait", (4, 13)),
        ("nodes: {a: {wait: {for: 5m, until: x}}}", "unknown-field", "/nodes/a/wait/until", (4, 29)),
        ("nodes: {a: {wait: {for: 5m, every: 1m}}}", "unknown-field", "/nodes/a/wait/every", (4, 29)),
        ("nodes: {a: {wait: {poll: {tool: x.y}}}}", "missing-field", "/nodes/a/wait", (4, 13)),
        ("nodes: {a: {fail: {error: Boom}}}", "bad-name", "/nodes/a/fail/error", (4, 27)),
        ("nodes: {a: {dag: {}}}", "out-of-range", "/nodes/a/dag", (4, 18)),
        ("nodes: {a: {flow: {nodes: {b: {set: {}, next: end}}}}}", "missing-field", "/nodes/a/flow", (4, 13)),
        ("nodes: {a: {flow: {start: b, nodes: {b: {set: {}}}}}}", "missing-field", "/nodes/a/flow/nodes/b", (4, 38)),
        ("nodes: {a: {dag: {b: {tool: x.y}}}, b: {tool: x.y}}", "bad-name", "/nodes/a/dag/b", (4, 19)),
        ("nodes: {a: {toll: x.y, with: {}}}", "unknown-verb", "/nodes/a/toll", (4, 13)),
        ("nodes: {a: {dag: {b: {}}}}", "no-verb", "/nodes/a/dag/b", (4, 19)),
        ("nodes: {a: {join: {count: 0}, dag: {b: {set: {}}}}}", "out-of-range", "/nodes/a/join/count", (4, 27)),
    ],
)  # fmt: skip
def test_a_mistake_is_shown_at_its_place(
    body_problems: Problems, body: str, name: str, path: str, place: tuple[int, int]
) -> None:
    problems = [problem for problem in body_problems(body) if problem.name == name]
    assert (path, place) in [(problem.path, (problem.line, problem.column)) for problem in problems]


@pytest.mark.parametrize(
    ("transition", "name", "path"),
    [
        ("[]", "missing-else", "/nodes/a/next"),
        ("[{when: x, to: a}]", "missing-else", "/nodes/a/next"),
        ("[{else: end}, {when: x, to: a}]", "missing-else", "/nodes/a/next"),
        ("[{else: end}, {else: end}]", "unknown-field", "/nodes/a/next/0/else"),
        ("[{else: end, to: a}]", "unknown-field", "/nodes/a/next/0/to"),
        ("[{to: a}, {else: end}]", "missing-field", "/nodes/a/next/0"),
        ("[{wenn: x, to: a}, {else: end}]", "unknown-field", "/nodes/a/next/0/wenn"),
        ("[a, {else: end}]", "wrong-type", "/nodes/a/next/0"),
        ("{switch: x}", "missing-field", "/nodes/a/next"),
        ("{switch: x, cases: {}}", "out-of-range", "/nodes/a/next/cases"),
        ("{switch: x, cases: {a: [b]}}", "wrong-type", "/nodes/a/next/cases/a"),
        ("7", "wrong-type", "/nodes/a/next"),
        ("a b", "bad-name", "/nodes/a/next"),
    ],
)
def test_transitions_are_checked(body_problems: Problems, transition: str, name: str, path: str) -> None:
    body = f"start: a\nnodes: {{a: {{tool: x.y, next: {transition}}}}}"
    assert (name, path) in found(body_problems(body))


def test_all_mistakes_come_at_once_in_the_order_of_the_text(problems_of: Problems) -> None:
    problems = problems_of(
        "kind: Workflow\nmetadata: {nmae: x}\ncolour: 1\nnodes:\n  a: {}\n  b: {tool: x, luigi: y}\n"
    )
    assert found(problems) == [
        ("missing-field", ""),
        ("missing-field", "/metadata"),
        ("unknown-field", "/metadata/nmae"),
        ("unknown-field", "/colour"),
        ("no-verb", "/nodes/a"),
        ("bad-name", "/nodes/b/tool"),
        ("several-verbs", "/nodes/b/luigi"),
        ("bad-name", "/nodes/b/luigi"),
    ]


def test_the_version_of_the_language_is_checked(problems_of: Problems) -> None:
    problems = problems_of("apiVersion: specloom/v2\nkind: Workflow\nmetadata: {name: a}\nnodes: {a: {set: {}}}\n")
    assert found(problems) == [("unsupported-version", "/apiVersion")]
    assert "specloom/v1" in str(problems[0].suggestion)


@pytest.mark.parametrize(
    ("body", "suggestion"),
    [
        ("nodess: {}", "nodes"),
        (A + "    retri: {}", "retry"),
        ("nodes: {a: {toll: x.y}}", "tool"),
        ("nodes: {a: {xyzzy: 1}}", "luigi"),
        (A + "state: {x: {reduce: apend}}", "append"),
        (A + "limits: {on_exceed: x}", "pause"),
        (A + "    timeout: 5", "30s"),
        ("nodes: [a]", "mapping"),
        (A + "secrets: a", "list"),
    ],
)
def test_suggestions_say_what_was_meant(body_problems: Problems, body: str, suggestion: str) -> None:
    assert any(suggestion in str(problem.suggestion) for problem in body_problems(body))


SECRET = "sk-live-0123456789"  # noqa: S105 - looks like one, and opens nothing


def _places(value: Any) -> int:
    return 1 + sum(
        map(_places, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    )


def _replaced(value: Any, place: int, by: Any) -> tuple[Any, int]:
    """Put `by` at the place with this number, counted depth first; return the rest of the count."""
    if place == 0:
        return by, -1
    place -= 1
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for key, item in value.items():
            made[key], place = _replaced(item, place, by) if place >= 0 else (item, place)
        return made, place
    if isinstance(value, list):
        items: list[Any] = []
        for item in value:
            new, place = _replaced(item, place, by) if place >= 0 else (item, place)
            items.append(new)
        return items, place
    return value, place


@settings(max_examples=400)
@given(
    st.integers(0, 10_000),
    st.sampled_from(
        [None, True, -1, 3.5, SECRET, [SECRET], {SECRET: SECRET}, {"$ref": SECRET}, {"default": SECRET}, [[]]]
    ),
)
def test_whatever_stands_anywhere_is_answered_and_no_value_is_repeated(place: int, by: Any) -> None:
    document = read(EXAMPLE, "yaml")
    assert isinstance(document, Document)
    value, _ = _replaced(document.value, place % _places(document.value), by)
    spec, problems = check_shape(Document.from_value(value))
    assert (spec is None) == bool(problems)
    for problem in problems:
        assert problem.code
        assert SECRET not in f"{problem.message}{problem.suggestion}"


@settings(max_examples=200)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-5, 5)
        | st.sampled_from([*VERBS, *keys_of(Spec), "a", "1s", "${ x }", ""]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*VERBS, *keys_of(Spec), "a", "type", "$ref", "properties"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_any_value_is_a_spec_or_has_problems(value: Any) -> None:
    spec, problems = check_shape(Document.from_value(value))
    assert (spec is None) == bool(problems)


def test_hopeless_documents_get_fifty_problems(body_problems: Problems) -> None:
    assert len(body_problems("".join(f"nod{i}: 1\n" for i in range(5000)))) == 50
