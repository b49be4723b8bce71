"""Requests with a key of their own: what they ask for is done once, and the same request gets the same answer.

The key is recorded in the unit of what the request does, with the answer, which is therefore made before: it tells
how the run stands right after that unit. Inputs can be large and never change, so they are not kept twice.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spec_service.errors import KeyMismatch, ServiceError
from spec_service.requests import RequestKey
from spec_service.services import Services
from spec_service.views import RunView
from workflows.records import KeyKept
from workflows.run import RunId

_ACCEPTED, _FINE = 202, 200


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """What is told to whoever asked for something to be done with a run."""

    run: RunView
    is_accepted: bool = True  # something was set in motion
    is_replayed: bool = False  # by an earlier request with the same key

    @property
    def status(self) -> int:
        """Return the status of HTTP."""
        return _ACCEPTED if self.is_accepted else _FINE


def kept(key: RequestKey | None, answer: RunAnswer, at: datetime) -> tuple[KeyKept, ...]:
    """Return the record of a key and its answer, to be written with what the request does; none without a key."""
    if key is None:
        return ()
    body = answer.run.model_dump(mode="json", by_alias=True, exclude={"inputs"})
    return (KeyKept(RunId(answer.run.id), key.text, key.door, key.body_digest, answer.status, body, at),)


async def once(
    services: Services, key: RequestKey | None, work: Callable[[], Coroutine[Any, Any, RunAnswer]]
) -> RunAnswer:
    """Do what is asked, unless a request with this key did: then give its answer. Raises `KeyMismatch`.

    The work writes the record of the key, and raises a `ServiceError` when that is refused.
    """
    answer = await _answered(services, key)
    if answer is not None:
        return answer
    try:
        return await work()
    except ServiceError:
        answer = await _answered(services, key)  # perhaps the same request was faster, and that is why
        if answer is None:
            raise
        return answer


async def _answered(services: Services, key: RequestKey | None) -> RunAnswer | None:
    found = await services.journal.kept(key.text) if key is not None else None
    if key is None or found is None:
        return None
    if (found.door, found.body_digest) != (key.door, key.body_digest):
        raise KeyMismatch
    run = (await services.runs.get(found.run_id)).run
    view = RunView.model_validate({**found.answer, "inputs": dict(run.inputs)})
    return RunAnswer(view, is_accepted=found.status == _ACCEPTED, is_replayed=True)
