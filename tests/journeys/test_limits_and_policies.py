"""What runs use is recorded, summed up and held within limits and policies: over real HTTP, also after a kill."""

import re
import time
from pathlib import Path

import httpx2
import pytest

from tests.journeys.server import Json, Server, serving

CATALOG = """\
[models.small]
provider = "fake"
price_in = 1000.0
price_out = 2000.0
script = [{text = "one two three", tokens_in = 30, tokens_out = 10}]
[models.slow]
provider = "fake"
script = [{text = "late", tokens_in = 1, tokens_out = 1, pause = "60s"}]
"""
HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: NAME, labels: {tier: gold}}\n"
LOOP = """\
limits: LIMITS
state: {n: {type: integer, default: 0, reduce: sum}}
outputs: {n: "${ state.n }", tokens: "${ usage.tokens }"}
start: a
nodes:
  a:
    agent: {model: small, instructions: "Say ${ state.n }."}
    save: {n: 1}
    next: [{when: "${ state.n < 5 }", to: a}, {else: LAST}]
"""
POLICY = "apiVersion: specloom/v1\nkind: Policy\nmetadata: {name: NAME}\nselector: {matchLabels: {tier: gold}}\n"
YAML = {"Content-Type": "application/yaml"}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "specloom.toml"
    path.write_text(CATALOG)
    return path


def start(server: Server, limits: str = "{steps: 50}", name: str = "loop", last: str = "end", more: str = "") -> Json:
    text = HEAD.replace("NAME", name) + LOOP.replace("LIMITS", limits).replace("LAST", last) + more
    spec = server.post_spec(text)
    return server.post(f"/specs/{spec['id']}/execute", {"inputs": {}})


def ended(server: Server, *given: str, **named: str) -> Json:
    run = start(server, *given, **named)
    return server.until(run["id"], "succeeded", "failed", "waiting")


def post_policy(server: Server, body: str, name: str = "budget") -> httpx2.Response:
    return server.client.post("/policies", content=POLICY.replace("NAME", name) + body, headers=YAML)


def test_what_a_run_used_is_told_everywhere_alike(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        run = ended(server)
        assert run["outputs"] == {"n": 5, "tokens": 200}
        usage = run["usage"]
        assert (usage["tokens_in"], usage["tokens_out"], usage["model_calls"]) == (150, 50, 5)
        assert usage["cost_usd"] == pytest.approx(0.25)
        assert usage["models"] == ["small"]
        for group, key in (
            ("run", run["id"]),
            ("spec", "loop"),
            ("step", "loop/a"),
            ("tenant", "default"),
            ("label:tier", "gold"),
            ("model", "small"),
        ):
            (item,) = server.get(f"/usage?group_by={group}")["items"]
            assert (item["key"], item["usage"]["tokens"], item["runs"], item["tries"]) == (key, 200, 1, 5)
        assert server.get("/usage?from=2099-01-01T00:00:00Z")["items"] == []
        assert len(server.get("/usage?to=2099-01-01T00:00:00Z")["items"]) == 1
        text = server.client.get("/metrics").text
        assert 'specloom_tokens_total{direction="in",model="small"} 150.0' in text
        assert 'specloom_steps_total{status="succeeded",verb="agent"} 5.0' in text
        assert 'specloom_runs{status="succeeded"} 1.0' in text
        cost = re.search(r'specloom_cost_usd_total\{model="small"\} ([0-9.]+)', text)
        assert cost is not None
        assert float(cost[1]) == pytest.approx(0.25)


def test_limits_stop_a_run_and_one_that_pauses_goes_on(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        failed = ended(server, "{steps: 50, tokens: 100}")
        assert (failed["status"], failed["error"]["name"]) == ("failed", "token-limit")
        assert 100 <= failed["usage"]["tokens"] <= 140
        dear = ended(server, "{steps: 50, cost_usd: 0.1}")
        assert (dear["status"], dear["error"]["name"]) == ("failed", "cost-limit")
        waiting = ended(server, "{steps: 50, tokens: 100, on_exceed: pause}")
        (question,) = waiting["waiting_for"]
        assert (waiting["status"], question["kind"]) == ("waiting", "limit")
        server.post(f"/runs/{waiting['id']}/resume", {"answer": {"go_on": True, "more": 1000}})
        assert server.until(waiting["id"], "succeeded")["usage"]["tokens"] >= 200


def test_a_policy_is_posted_versioned_retired_and_holds(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        created = post_policy(server, "ceilings: {tokens: 90}\n")
        assert created.status_code == 201
        assert created.json()["id"] == "budget@r1"
        assert post_policy(server, "# again\nceilings: {tokens: 90}\n").status_code == 200
        assert post_policy(server, "ceilings: {tokens: 95}\n").json()["id"] == "budget@r2"
        failed = ended(server, "{steps: 50, tokens: 100000}")
        assert (failed["status"], failed["error"]["name"]) == ("failed", "token-limit")
        assert [(one["name"], one["revision"]) for one in failed["policies"]] == [("budget", 2)]
        found = [one for one in server.events(failed["id"]) if one["type"] == "policy.verdict"]
        assert len(found) == 1, found
        verdict = found[0]
        assert (verdict["data"]["policy"], verdict["data"]["rule"]) == ("budget@r2", "ceilings.tokens")
        assert [one["id"] for one in server.get("/policies")["items"]] == ["budget@r2"]
        assert server.get("/policies/budget@r1")["text"].endswith("{tokens: 90}\n")
        assert server.client.delete("/policies/budget").json()["retired_at"] is not None
        assert server.get("/policies")["items"] == []
        assert ended(server)["status"] == "succeeded"
        assert server.client.get("/policies/nobody").json()["name"] == "unknown-policy"
        assert server.client.delete("/policies/nobody").status_code == 404


def test_a_plan_warns_of_a_limit_above_a_ceiling(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        assert post_policy(server, "ceilings: {tokens: 90}\n").status_code == 201
        spec = server.post_spec(
            HEAD.replace("NAME", "loop") + LOOP.replace("LIMITS", "{steps: 9, tokens: 100}").replace("LAST", "end")
        )
        warnings = server.post(f"/specs/{spec['id']}/plan")["warnings"]
        assert [(one["name"], one["path"]) for one in warnings if one["name"] == "above-ceiling"] == [
            ("above-ceiling", "/limits/tokens")
        ]


BAD = [
    ("", "missing-field"),
    ("ceilings: {tokens: -1}\n", "out-of-range"),
    ("ceilings: {token: 1}\n", "unknown-field"),
    ("rules: [{name: a, scope: galaxy, when: 'true', action: abort}]\n", "unknown-value"),
    ("rules: [{name: a, scope: run, when: 'usage.money > 1', action: abort}]\n", "unknown-variable"),
    ("rules: [{name: a, scope: run, when: 'usage.tokens >', action: abort}]\n", "expression-syntax"),
    ("rules: [{name: a, scope: run, when: 'usage.tokens', action: abort}]\n", "type-mismatch"),
    ("rules: {a: 1}\n", "wrong-type"),
    ("ceilings: [\n", "syntax-error"),
]
QUERIES = ["group_by=colour", "group_by=label", "group_by=label:", "from=yesterday", "to="]


def test_what_makes_no_sense_is_refused_at_its_place(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        for body, name in BAD:
            answer = post_policy(server, body)
            assert (answer.status_code, answer.json()["problems"][0]["name"]) == (422, name)
            assert answer.json()["problems"][0]["line"] >= 1
        assert server.get("/policies")["items"] == []
        for query in QUERIES:
            answer = server.client.get(f"/usage?{query}")
            assert (answer.status_code, answer.json()["name"]) == (400, "invalid-request")


def test_rules_reject_pause_and_abort(tmp_path: Path, catalog: Path) -> None:
    rule = "rules: [{{name: r, scope: run, when: 'usage.tokens > 90', action: {}, message: enough}}]\n"
    with serving(tmp_path, catalog) as server:
        post_policy(server, rule.format("reject"))
        assert ended(server)["error"]["name"] == "policy-rejected"
        post_policy(server, rule.format("abort"))
        aborted = ended(server)
        assert (aborted["status"], aborted["error"]["name"]) == ("failed", "policy-aborted")
        post_policy(server, rule.format("pause"))
        waiting = ended(server)
        assert waiting["waiting_for"][0]["title"] == "Limit reached: budget/r: enough. Go on?"
        server.post(f"/runs/{waiting['id']}/resume", {"answer": {"go_on": True}})
        assert server.until(waiting["id"], "succeeded")["outputs"]["n"] == 5


def test_a_policy_is_tried_on_recorded_runs(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        run = ended(server)
        body = (
            POLICY.replace("NAME", "tried")
            + "ceilings: {tokens: 90}\n"
            + ("rules: [{name: dear, scope: run, when: 'usage.cost_usd > 0.12', action: abort}]\n")
        )
        trial = server.client.post(f"/policies/test?run={run['id']}", content=body, headers=YAML).json()
        assert (trial["runs"], trial["selected"]) == (1, 1)
        first = trial["verdicts"][0]
        assert (first["run"], first["step"], first["rule"], first["moment"]) == (
            run["id"],
            "a",
            "ceilings.tokens",
            "usage",
        )
        assert first["figure"] == 120
        assert "dear" in {one["rule"] for one in trial["verdicts"]}
        assert server.get("/policies")["items"] == []
        other = server.client.post("/policies/test?run=nobody", content=body, headers=YAML)
        assert (other.status_code, other.json()["name"]) == (404, "unknown-run")


def test_totals_are_the_sums_of_the_tries_also_after_a_kill(tmp_path: Path, catalog: Path) -> None:
    slow = "  last: {agent: {model: slow, instructions: Wait.}, next: end}\n"
    with serving(tmp_path, catalog) as server:
        runs = [start(server, name=f"loop{number}", last="last", more=slow)["id"] for number in range(4)]
        time.sleep(1.0)  # somewhere in the middle
        server.kill()
    with serving(tmp_path, catalog) as server:
        for run in runs:
            while not any(one["type"] == "step.started" and one["node"] == "last" for one in server.events(run)):
                time.sleep(0.05)
            told = [
                one["data"]["usage"]
                for one in server.events(run)
                if one["type"] == "agent.message" and one["data"].get("usage")
            ]
            found = server.get(f"/runs/{run}")["usage"]
            assert found["tokens"] >= sum(one.get("tokens_in", 0) + one.get("tokens_out", 0) for one in told) - 40
            assert found["tokens"] >= 200
        by_run = {one["key"]: one["usage"]["tokens"] for one in server.get("/usage?group_by=run")["items"]}
        assert by_run == {run: server.get(f"/runs/{run}")["usage"]["tokens"] for run in runs}
        (tenant,) = server.get("/usage?group_by=tenant")["items"]
        assert tenant["usage"]["tokens"] == sum(by_run.values())
        for run in runs:
            server.post(f"/runs/{run}/cancel")
