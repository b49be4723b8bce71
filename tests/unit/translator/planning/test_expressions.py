import pytest

from translator.planning.plan import case_of

STATE = "state:\n  n: {type: integer, default: 0}\n  words: {type: array, items: {type: string}, reduce: append}\n"
IN = "inputs: {topic: {type: string}, on: {type: boolean}, count: {type: integer}}\n"


def flow(text, more=""):
    return f"{IN}{STATE}start: a\nnodes:\n  a:\n    {text}\n    next: end\n{more}"


def echo(text):
    return flow("tool: cases.echo\n    " + text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("with: {text: 5}", ("type-mismatch", "/nodes/a/with/text")),
        ('with: {text: "${ inputs.count }"}', ("type-mismatch", "/nodes/a/with/text")),
        ('with: {text: "${ inputs.topik }"}', ("unknown-variable", "/nodes/a/with/text")),
        ('with: {text: "${ result.text }"}', ("unknown-variable", "/nodes/a/with/text")),
        ('with: {text: "${ nodes.b.result }"}', ("unknown-variable", "/nodes/a/with/text")),
        ('with: {text: x}\n    save: {n: "${ inputs.on }"}', ("type-mismatch", "/nodes/a/save/n")),
        ("with: {text: x}\n    save: {words: [1]}", ("type-mismatch", "/nodes/a/save/words/0")),
        ('with: {text: x}\n    save: {words: "${ inputs.count }"}', ("type-mismatch", "/nodes/a/save/words")),
    ],
)
def test_what_does_not_fit_its_place(desk, text, problem):
    assert problem in desk.refused(echo(text))


@pytest.mark.parametrize(
    "text",
    [
        "save: {words: x}",
        "save: {words: [x, y]}",
        'save: {words: "${ inputs.topic }"}',
        'save: {words: "${ [inputs.topic] }"}',
        'save: {n: "${ size(inputs.topic) }"}',
    ],
)
def test_one_item_and_a_list_of_items_may_be_appended(desk, text):
    assert desk.planned(echo("with: {text: x}\n    " + text)).step("a").writes


def test_bounds_of_parameters_hold_for_literals(desk):
    body = flow("tool: text.count@^1\n    with: {text: x, least: -1}")
    assert ("type-mismatch", "/nodes/a/with/least") in desk.refused(body)


def test_a_field_of_a_known_result_is_checked(desk):
    body = flow('tool: text.count@^1\n    with: {text: x}\n    save: {n: "${ result.wrods }"}')
    [problem] = desk.problems(body)
    assert (problem.name, problem.path) == ("unknown-variable", "/nodes/a/save/n")
    assert "words" in problem.suggestion


def test_data_of_a_stage_is_there_only_when_it_is_read(desk):
    stage = 'luigi: cases.Copy\n    with: {text: x}\n    {}save: {words: "${ result.data.text }"}'
    assert desk.refused(flow(stage.replace("{}", "", 1))) == [("unknown-variable", "/nodes/a/save/words")]
    assert desk.planned(flow(stage.replace("{}", "read: json\n    ", 1))).step("a").read == "json"


def test_a_condition_without_braces_is_a_text(desk):
    body = f"{IN}nodes:\n  a: {{tool: cases.echo, with: {{text: x}}, when: inputs.on}}\n"
    [problem] = desk.problems(body)
    assert (problem.name, problem.path) == ("type-mismatch", "/nodes/a/when")
    assert "${" in problem.suggestion


def test_a_written_truth_is_a_condition(desk):
    body = "nodes:\n  a: {tool: cases.echo, with: {text: x}, when: false}\n"
    assert desk.planned(body).step("a").when == "${ false }"


def test_conditions_are_of_boolean_type(desk):
    body = f'{IN}nodes:\n  a: {{tool: cases.echo, with: {{text: x}}, when: "${{ inputs.count }}"}}\n'
    assert ("type-mismatch", "/nodes/a/when") in desk.refused(body)


VERDICT = "result: {type: object, required: [v], properties: {v: {enum: [yes, no, 3]}}}"


def switch(cases, value="result.v"):
    return (
        f"start: a\nnodes:\n  a:\n    human: {{title: Well?}}\n    {VERDICT}\n"
        f'    next: {{switch: "${{ {value} }}", cases: {cases}}}\n'
    )


def test_a_switch_covers_its_enum(desk):
    assert desk.planned(switch('{yes: end, no: end, "3": end}')).step("a").transition.picked(3) == "end"
    assert desk.refused(switch("{yes: end}")) == [("missing-else", "/nodes/a/next")]
    assert desk.planned(switch("{yes: end}, default: end")).step("a").transition.default == "end"


def test_a_case_that_never_comes_is_a_mistake(desk):
    [problem] = desk.problems(switch("{yess: end}, default: end"))
    assert (problem.name, problem.path) == ("type-mismatch", "/nodes/a/next/cases/yess")
    assert "yes" in problem.suggestion


def test_a_switch_over_any_value_has_a_default(desk):
    assert desk.refused(switch("{yes: end}", "string(result.v)")) == [("missing-else", "/nodes/a/next")]


def test_the_case_of_a_value():
    assert [case_of(value) for value in ("a", True, None, 3, 2.5)] == ["a", "true", "null", "3", "2.5"]


def test_problems_inside_values_are_shown_where_they_stand(desk):
    body = flow('human:\n      title: "Hello ${ inputs.nobody }"\n      show: {list: [1, "ab ${ inputs.on + 1 }"]}')
    found = desk.problems(body)
    assert [(one.name, one.path) for one in found] == [
        ("unknown-variable", "/nodes/a/human/title"),
        ("no-such-operation", "/nodes/a/human/show/list/1"),
    ]
    assert all(one.line and one.column and one.column > 20 for one in found)


def test_secrets_are_no_variables(desk):
    body = "secrets: [SEARCH_KEY]\n" + echo('with: {text: "${ secrets.SEARCH_KEY }"}')
    assert ("secret-in-expression", "/nodes/a/with/text") in desk.refused(body)


def test_a_map_wants_a_list(desk):
    body = echo('with: {text: x}\n    map: {each: one, in: "${ inputs.topic }"}')
    assert ("type-mismatch", "/nodes/a/map/in") in desk.refused(body)
