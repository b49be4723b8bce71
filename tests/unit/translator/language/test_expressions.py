"""What authors may write in strings, what they are told when it is wrong, and what comes out."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.language.cel import CelEngine
from translator.language.expressions import ExpressionError, ExpressionFailed, ExpressionTooCostly, Scope
from translator.language.lexing import MAX_EXPRESSION
from translator.language.templates import Template, compile_template, compile_value

TEXT, WHOLE, NUMBER, YES = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}


def record(_required: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields) if _required is None else _required}


def listing(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


PAGE = record(url=TEXT, title=TEXT, score=NUMBER)
SCOPE = Scope(
    {
        "inputs": record(topic=TEXT, count=WHOLE, rounds=WHOLE, ratio=NUMBER, flag=YES, list=listing(WHOLE)),
        "state": record(
            draft={"type": ["string", "null"]},
            best={"anyOf": [NUMBER, {"type": "null"}]},
            score=NUMBER,
            round=WHOLE,
            blob={"type": "object"},
            pages=listing(PAGE),
            a_thing=record(**{"a-b": WHOLE}),
        ),
        "nodes": record(
            collect=record(
                result=record(["data"], data=record(urls=listing(TEXT), pages=listing(PAGE)), note=TEXT, total=WHOLE),
                status=TEXT,
            ),
            skipped=record(result={"type": ["object", "null"]}, status=TEXT),
        ),
        "result": record(["verdict"], verdict={"enum": ["approve", "reject"]}, comment=TEXT),
        "url": TEXT,
    },
    frozenset({"SEARCH_KEY"}),
)
VALUES: dict[str, Any] = {
    "inputs": {"topic": "tin", "count": 3, "rounds": 2, "ratio": 1, "flag": True, "list": [1, 2, 3]},
    "state": {
        "draft": None,
        "best": 2,
        "score": 1,
        "round": 1,
        "blob": {"a": {"b": 1}, "x-y": 5, "nothing": None},
        "pages": [{"url": "u", "title": "T", "score": 1}, {"url": "v", "title": "", "score": 0.25}],
        "a_thing": {"a-b": 7},
    },
    "nodes": {
        "collect": {"result": {"data": {"urls": ["x", "y"], "pages": []}}, "status": "succeeded"},
        "skipped": {"result": None, "status": "skipped"},
    },
    "result": {"verdict": "approve"},
    "url": "http://h",
}


def compiled(text: str, scope: Scope = SCOPE) -> Template:
    made = compile_template(text, scope, CelEngine())
    assert isinstance(made, Template), made
    return made


def evaluated(text: str) -> Any:
    return compiled(text).evaluate(VALUES)


REFUSED = [
    # text, name, what stands at the offset, what the suggestion holds
    ("${ inputs.topik }", "unknown-variable", "topik", "`inputs.topic`"),
    ("${ inputs.topic + inputs.topik }", "unknown-variable", "topik", "`inputs.topic`"),
    ("${ topic }", "unknown-variable", "topic", "`inputs.topic`"),
    ("${ input.topic }", "unknown-variable", "input.", "`inputs`"),
    ("${ nodes.colect.result }", "unknown-variable", "colect", "`nodes.collect`"),
    ("${ nodes.collect.reslt }", "unknown-variable", "reslt", "`nodes.collect.result`"),
    ("${ nodes.collect.result.data.urlz }", "unknown-variable", "urlz", "`nodes.collect.result.data.urls`"),
    ("${ has(nodes.collect.result.nota) }", "unknown-variable", "nota", "`nodes.collect.result.note`"),
    ("${ state.pages[0].titel }", "unknown-variable", "titel", "title`"),
    ("${ state.pages.map(p, p.scor) }", "unknown-variable", "scor", "`p.score`"),
    ("${ inputs.list.map(i, j) }", "unknown-variable", "j)", None),
    ("${ inputs.count >= 0.5 }", "no-such-operation", ">=", "double("),
    ("${ state.score >= 1 }", "no-such-operation", ">=", "1.0"),
    ("${ state.best > 1 }", "no-such-operation", ">", "double("),
    ("${ inputs.topic + 1 }", "no-such-operation", "+", "string("),
    ("${ inputs.topic.size }", "no-such-operation", ".size", None),
    ("${ inputs.topic == null }", "no-such-operation", "==", "dyn("),
    ("${ inputs.flag ? 1 : 'a' }", "no-such-operation", "?", "dyn("),
    ("${ inputs.list.map(i, i + url) }", "no-such-operation", "+ url", None),
    ("${ secrets.SEARCH_KEY }", "secret-in-expression", "secrets", "auth"),
    ("${ 'x' + SEARCH_KEY }", "secret-in-expression", "SEARCH_KEY", "auth"),
    ("${ foo(1) }", "unknown-function", "foo", None),
    ("${ siz(inputs.list) }", "unknown-function", "siz", "`size(…)`"),
    ("${ inputs.topic.starsWith('t') }", "unknown-function", "starsWith", "`startsWith(…)`"),
    ("${ inputs.topic + }", "expression-syntax", "}", None),
    ("${ 9**9**9**9 }", "expression-syntax", "*9", None),
    ("${ ().__class__.__mro__ }", "expression-syntax", ")", None),
    ("${ }", "expression-syntax", " }", None),
    ("${ inputs.topic", "expression-syntax", "${", "}"),
    ('${ inputs.topic"}', "expression-syntax", "${", "}"),
    ("ab ${ url } cd ${ 'é' + url", "expression-syntax", "${ 'é'", "}"),
    ("${ inputs.list.map(__slot0, 1) }", "expression-syntax", "__slot0", None),
    ("${ 'é😀' + \n inputs.topik }", "unknown-variable", "topik", "`inputs.topic`"),
    ("${ 'é😀' + \n url + foo() }", "unknown-function", "foo", None),
    ("a ${ url } b ${ nope.at.all } c", "unknown-variable", "nope", None),
]


@pytest.mark.parametrize(("text", "name", "at", "suggestion"), REFUSED)
def test_mistakes_are_named_and_pointed_at(text: str, name: str, at: str, suggestion: str | None) -> None:
    problems = compile_template(text, SCOPE, CelEngine())
    assert isinstance(problems, list)
    assert [problem.name for problem in problems] == [name]
    assert text[problems[0].offset :].startswith(at)
    if suggestion is not None:
        assert suggestion in (problems[0].suggestion or "")


def test_all_misspelt_names_are_reported_in_the_order_of_the_text() -> None:
    problems = compile_template("${ [inputs.topik, inputs.cuont] } ${ nope }", SCOPE, CelEngine())
    assert isinstance(problems, list)
    assert [problem.name for problem in problems] == ["unknown-variable"] * 3
    assert [problem.offset for problem in problems] == [11, 25, 37]


@pytest.mark.parametrize(
    "text", ["${ zzqq_private }", "${ inputs.zzqq_private }", "${ zzqq_private() + 'zzqq_private' }"]
)
def test_nothing_of_the_text_is_echoed(text: str) -> None:
    problems = compile_template(text, SCOPE, CelEngine())
    assert isinstance(problems, list)
    assert all("zzqq" not in f"{problem.message} {problem.suggestion}" for problem in problems)


EVALUATED = [
    ("${ inputs.topic }", "tin"),
    ("plain", "plain"),
    ("", ""),
    ("$${ inputs.topic } costs ${ inputs.topic }", "${ inputs.topic } costs tin"),
    ("{{ 7*7 }} {% raw %} #{7*7} %(x)s $ {x} $$ {}", "{{ 7*7 }} {% raw %} #{7*7} %(x)s $ {x} $$ {}"),
    ("${ '}' + \"{\" + '${x}' }", "}{${x}"),
    ("${ {'a': {'b': inputs.count}} }", {"a": {"b": 3}}),
    ("${url}${inputs.count}", "http://h3"),
    ("${ inputs.count + 1 }", 4),
    ("${ state.score >= 0.8 && state.round < inputs.rounds }", True),
    ("${ inputs.ratio + 0.5 }", 1.5),
    ("${ inputs.ratio }", 1.0),
    ("${ state.best == null ? 0.0 : state.best }", 2.0),
    ("${ state.draft == null }", True),
    ("${ state.draft != null && state.draft.startsWith('x') }", False),
    ("${ nodes.collect.result.note == null }", True),
    ("${ nodes.collect.result.total == null || nodes.collect.result.total > 3 }", True),
    ("${ nodes.collect.result.note }", None),
    ("${ nodes.skipped.result }", None),
    ("${ nodes.skipped.result.text }", None),
    ("${ has(result.comment) ? result.comment : 'none' }", "none"),
    ("${ has(result.verdict) }", True),
    ("${ has(nodes.skipped.result.text) }", False),
    ("${ has(state.blob.zz) && state.blob.zz > 1 }", False),
    ("${ has(state.blob.nothing) }", False),
    ("${ state.blob.a.b + 1 }", 2),
    ("${ state.blob['x-y'] }", 5),
    ("${ state.a_thing['a-b'] + 1 }", 8),
    ("${ 'a' in state.blob }", True),
    ("${ state.pages.map(p, p.score + 1.0) }", [2.0, 1.25]),
    ("${ state.pages.filter(p, p.score > 0.5).map(p, p.url) }", ["u"]),
    ("${ state.pages[1].url + url }", "vhttp://h"),
    ("${ inputs.list.exists(inputs, inputs > 2) }", True),
    ("${ inputs.list.map(i, i in inputs.list && inputs.list.size() == 3) }", [True, True, True]),
    ("${ result.verdict == 'approve' }", True),
    ("${ dyn(inputs.count) > 0.5 }", True),
    ("${ timestamp('2020-01-01T00:00:00Z') }", "2020-01-01T00:00:00Z"),
    ("${ timestamp('2020-01-01T00:00:00Z') + duration('90s') }", "2020-01-01T00:01:30Z"),
    ("${ duration('90s') }", "90s"),
    ("${ 1u }", 1),
    ("${ url.matches('^http') }", True),
    ("${ state . blob . a // the rest is a comment }\n}", {"b": 1}),
]


@pytest.mark.parametrize(("text", "value"), EVALUATED)
def test_values(text: str, value: Any) -> None:
    result = evaluated(text)
    assert result == value
    assert type(result) is type(value)


def test_mixed_strings_write_values_as_json() -> None:
    text = "${ inputs.flag } ${ state.draft } ${ inputs.list } ${ state.blob.a } ${ state.score }"
    assert evaluated(text) == 'true null [1,2,3] {"b":1} 1.0'


@pytest.mark.parametrize(
    "text",
    [
        "${ 1 / 0 }",
        "${ 1.0 / 0.0 }",
        "${ inputs.list[7] }",
        "${ state.blob.zz }",
        "${ state.blob.zz.more }",
        "${ state.blob.a.b.c }",
        "${ state.blob.zz + 1 }",
        "${ state.draft + 'x' }",
        "${ b'x' }",
        "${ type(1) }",
        "${ {1: 2} }",
        "${ int(inputs.topic) }",
        "${ inputs.topic.matches('(') }",
        "${ 9223372036854775807 + inputs.count }",
        "a ${ state.blob.zz } b",
    ],
)
def test_errors_are_failures_and_tell_no_values(text: str) -> None:
    with pytest.raises(ExpressionFailed) as failure:
        evaluated(text)
    assert failure.value.name == "expression-failed"
    assert "tin" not in failure.value.message.split()
    assert "zz" not in failure.value.message


def test_an_exhausted_budget_is_an_error_of_its_own() -> None:
    loops = "inputs.list.map(a, " * 6 + "1" + ")" * 6
    template = compiled("${ " + loops + " }")
    with pytest.raises(ExpressionTooCostly):
        template.evaluate({"inputs": {"list": list(range(40))}})


def test_too_long_and_too_deep() -> None:
    long = "${ '" + "x" * MAX_EXPRESSION + "' }"
    never_closed = "${ " + "1 + " * MAX_EXPRESSION
    deep = "${ " + "(" * 1900 + "1" + ")" * 1900 + " }"
    nested = "${ " + "[" * 1000 + "]" * 1000 + " }"
    for text in (long, never_closed, deep, nested):
        problems = compile_template(text, SCOPE, CelEngine())
        assert isinstance(problems, list)
        assert [problem.name for problem in problems] == ["expression-too-large"]


def test_a_text_of_many_long_texts_is_too_costly() -> None:
    with pytest.raises(ExpressionTooCostly):
        compiled("a ${ inputs.topic }" * 40).evaluate({"inputs": {"topic": "x" * 2**20}})


def test_references_are_the_paths_that_are_read() -> None:
    text = "${ nodes.collect.result.data.urls } ${ has(result.comment) } ${ state.pages[0].url } ${ 'inputs.topic' }"
    assert compiled(text).references == {
        ("nodes", "collect", "result", "data", "urls"),
        ("result", "comment"),
        ("state", "pages"),
    }


SCHEMAS = [
    ("${ inputs.topic }", TEXT),
    ("${ nodes.collect.result.data.urls }", listing(TEXT)),
    ("${ state.pages[0] }", PAGE),
    ("${ nodes.collect.result.note }", {"anyOf": [TEXT, {"type": "null"}]}),
    ("${ inputs.count > 1 }", YES),
    ("${ inputs.list.map(i, i * 2) }", listing(WHOLE)),
    ("${ state.blob.a }", {}),
    ("a ${ inputs.count }", TEXT),
    ("plain", {"type": "string", "const": "plain"}),
]


@pytest.mark.parametrize(("text", "schema"), SCHEMAS)
def test_schema_of_the_result(text: str, schema: dict[str, Any]) -> None:
    assert compiled(text).schema == schema


def test_a_scope_grows_without_changing_what_it_grew_from() -> None:
    inner = SCOPE.extended("page", PAGE)
    assert compiled("${ page.title }", inner).evaluate({"page": {"title": "T"}}) == "T"
    assert isinstance(compile_template("${ page.title }", SCOPE, CelEngine()), list)


def test_open_objects_take_any_field_and_closed_ones_none() -> None:
    scope = Scope({"open": {**record(a=TEXT), "additionalProperties": True}, "closed": record(a=TEXT)})
    assert compiled("${ open.b }", scope).evaluate({"open": {"b": 2}}) == 2
    assert isinstance(compile_template("${ closed.b }", scope, CelEngine()), list)


def test_an_object_without_fields_is_dynamic_unless_it_is_closed() -> None:
    scope = Scope({"any": {"type": "object"}, "none": {"type": "object", "additionalProperties": False}})
    assert compiled("${ any.b }", scope).evaluate({"any": {"b": 2}}) == 2
    assert isinstance(compile_template("${ none.b }", scope, CelEngine()), list)


def test_a_text_has_a_limit_of_expressions_and_of_problems() -> None:
    problems = compile_template("${ url }" * 1000, SCOPE, CelEngine())
    assert isinstance(problems, list)
    assert [problem.name for problem in problems] == ["expression-too-large"]
    assert len(compile_value(["${ nope }"] * 1000, SCOPE, CelEngine()).problems) == 50


def test_only_what_is_used_is_read() -> None:
    class Refusing(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            assert key == "used", "a field that the expression does not name was read"
            return super().get(key, default)

    scope = Scope({"state": record(used=WHOLE, big=TEXT)})
    assert compiled("${ state.used > 1 }", scope).evaluate({"state": Refusing(used=2, big="x")}) is True


def test_nested_values() -> None:
    value = {"a": "${ inputs.topic }", "b/c": [1, "x ${ inputs.count }", None], "d": {"e": True}}
    made = compile_value(value, SCOPE, CelEngine())
    assert made.problems == ()
    assert made.evaluate(VALUES) == {"a": "tin", "b/c": [1, "x 3", None], "d": {"e": True}}
    assert made.references == {("inputs", "topic"), ("inputs", "count")}
    assert made.schema["properties"]["a"] == TEXT


def test_problems_in_nested_values_have_pointers() -> None:
    made = compile_value({"a": "${ inputs.topik }", "b/c": [0, "${ foo() }"]}, SCOPE, CelEngine())
    assert [(pointer, problem.name) for pointer, problem in made.problems] == [
        ("/a", "unknown-variable"),
        ("/b~1c/1", "unknown-function"),
    ]
    with pytest.raises(ExpressionFailed):
        made.evaluate(VALUES)


def test_long_lists_are_mapped_and_filtered_in_full() -> None:
    values = {"inputs": {"list": list(range(1000))}}
    assert compiled("${ inputs.list.filter(i, i % 2 == 0).map(i, i + 1) }").evaluate(values) == list(range(1, 1000, 2))
    assert compiled("${ inputs.list.map(i, i in inputs.list) }").evaluate(values) == [True] * 1000
    assert compiled("${ inputs.list.filter(i, i < 900).size() }").evaluate(values) == 900


def test_a_list_within_a_long_list_is_mapped_as_it_is() -> None:
    scope = Scope({"rows": listing(record(cells=listing(WHOLE)))})
    rows = [{"cells": [index, index]} for index in range(200)]
    assert compiled("${ rows[0].cells.map(c, c + 1) }", scope).evaluate({"rows": rows}) == [1, 1]


HEAVY = [
    ("${ inputs.list.map(i, i in inputs.list) }", {"list": list(range(9000))}),
    ("${ inputs.list.map(i, inputs.topic + inputs.topic) }", {"list": list(range(100)), "topic": "x" * 80_000}),
    ("${ ['aaaa']" + ".map(a, a + a)" * 28 + " }", {}),
    ("${ [1]" + ".map(a, [a, a])" * 28 + " }", {}),
    ("${ inputs.topic.matches('(a|b)*c') }", {"topic": "ab" * 40_000}),
    ("${ [" + "inputs.topic, " * 100 + "''] }", {"topic": "x" * 1_000_000}),
    ("${ " + "inputs.topic + " * 25 + "'' }", {"topic": "x" * 500_000}),
]


@pytest.mark.parametrize(("text", "inputs"), HEAVY)
def test_what_may_take_long_is_heavy(text: str, inputs: dict[str, Any]) -> None:
    assert compiled(text).is_heavy({"inputs": inputs})
    assert compile_value([text], SCOPE, CelEngine()).is_heavy({"inputs": inputs})


@pytest.mark.parametrize("text", [text for text, _ in EVALUATED])
def test_what_is_small_is_not_heavy(text: str) -> None:
    assert not compiled(text).is_heavy(VALUES)


words = st.sampled_from(
    [
        *["inputs", ".topic", ".count", "state", ".blob", ".pages", "[0]", "['a-b']", "1", "1.5", "0x", "'a'", "null"],
        *["[", "]", "(", ")", "{", "}", "${", "$${", "'", '"', "'''", "r'", "b'", "\\", "`", "//", "\n", "\0", " "],
        *[".", ",", "?", ":", "+", "-", "==", "in", "&&", "||", "!", "é", "😀", "\ud800", "x", "true"],
        *[".map(x, ", ".filter(inputs, ", "has(", "size("],
    ]
)


def failure_of(template: Template, values: dict[str, Any]) -> str | None:
    try:
        template.evaluate(values)
    except ExpressionError as error:
        return error.name
    return None


@settings(max_examples=200, deadline=None)
@given(st.lists(words, max_size=14).map("".join), st.sampled_from([" }", ""]))
def test_no_text_raises_past_the_port(body: str, closing: str) -> None:
    text = "${ " + body + closing
    made = compile_template(text, SCOPE, CelEngine())
    if isinstance(made, Template):
        assert failure_of(made, VALUES) in (None, "expression-failed", "expression-too-costly")
    else:
        assert made
        assert all(0 <= problem.offset <= len(text) for problem in made)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


uses = st.sampled_from(["+ inputs.any", "== 'x'", ".a.b", "[0]", ".map(x, x)", ".size()", "? 1 : 2", "in [1]"])


@settings(max_examples=100, deadline=None)
@given(json_values, uses)
def test_no_value_raises_past_the_port(value: Any, use: str) -> None:
    scope = Scope({"inputs": {"type": "object", "properties": {"any": {}}, "required": ["any"]}})
    template = compiled("${ inputs.any " + use + " }", scope)
    failure = failure_of(template, {"inputs": {"any": value}})
    assert failure in (None, "expression-failed", "expression-too-costly")


@given(st.text(alphabet="ab{}$ \n'\"#%", max_size=30).filter(lambda text: "${" not in text))
def test_text_without_expressions_is_left_alone(text: str) -> None:
    assert compiled(text).evaluate({}) == text


@given(st.text(max_size=30).filter(lambda text: not text.endswith("$")))
def test_an_escaped_opening_stands_for_itself(text: str) -> None:
    escaped = text.replace("${", "$${") + "$${ x }"
    assert compiled(escaped).evaluate({}) == text + "${ x }"
