"""A copy that was taken while a server worked holds every run, and the next server finishes them."""

import time

from spec_service.settings import Settings
from spec_service.storage.backup import back_up, restore

YAML = {"Content-Type": "application/yaml"}
STEPS = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: steps}
limits: {steps: 50}
outputs: {last: "${ nodes.c.result.text }"}
start: a
nodes:
  a: {tool: shelf.nap@1, with: {seconds: 0.1}, next: b}
  b: {tool: shelf.nap@1, with: {seconds: 0.1}, next: c}
  c: {tool: shelf.echo@1, with: {text: done}, next: end}
"""


def until_succeeded(client, run: str) -> dict:
    end = time.monotonic() + 60
    while (shown := client.get(f"/runs/{run}").json())["status"] != "succeeded":
        assert time.monotonic() < end, shown
        assert shown["status"] not in {"failed", "cancelled"}, shown
        time.sleep(0.02)
    return shown


def test_every_run_of_a_copy_is_finished_after_restoring_it(run_server, catalog, tmp_path):
    settings = Settings(data=tmp_path / "data", catalog=catalog, port=0, drain_seconds=5)
    with run_server(settings) as server, server.client() as client:
        spec = client.post("/specs", content=STEPS, headers=YAML).json()["id"]
        runs = [client.post(f"/specs/{spec}/execute", json={}).json()["id"] for _ in range(8)]
        time.sleep(0.15)
        note = back_up(settings.data, settings.database, tmp_path / "copy")
        for run in runs:
            until_succeeded(client, run)
    assert (note.runs, note.missing) == (8, ())
    restore(tmp_path / "copy", tmp_path / "again")
    with run_server(settings.model_copy(update={"data": tmp_path / "again"})) as server, server.client() as client:
        for run in runs:
            assert until_succeeded(client, run)["outputs"] == {"last": "done"}
            events = client.get(f"/runs/{run}/events?limit=1000").json()["items"]
            assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
            assert sorted(one["node"] for one in events if one["type"] == "step.succeeded") == ["a", "b", "c"]
