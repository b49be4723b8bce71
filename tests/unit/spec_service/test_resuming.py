"""Runs that nobody executes, in a process that left them alone when it started."""

from datetime import UTC, datetime

import anyio
import pytest

from spec_service.bootstrap import open_services
from spec_service.operations import cancel_run, create_spec, execute_spec, get_run, resume_run
from spec_service.requests import GO_ON, ExecuteRequest, RequestKey
from spec_service.settings import Settings
from workflows.records import QuestionAnswered
from workflows.run import RunId

pytestmark = pytest.mark.anyio
NAP = b"""\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: nap}
start: nap
nodes:
  nap: {tool: shelf.nap@1, with: {seconds: 600}, next: end}
"""
ASK = b"""\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: ask}
outputs: {verdict: "${ nodes.ask.result }"}
start: ask
nodes:
  ask:
    human: {title: "Go?"}
    result: {type: string}
    next: end
"""


@pytest.fixture
def settings(tmp_path, catalog):
    return Settings(data=tmp_path / "data", catalog=catalog, drain_seconds=0.1)


async def until(services, run, status):
    with anyio.fail_after(30):
        while (shown := await get_run(services, run)).status != status:  # noqa: ASYNC110 - as a client would
            await anyio.sleep(0.02)
    return shown


async def begun(services, text: bytes, status: str) -> str:
    spec, _ = await create_spec(services, text, "yaml")
    run = (await execute_spec(services, spec.id, ExecuteRequest())).run.id
    await until(services, run, status)
    return run


async def test_a_run_that_nobody_executes_is_executed_and_then_left_alone(settings):
    async with open_services(settings, recover=False) as services:
        run = await begun(services, NAP, "running")
    async with open_services(settings, recover=False) as services:
        assert not services.worker.is_live(RunId(run))
        key = RequestKey("k", "resume", "")
        first = await resume_run(services, run, GO_ON, key)
        assert (first.status, first.run.status, first.is_replayed) == (202, "queued", False)
        assert services.worker.is_live(RunId(run))
        await until(services, run, "running")
        assert (await resume_run(services, run, GO_ON)).status == 200
        again = await resume_run(services, run, GO_ON, key)
        assert (again.status, again.run, again.is_replayed) == (202, first.run, True)
        asked = await cancel_run(services, run)
        assert (asked.run.status, asked.run.cancel_requested) == ("running", True)
        await until(services, run, "cancelled")


async def test_a_running_run_that_nobody_executes_is_cancelled_at_once(settings):
    async with open_services(settings, recover=False) as services:
        run = await begun(services, NAP, "running")
    async with open_services(settings, recover=False) as services:
        assert (await cancel_run(services, run)).run == await get_run(services, run)
        assert (await get_run(services, run)).status == "cancelled"


async def test_a_waiting_run_that_has_its_answer_goes_on(settings):
    async with open_services(settings, recover=False) as services:
        run = await begun(services, ASK, "waiting")
        [question] = (await get_run(services, run)).waiting_for
        answered = QuestionAnswered(RunId(run), question.interrupt_id, datetime.now(UTC), answer="yes")
        assert await services.journal.commit(answered)  # and then the process died
        assert (await resume_run(services, run, GO_ON)).run.status == "queued"
        assert (await until(services, run, "succeeded")).outputs == {"verdict": "yes"}


TIDY = b"""\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: tidy}
start: FIRST
nodes:
  nap: {tool: shelf.nap@1, with: {seconds: 600}, next: end}
  ask: {human: {title: "Go?"}, next: end}
finally: {clean: {emit: {event: cleaned}}}
"""


@pytest.mark.parametrize(("first", "other", "status"), [("nap", "ask", "running"), ("ask", "nap", "waiting")])
async def test_what_is_cancelled_while_nobody_executes_it_still_tidies_up(settings, first, other, status):
    text = TIDY.replace(b"FIRST", first.encode())
    text = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"  {other}:".encode()))
    async with open_services(settings, recover=False) as services:
        run = await begun(services, text, status)
    async with open_services(settings, recover=False) as services:
        if first == "nap":
            assert (await get_run(services, run)).status == "queued"  # drained when the server stopped
        answer = await cancel_run(services, run)
        assert answer.run.cancel_requested
        await until(services, run, "cancelled")
        events = await services.events.page(RunId(run), 0, 100)
        assert [one.data["event"] for one in events if one.type == "emitted"] == ["cleaned"]
        assert [one.type for one in events].count("run.cancelled") == 1
