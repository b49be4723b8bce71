"""A plan with inputs tells what its stages would build; nothing runs, and the plan stays what it is."""

import pytest

from docs.generating.parts import ROOT
from spec_service.settings import Settings

PIPELINES = ROOT / "tests/unit/spec_service/cli/pipelines"
SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: previewed}
inputs:
  day: {type: string, default: "2026-11-20"}
  shops: {type: array, items: {type: integer}, default: []}
nodes:
  all: {luigi: own.Everything, with: {day: "${ inputs.day }"}}
  orders: {wait: {poll: {luigi: here.Orders, with: {day: "${ inputs.day }"}}, every: 1m}}
  here: {luigi: here.Delivered, with: {day: "${ inputs.day }"}, needs: [orders]}
  each: {map: {each: shop, in: "${ inputs.shops }"}, luigi: own.Shop, with: {shop: "${ shop }"}}
  torn: {luigi: own.Torn}
  later: {luigi: own.Shop, with: {shop: "${ size(nodes.each.result.ok) }"}, needs: [each]}
  thousands: {luigi: own.Thousands}
"""
YAML = {"Content-Type": "application/yaml"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("previews")
    for group, workdir in (("own", "run"), ("here", "work")):
        with (folder / "specloom.toml").open("a") as file:
            file.write(
                f'[luigi.{group}]\nmodules = ["shops", "rates"]\npath = ["{PIPELINES}"]\nworkdir = "{workdir}"\n'
            )
    (folder / "work").mkdir()
    return folder


@pytest.fixture(scope="module")
def client(folder, run_server):
    settings = Settings(data=folder / "data", catalog=folder / "specloom.toml", port=0, log_level="error")
    with run_server(settings) as server, server.client() as client:
        assert client.post("/specs", content=SPEC, headers=YAML).status_code == 201
        yield client


def previewed(client, **inputs):
    answer = client.post("/specs/previewed/plan", json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    return answer.json(), {one["step"]: one for one in answer.json()["preview"]}


def test_the_tasks_of_each_step_are_counted_and_named(client, folder):
    plan, steps = previewed(client, shops=[1, 2, 2])
    bare = client.post("/specs/previewed/plan").json()
    assert (bare["preview"], bare["digest"]) == (None, plan["digest"])
    everything = steps["all"]
    assert (everything["total"], everything["complete"], everything["missing"]) == (16, 0, 16)
    assert everything["digest"].startswith("sha256:")
    assert everything["roots"] == [everything["tasks"][-1]["task"]]
    assert everything["tasks"][-1]["name"] == "own.Everything(day=2026-11-20)"
    assert len(everything["tasks"][-1]["needs"]) == 2
    assert (steps["each"]["items"], steps["each"]["total"]) == (3, 2)
    assert steps["later"]["undecided"] == "it depends on nodes.each"
    assert not (folder / "data" / "runs").exists()


def test_what_lies_in_a_shared_directory_is_seen_and_warned_of(client, folder):
    _, steps = previewed(client)
    assert steps["orders"]["external"] == 1
    assert steps["here"]["missing"] == 1
    (folder / "work" / "orders-2026-11-20.csv").write_text("")
    (folder / "work" / "delivered-2026-11-20.txt").write_text("")
    plan, steps = previewed(client)
    assert (steps["orders"]["complete"], steps["here"]["complete"], steps["here"]["total"]) == (1, 1, 1)
    [warning] = steps["here"]["warnings"]
    assert "two at a time write the same files; of its tasks 1 are complete there already" in warning
    assert [one["name"] for one in plan["warnings"]] == ["shared-workdir"]


def test_a_stage_that_breaks_hides_nothing_else(client):
    _, steps = previewed(client)
    assert (steps["torn"]["broken"], steps["torn"]["total"]) == (1, 1)
    assert steps["all"]["total"] == 16


def test_of_thousands_those_near_the_stage_are_named(client):
    _, steps = previewed(client)
    assert steps["thousands"]["total"] == 1991
    assert len(steps["thousands"]["tasks"]) == 500
    assert steps["thousands"]["tasks"][-1]["name"] == "own.Thousands()"


def test_inputs_are_checked(client):
    refused = client.post("/specs/previewed/plan", json={"inputs": {"shops": ["x"]}})
    assert (refused.status_code, refused.json()["name"]) == (422, "invalid-inputs")
    assert refused.json()["problems"][0]["path"] == "/inputs/shops/0"
    unknown = client.post("/specs/previewed/plan", json={"input": {}})
    assert unknown.json()["problems"][0]["name"] == "unknown-field"
