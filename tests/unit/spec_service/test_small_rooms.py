import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from spec_service.api.queries import read_wait
from spec_service.api.streams import as_event_stream
from spec_service.errors import BadQuery, Refused
from spec_service.eventually import Eventually
from spec_service.expiring import Expiries
from spec_service.queueing import new_run_id
from spec_service.requests import ExecuteRequest, ResumeRequest
from spec_service.settings import Settings
from spec_service.stopping import StopSignal
from spec_service.views import EventView
from translator.language.document import Document

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def numbers(*values, then=None):
    for value in values:
        yield value
    if then is not None:
        await then.wait()


async def test_following_ends_with_the_items():
    assert [one async for one in StopSignal().ending(numbers(1, 2))] == [1, 2]


async def test_following_ends_when_the_process_stops():
    stopping, never = StopSignal(), asyncio.Event()
    seen = []
    async for one in stopping.ending(numbers(1, 2, then=never)):
        seen.append(one)
        if one == 2:
            stopping.set()
    assert seen == [1, 2]
    assert stopping.is_set
    assert [one async for one in stopping.ending(numbers(1))] == []


async def test_a_scope_ends_when_the_process_stops_or_has_stopped():
    stopping, ended = StopSignal(), []
    for _ in range(2):  # the second one comes late
        with anyio.move_on_after(30) as scope, stopping.ends(scope):
            asyncio.get_running_loop().call_soon(stopping.set)
            await anyio.sleep_forever()
        ended.append(scope.cancelled_caught)
    assert ended == [True, True]
    with anyio.CancelScope() as other, StopSignal().ends(other):
        await asyncio.sleep(0)
    assert not other.cancel_called


async def test_an_error_while_following_comes_through():
    async def broken():
        yield 1
        raise KeyError("x")

    with pytest.raises(KeyError):
        [one async for one in StopSignal().ending(broken())]


async def test_a_stream_has_a_pulse_and_closes_what_it_follows():
    is_closed, never = asyncio.Event(), asyncio.Event()

    async def events():
        try:
            yield EventView(seq=7, type="step.started", at=NOW, node="a", attempt=1, data={"text": "a\nb"})
            await never.wait()
        finally:
            is_closed.set()

    frames = as_event_stream(events(), pulse=0.01)
    assert (await anext(frames)).startswith("retry:")
    event = await anext(frames)
    assert event.startswith("id: 7\nevent: step.started\ndata: {")
    assert event.count("\n") == 4
    assert (await anext(frames)).startswith(":")
    await frames.aclose()
    assert is_closed.is_set()


async def test_a_value_comes_eventually_or_the_reason_why_not():
    given, failed = Eventually(), Eventually()
    waiting = asyncio.ensure_future(given.get())
    await asyncio.sleep(0)
    assert (waiting.done(), given.value) == (False, None)
    given.give(3)
    assert (await waiting, given.value) == (3, 3)
    failed.fail(KeyError("why"))
    with pytest.raises(KeyError):
        await failed.get()


async def test_expiries_come_in_order_and_on_time():
    expiries, seen = Expiries(), []

    class Question:
        def __init__(self, name, seconds) -> None:
            self.interrupt_id, self.run_id = name, "run"
            self.expires_at = datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC)

    async def expire(_run_id, interrupt_id):
        seen.append((interrupt_id, datetime.now(UTC)))

    late, soon = Question("late", 0.2), Question("soon", 0.05)

    async def questions_of(run_id):
        return [Question("earlier", 0.3)] if run_id == "other" else []

    expiries.add(late)
    expiries.look_up("other")
    task = asyncio.ensure_future(expiries.run(expire, questions_of))
    await asyncio.sleep(0.01)
    expiries.add(soon)
    while len(seen) < 3:  # noqa: ASYNC110 - as an observer from outside would
        await asyncio.sleep(0.01)
    task.cancel()
    assert [name for name, _ in seen] == ["soon", "late", "earlier"]
    assert all(at >= question.expires_at for (_, at), question in zip(seen[:2], (soon, late), strict=True))


def test_run_ids_are_uuids_of_version_7_and_sort_by_time():
    ids = [new_run_id() for _ in range(50)]
    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    assert [one[:13] for one in ids] == sorted(one[:13] for one in ids)
    assert len(set(ids)) == 50


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, None), ("false", None), ("true", 60), ("", 60), ("5", 5), ("0.5", 0.5), ("1e9", 60)]
)
def test_how_long_to_wait(text, seconds):
    assert read_wait(text, 60) == seconds


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf", "1_0x"])
def test_what_is_no_time_to_wait(text):
    with pytest.raises(BadQuery):
        read_wait(text, 60)


def test_requests_are_read_field_by_field():
    assert ExecuteRequest.read(Document.from_value({})) == ExecuteRequest()
    full = {"inputs": {"a": 1}, "plan": "d", "labels": {"k": "v"}, "priority": -3}
    assert ExecuteRequest.read(Document.from_value(full)) == ExecuteRequest({"a": 1}, "d", {"k": "v"}, -3)
    assert ResumeRequest.read(Document.from_value({"answer": None})) == ResumeRequest(None)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ([], "wrong-type"),
        ({"inputs": []}, "wrong-type"),
        ({"plan": 1}, "wrong-type"),
        ({"priority": 1.0}, "wrong-type"),
        ({"priority": 1001}, "out-of-range"),
        ({"labels": {"k": "v" * 257}}, "out-of-range"),
        ({"labels": {str(n): "v" for n in range(33)}}, "out-of-range"),
        ({"labels": {"a b": "v"}}, "bad-name"),
        ({"wait": True}, "unknown-field"),
    ],
)
def test_misshapen_requests_are_refused_without_their_values(body, name):
    with pytest.raises(Refused) as refused:
        ExecuteRequest.read(Document.from_value(body))
    assert [one.name for one in refused.value.problems] == [name]
    assert "vvvv" not in refused.value.message


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SPECLOOM_PORT", "9000")
    monkeypatch.setenv("SPECLOOM_TOKEN", "secret-token")
    monkeypatch.setenv("SPECLOOM_DATA", "/srv/loom")
    settings = Settings()
    assert (settings.port, settings.data, settings.database) == (9000, Path("/srv/loom"), Path("/srv/loom/specloom.db"))
    assert "secret-token" not in repr(settings)
    assert settings.is_catalog_named is False


@pytest.mark.parametrize(
    ("host", "is_near"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("loom", False)],  # noqa: S104
)
def test_loopback_is_told_from_other_addresses(host, is_near):
    assert Settings(host=host).is_on_loopback is is_near
