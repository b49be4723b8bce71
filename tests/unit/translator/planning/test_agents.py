"""What agents are bound to: models, prompts, tools and stages of the catalog; what is wrong is told at its place."""

import pytest

from tests.unit.translator.planning.conftest import ENTRIES, Desk
from translator.planning.catalog import CatalogEntry, FixedCatalog

MORE = [
    CatalogEntry(kind="model", name="small", version="0.0.0", source_digest="m1", has_price=True),
    CatalogEntry(kind="model", name="free", version="0.0.0", source_digest="m2"),
    CatalogEntry(kind="prompt", name="writing.report", version="1.0.0", source_digest="p1", text="Report."),
    CatalogEntry(kind="prompt", name="writing.report", version="2.0.0", source_digest="p2", text="Report well."),
    CatalogEntry(kind="tool", name="ops.deploy", version="1.0.0", source_digest="o1", requires_approval=True),
    CatalogEntry(kind="tool", name="web_search.x", version="1.0.0", source_digest="o2"),
]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.catalog = FixedCatalog([*ENTRIES, *MORE])
    return desk


def spec(agent: str, more: str = "", head: str = "") -> str:
    return f"{head}start: a\nnodes:\n  a: {{agent: {agent}, next: end{', ' + more if more else ''}}}\n"


def test_everything_that_an_agent_names_is_pinned(desk):
    agent = "{model: small, prompt: writing.report@^1, tools: [cases.echo, {luigi: cases.Copy@^1}, ops.deploy]}"
    step = desk.planned(spec(agent)).steps[0]
    bound = step.agent
    assert (step.verb, bound.model.name, bound.model.source_digest) == ("agent", "small", "m1")
    assert (bound.prompt.version, bound.prompt_text) == ("1.0.0", "Report.")
    assert [(one.name, one.call.kind, one.call.source_digest, one.requires_approval) for one in bound.tools] == [
        ("cases_echo", "tool", "aa", False),
        ("cases_Copy", "stage", "ff", False),
        ("ops_deploy", "tool", "o1", True),
    ]
    assert step.result_known["properties"] == {"text": {"type": "string"}}


def test_an_agent_may_decide(desk):
    body = "start: a\nnodes:\n  a: {decide: {among: [b, end], agent: {model: small}}}\n  b: {set: {}, next: end}\n"
    step = desk.planned(body).steps[0]
    assert (step.verb, step.agent.model.name, step.among) == ("decide", "small", ("b", "end"))


@pytest.mark.parametrize(
    ("agent", "problems"),
    [
        ("{model: smal}", [("unknown-model", "/nodes/a/agent/model")]),
        ("{model: small, prompt: writing.reprot}", [("unknown-prompt", "/nodes/a/agent/prompt")]),
        ("{model: small, prompt: writing.report@^3}", [("unknown-version", "/nodes/a/agent/prompt")]),
        ("{model: small, tools: [cases.ecko]}", [("unknown-tool", "/nodes/a/agent/tools/0")]),
        ("{model: small, tools: [{luigi: cases.Cop}]}", [("unknown-stage", "/nodes/a/agent/tools/0/luigi")]),
        ("{harness: none}", [("unknown-harness", "/nodes/a/agent/harness")]),
        (
            "{model: small, tools: [cases.echo], requires_approval: [cases.eco]}",
            [("unknown-tool", "/nodes/a/agent/requires_approval/0")],
        ),
        ("{instructions: x}", [("missing-field", "/nodes/a/agent")]),
        ("{model: small, instructions: x, prompt: writing.report}", [("unknown-field", "/nodes/a/agent/prompt")]),
        ("{model: small, tools: [{}]}", [("missing-field", "/nodes/a/agent/tools/0")]),
        ("{model: small, response: xml}", [("unknown-value", "/nodes/a/agent/response")]),
    ],
)
def test_what_an_agent_names_wrongly_is_told_at_its_place(desk, agent, problems):
    assert desk.refused(spec(agent)) == problems


def test_approval_may_be_asked_for_by_the_node(desk):
    step = desk.planned(spec("{model: small, tools: [cases.echo@1], requires_approval: [cases.echo]}")).steps[0]
    assert [one.requires_approval for one in step.agent.tools] == [True]


def test_secrets_go_only_to_tools_that_take_them_and_may_have_them(desk):
    head = "secrets: [SEARCH_KEY]\n"
    agent = "{model: small, tools: [web.search, cases.echo]}"
    tools = desk.planned(spec(agent, "auth: {token: SEARCH_KEY}", head)).steps[0].agent.tools
    assert [one.auth for one in tools] == [{"token": "SEARCH_KEY"}, {}]
    assert desk.refused(spec(agent, "auth: {key: SEARCH_KEY}", head)) == [("unknown-parameter", "/nodes/a/auth/key")]
    assert desk.refused(spec(agent, "auth: {text: SEARCH_KEY}", head)) == [("unknown-secret", "/nodes/a/auth/text")]


def test_a_limit_of_cost_and_a_model_without_a_price_is_worth_a_word(desk):
    head = "limits: {cost_usd: 1}\n"
    assert [one.name for one in desk.planned(spec("{model: free}", head=head)).warnings] == ["model-without-price"]
    assert desk.planned(spec("{model: small}", head=head)).warnings == ()


def test_no_two_tools_have_one_name(desk):
    desk.catalog = FixedCatalog(
        [*ENTRIES, *MORE, CatalogEntry(kind="tool", name="cases_echo.x", version="1.0.0", source_digest="z")]
    )
    agent = "{model: small, tools: [web.search, cases.echo, cases.echo]}"
    names = [one.name for one in desk.planned(spec(agent)).steps[0].agent.tools]
    assert names == ["web_search", "cases_echo", "cases_echo_2"]
