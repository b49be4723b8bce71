from translator.planning.draft import draft
from translator.planning.planning import CATALOG_PASSES, TEXT_PASSES
from translator.planning.scopes import Scopes

BODY = (
    "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: tried}\ninputs: {t: {type: string}}\n"
    "state: {n: {type: integer, default: 1}, m: {type: string}}\nsecrets: [KEY]\nstart: a\nnodes:\n"
    '  a: {tool: text.count@^1, with: {text: "${ inputs.t }"}, save: {n: "${ result.words }"}, next: b}\n'
    "  b: {dag: {c: {luigi: cases.Copy, with: {text: x}, read: text}}, next: end}\n"
)


def test_a_plan_gives_the_same_scopes_as_planning_used(desk):
    spec, document, _ = desk.read(BODY)
    drafted = draft(spec, document, desk.engine, desk.catalog)
    for one in (*CATALOG_PASSES, *TEXT_PASSES):
        one(drafted)
    from_plan = Scopes.of(desk.plan(BODY))
    assert from_plan == drafted.scopes
    assert from_plan.for_save("a").variables["result"] == drafted.results["a"]
    assert "result" not in from_plan.for_arguments("a").variables
    assert from_plan.base.secrets == {"KEY"}


def test_channels_without_a_default_may_be_null(desk):
    state = Scopes.of(desk.plan(BODY)).base.variables["state"]
    assert state["required"] == ["n"]


def test_scopes_share_their_parts(desk):
    scopes = Scopes.of(desk.plan(BODY))
    assert scopes.for_save("a").variables["nodes"] is scopes.for_next("b").variables["nodes"]
